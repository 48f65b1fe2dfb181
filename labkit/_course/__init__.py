"""The workshop of :mod:`labkit.course`; the map is in :mod:`labkit`."""
