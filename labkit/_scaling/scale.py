"""``python -m labkit scale``: how far one server goes, measured and modelled."""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from labkit._scaling.choices import Choice, measure_choices
from labkit._scaling.modelchecks import KINDS, Check, check
from labkit._scaling.teams import Shift, Team
from labkit._scaling.texttables import TextTable
from labkit.commands import common
from labkit.plots import seconds_text

__all__ = ["busy_table", "choices_table", "main"]

_BUSY = 0.2  # processors that others may use before the figures are doubted
_LENGTHS_S = (0.0003, 0.001, 0.003, 0.01, 0.03)


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser(
        "scale",
        "Measure what a task costs a manager server, predict 1 to 16 workers, and\n"
        "check that; then draw it out to 1,000 workers and a network of 10 Gbit/s,\n"
        "beside batches, several servers, Dask and Redis. Three minutes.",
        "python -m labkit scale --png scale.png",
    )
    add = parser.add_argument
    add("--rounds", type=common.number, default=7, metavar="N", help="(%(default)s)")
    add("--png", type=Path, metavar="FILE", help="write FILE and FILE-choices.png")
    options = parser.parse_args(argv)
    return common.run("scale", lambda: _scale(options))


def _scale(options: argparse.Namespace) -> int:
    began = time.perf_counter()
    advance = bool
    with Team() as team:
        checks = [
            check(team, name, rounds=options.rounds, tick=advance) for name in KINDS
        ]
        for one in checks:
            print(one.table(), end="\n\n", flush=True)
        print(busy_table(team), end="\n\n", flush=True)
        choices = measure_choices(team)
    print(choices_table(choices))
    _doubt(checks)
    _draw(options.png, checks, choices)
    print(f"It took {time.perf_counter() - began:.0f} s.")
    return common.DONE


def busy_table(team: Team, batch_size: int = 10, seconds: float = 0.4) -> TextTable:
    """Return how busy one worker on each processor is, by the length of a task.

    Parameters
    ----------
    team : Team
    batch_size : int, default 10
        Tasks that a worker fetches in one call.
    seconds : float, default 0.4
        Of each run.
    """
    cores = os.cpu_count() or 1
    lines = [f"{cores} workers on {cores} processors, {batch_size} tasks a call"]
    for task_s in _LENGTHS_S:
        count = max(int(seconds / task_s), batch_size)
        run = team.run(
            Shift(cores, count, task_s, computes=True, batch_size=batch_size)
        )
        lines.append(
            f"  tasks of {seconds_text(task_s):>6} keep them {run.busy:.0%} busy"
        )
    return TextTable(lines)


def choices_table(choices: Sequence[Choice]) -> TextTable:
    """Return where each choice stops being right, as aligned text."""
    head = "per task   at most   busy at 10 ms    at 1 s    1,000 need   10 Gbit/s from"
    lines = [f"{'':<20} {head}"]
    for one in choices:
        full = one.network_from_bytes
        lines.append(
            f"{one.name:<20} {seconds_text(one.server_s):>8} "
            f"{one.limit_per_s:>9,.0f} {one.keeps_busy(0.01):>15,} "
            f"{one.keeps_busy(1.0):>9,} {seconds_text(one.shortest_task_s(1000)):>13} "
            f"{'never' if full == float('inf') else f'{full:,.0f} B':>15}"
        )
    notes = (
        "per task: processor time of the process that all tasks go through. At most:",
        "tasks per second. Busy: workers, each with its own machine, 90 % busy with",
        "tasks of that length. 1,000 need: the shortest task that keeps 1,000 workers",
        "90 % busy. 10 Gbit/s from: the size of a task, and of its result, from which",
        "the network is full before the server is (of Dask and Redis the bytes were",
        "not measured). 10,000 workers: or more. A broker was not measured at all.",
    )
    return TextTable((*lines, *notes))


def _doubt(checks: Sequence[Check]) -> None:
    others = max(one.others for one in checks)
    worst = max(one.worst for one in checks)
    print(f"The largest error of the model is {worst:.0%}.")
    if others > _BUSY:
        print(
            f"Other programs used {others:.1f} processors meanwhile, which the model "
            "knows on average only: close them and run it again."
        )


def _draw(
    path: Path | None, checks: Sequence[Check], choices: Sequence[Choice]
) -> None:
    if path is None:
        return
    from labkit._scaling.scaleplots import plot_checks, plot_choices

    second = path.with_name(f"{path.stem}-choices{path.suffix}")
    for target, plot in ((path, plot_checks(checks)), (second, plot_choices(choices))):
        print(f"{plot.save(target)}: {plot.alt}")
