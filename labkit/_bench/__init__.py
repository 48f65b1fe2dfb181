"""The workshop of :mod:`labkit.bench`; the map is in :mod:`labkit`."""
