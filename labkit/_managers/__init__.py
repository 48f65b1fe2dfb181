"""The workshop of :mod:`labkit.managers`; the map is in :mod:`labkit`."""
