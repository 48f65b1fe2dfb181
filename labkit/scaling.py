"""How far one server goes: measured with a few workers, modelled for a thousand.

``python -m labkit scale`` prints and draws all of it; lesson 11 takes it apart.
"""

from labkit._scaling.choices import Choice, dask_s, measure_choices
from labkit._scaling.modelchecks import Check, Point, check, kept_busy
from labkit._scaling.queueing import Demand, knee, mva
from labkit._scaling.scale import busy_table, choices_table, main
from labkit._scaling.scaleplots import plot_checks, plot_choices
from labkit._scaling.teams import Run, Shift, Team

__all__ = [
    "Check",
    "Choice",
    "Demand",
    "Point",
    "Run",
    "Shift",
    "Team",
    "busy_table",
    "check",
    "choices_table",
    "dask_s",
    "kept_busy",
    "knee",
    "main",
    "measure_choices",
    "mva",
    "plot_checks",
    "plot_choices",
]
