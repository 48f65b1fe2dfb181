"""The workshop of :mod:`labkit.engines`; the map is in :mod:`labkit`."""
