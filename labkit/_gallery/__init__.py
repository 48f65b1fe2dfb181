"""The workshop of :mod:`labkit.gallery`; the map is in :mod:`labkit`."""
