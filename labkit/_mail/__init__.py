"""The workshop of :mod:`labkit.mail`; the map is in :mod:`labkit`."""
