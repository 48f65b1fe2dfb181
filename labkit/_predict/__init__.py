"""The workshop of :mod:`labkit.predict`; the map is in :mod:`labkit`."""
