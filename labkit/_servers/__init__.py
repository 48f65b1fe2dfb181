"""The workshop of :mod:`labkit.servers`; the map is in :mod:`labkit`."""
