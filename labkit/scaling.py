"""Measure what a task costs its server, predict many workers, and check that.

The costs are measured with one worker and with three. What they predict for 2, 4, 8
and 16 is then compared with runs of so many.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from labkit.queueing import Demand, mva, rates
from labkit.simulations import rivals_of, simulate
from labkit.teams import Run, Shift, Team

__all__ = ["COUNTS", "KINDS", "Check", "Point", "calibrate", "check", "kept_busy"]

COUNTS = (1, 2, 4, 8, 16)
KINDS = {
    "empty tasks": Shift(1, 1),
    "tasks that wait 5 ms": Shift(1, 1, task_s=0.005),
    "tasks that compute 2 ms": Shift(1, 1, task_s=0.002, computes=True),
}
_MOST = 10_000
_COMPANY = 3  # none of the counts that are predicted
_GUESS_S = 0.0004  # of a task's calls, before anything was measured


@dataclass(frozen=True, slots=True)
class Point:
    """One number of workers: what was measured, and what was predicted.

    Attributes
    ----------
    workers : int
    measured, predicted : float
        Tasks per second, the median of the rounds. The prediction is simulated, on
        the processors of this machine and beside the programs that ran meanwhile.
    on_paper : float
        Tasks per second if each worker, and the server, had its own processor.
    busy : float
        The part of their time that the workers spent on tasks.
    """

    workers: int
    measured: float
    predicted: float
    on_paper: float
    busy: float

    @property
    def error(self) -> float:
        """How far the prediction is off, as a part of what was measured."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of task, predicted and measured.

    Attributes
    ----------
    kind : str
    alone, company : Demand
        The costs with one worker, and with three.
    points : tuple of Point
    others : float
        Processors that other programs used, on average.
    """

    kind: str
    alone: Demand
    company: Demand
    points: tuple[Point, ...]
    others: float

    @property
    def worst(self) -> float:
        """The largest error, without its sign."""
        return max(abs(point.error) for point in self.points)

    @property
    def middle(self) -> float:
        """The median error, without its sign."""
        return statistics.median(abs(point.error) for point in self.points)

    def lines(self) -> Iterator[str]:
        """Yield a table of the points, and the errors in words."""
        cost = self.company
        yield (
            f"{self.kind}: the calls of a task cost {cost.worker_s * 1e6:,.1f} µs in "
            f"the worker and {cost.server_s * 1e6:,.1f} µs in the server"
        )
        yield "  workers   measured  predicted   error   own processors"
        for one in self.points:
            yield (
                f"  {one.workers:>7} {one.measured:>10,.0f} {one.predicted:>10,.0f} "
                f"{one.error:>+7.0%} {one.on_paper:>16,.0f}"
            )
        yield f"  largest error {self.worst:.0%}, median {self.middle:.0%}"


def calibrate(team: Team, kind: Shift, rounds: int, seconds: float) -> list[Demand]:
    """Measure what a task needs: with one worker, and in company."""
    found = []
    for workers in (1, _COMPANY):
        shift = _sized(replace(kind, workers=workers), kind.task_s + _GUESS_S, seconds)
        runs = [team.run(shift) for _ in range(rounds)]
        middle = [
            statistics.median(getattr(run, name) for run in runs)
            for name in ("worker_s", "server_s")
        ]
        found.append(Demand(kind.task_s, kind.computes, *middle))
    return found


def check(
    team: Team,
    name: str,
    *,
    counts: Sequence[int] = COUNTS,
    rounds: int = 3,
    seconds: float = 0.4,
    tick: Callable[[int], object] = bool,
) -> Check:
    """Predict a kind of task for several numbers of workers, and measure it.

    Parameters
    ----------
    team : Team
        Within its ``with`` block.
    name : str
        Of :data:`KINDS`.
    counts : sequence of int, default 1, 2, 4, 8, 16
        Numbers of workers.
    rounds : int, default 3
        How often each is measured, in turns.
    seconds : float, default 0.4
        That a run aims at.
    tick : callable, optional
        Called with 1 after each round.
    """
    cores = float(os.cpu_count() or 1)
    runs: dict[int, list[Run]] = {count: [] for count in counts}
    costs: list[list[Demand]] = []
    for _ in range(rounds):
        costs.append(calibrate(team, KINDS[name], 1, seconds))
        for count in counts:
            cost = costs[-1][count > 1]
            rate, _ = simulate(cost, count, cores, tasks=400)
            shift = _sized(replace(KINDS[name], workers=count), count / rate, seconds)
            runs[count].append(team.run(shift))
        tick(1)
    alone, company = (_middle([pair[place] for pair in costs]) for place in (0, 1))
    points = [
        _point(company if count > 1 else alone, count, cores, runs[count])
        for count in counts
    ]
    others = [run.others for some in runs.values() for run in some]
    return Check(name, alone, company, tuple(points), statistics.mean(others))


def _sized(shift: Shift, round_s: float, seconds: float) -> Shift:
    """Give each worker as many tasks as should take so long."""
    return replace(shift, tasks=max(int(seconds / round_s), 10))


def _middle(costs: Sequence[Demand]) -> Demand:
    return replace(
        costs[0],
        worker_s=statistics.median(cost.worker_s for cost in costs),
        server_s=statistics.median(cost.server_s for cost in costs),
    )


def _point(cost: Demand, workers: int, cores: float, runs: Sequence[Run]) -> Point:
    predicted = []
    for run in runs:
        rivals = rivals_of(cost, workers, cores, run.others)
        predicted.append(simulate(cost, workers, cores, rivals=rivals)[0])
    return Point(
        workers,
        statistics.median(run.rate_per_s for run in runs),
        statistics.median(predicted),
        mva([cost.server_s], cost.alone_s - cost.server_s, workers),
        statistics.median(run.busy for run in runs),
    )


def kept_busy(demands_s: Sequence[float], away_s: float, task_s: float) -> int:
    """Return how many workers, each on a machine of its own, are 90 % busy.

    Parameters
    ----------
    demands_s : sequence of float
        Seconds that a task needs of each server.
    away_s : float
        Seconds of a worker's own part of the calls.
    task_s : float
        Seconds of the task itself.

    Returns
    -------
    int
        The largest such number up to 10,000; 0 if not even one is.
    """
    found = 0
    for workers, rate in enumerate(rates(demands_s, away_s + task_s), 1):
        if rate * task_s < 0.9 * workers or workers > _MOST:
            break
        found = workers
    return found
