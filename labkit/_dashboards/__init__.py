"""The workshop of :mod:`labkit.dashboards`; the map is in :mod:`labkit`."""
