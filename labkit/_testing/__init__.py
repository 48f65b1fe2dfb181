"""The workshop of :mod:`labkit.testing`; the map is in :mod:`labkit`."""
