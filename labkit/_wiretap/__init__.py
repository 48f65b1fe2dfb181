"""The workshop of :mod:`labkit.wiretap`; the map is in :mod:`labkit`."""
