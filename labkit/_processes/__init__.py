"""The workshop of :mod:`labkit.processes`; the map is in :mod:`labkit`."""
