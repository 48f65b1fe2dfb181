"""The workshop of :mod:`labkit.plots`; the map is in :mod:`labkit`."""
