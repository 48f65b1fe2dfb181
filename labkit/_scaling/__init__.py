"""The workshop of :mod:`labkit.scaling`; the map is in :mod:`labkit`."""
