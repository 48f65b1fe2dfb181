"""The workshop of :mod:`labkit.site`; the map is in :mod:`labkit`."""
