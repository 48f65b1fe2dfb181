"""The workshop of :mod:`labkit.transport`; the map is in :mod:`labkit`."""
