"""The workshop of :mod:`labkit.queues`; the map is in :mod:`labkit`."""
