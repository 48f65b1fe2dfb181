"""The workshop of :mod:`labkit.grading`; the map is in :mod:`labkit`."""
