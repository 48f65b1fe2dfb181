"""The workshop of :mod:`labkit.bootstrap`; the map is in :mod:`labkit`."""
