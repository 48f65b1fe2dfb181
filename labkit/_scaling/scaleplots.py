"""The model beside what was measured, and drawn out; see :mod:`labkit.scaling`."""

from collections.abc import Sequence

from labkit._scaling.choices import Choice
from labkit._scaling.modelchecks import Check
from labkit.plots import Plot, canvas, number_text, scale, seconds_text, styles

__all__ = ["plot_checks", "plot_choices"]

_UP_TO = 1000


def plot_checks(checks: Sequence[Check], title: str = "") -> Plot:
    """Draw tasks per second against workers, predicted and measured.

    Parameters
    ----------
    checks : sequence of Check
        At least one.
    title : str, optional
    """
    figure, axis = canvas(title or "One manager server, on this machine", checks)
    told = []
    looks = styles(one.kind for one in checks)
    for one in checks:
        look = looks[one.kind]
        places = [point.workers for point in one.points]
        style = {"color": look["color"], "linestyle": look["linestyle"]}
        axis.plot(places, [p.predicted for p in one.points], **style)
        measured = [p.measured for p in one.points]
        axis.plot(places, measured, look["marker"], color=look["color"], label=one.kind)
        told.append(f"{one.kind}: {_ends(places, measured)}, error {one.worst:.0%}")
    scale(axis, "y", [p.measured for one in checks for p in one.points])
    axis.set_ylim(bottom=None if axis.get_yscale() == "log" else 0)
    axis.set_xticks(sorted({p.workers for one in checks for p in one.points}))
    axis.set_ylabel("tasks per second")
    axis.set_xlabel("workers; marks: measured, lines: predicted")
    alt = "Tasks per second against workers; measured, and the largest error of the "
    return Plot(figure, f"{alt}model. {'; '.join(told)}.")


def plot_choices(
    choices: Sequence[Choice], task_s: float = 0.01, title: str = ""
) -> Plot:
    """Draw what each choice does with up to 1,000 workers, by the model.

    Parameters
    ----------
    choices : sequence of Choice
        At least one.
    task_s : float, default 0.01
        Seconds of a task.
    title : str, optional
    """
    figure, axis = canvas(title or f"Tasks of {seconds_text(task_s)}", choices)
    places = sorted({round(_UP_TO ** (step / 24)) for step in range(25)})
    ideal = [place / task_s for place in places]
    axis.plot(places, ideal, color="#888888", linewidth=1, label="all workers busy")
    told = []
    looks = styles(one.name for one in choices)
    for one in choices:
        rate = [one.rate(place, task_s) for place in places]
        name = one.name if one.servers == 1 else f"{one.name} ({one.servers})"
        axis.plot(places, rate, markevery=6, label=name, **looks[one.name])
        told.append(
            f"{name} {number_text(rate[-1])} with {_UP_TO:,} workers, 90 % busy up to "
            f"{one.keeps_busy(task_s):,}"
        )
    for which in "xy":
        scale(axis, which, [1, _UP_TO])
    axis.set_ylabel("tasks per second")
    axis.set_xlabel("workers, each on a machine of its own")
    what = f"Tasks of {seconds_text(task_s)} per second against workers, by the model: "
    return Plot(figure, f"{what}{'; '.join(told)}.")


def _ends(places: Sequence[int], rates: Sequence[float]) -> str:
    first, last = number_text(rates[0]), number_text(rates[-1])
    return f"{first} with {places[0]}, {last} with {places[-1]}"
