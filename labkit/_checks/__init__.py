"""The workshop of :mod:`labkit.checks`; the map is in :mod:`labkit`."""
