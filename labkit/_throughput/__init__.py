"""The workshop of :mod:`labkit.throughput`; the map is in :mod:`labkit`."""
