"""The workshop of :mod:`labkit.browsing`; the map is in :mod:`labkit`."""
