"""The workshop of :mod:`labkit.progress`; the map is in :mod:`labkit`."""
