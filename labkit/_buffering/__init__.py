"""The workshop of :mod:`labkit.buffering`; the map is in :mod:`labkit`."""
