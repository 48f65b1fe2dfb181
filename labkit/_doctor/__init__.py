"""The workshop of :mod:`labkit.doctor`; the map is in :mod:`labkit`."""
