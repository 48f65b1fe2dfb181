"""Measure what a task costs its server, predict many workers, and check that.

The costs are measured with one worker and with three, right before and right after
each run that they are to predict: of 1 worker, or of 2, 4, 8 and 16. A machine that
others use changes its pace within seconds, so a prediction is held against its own run
alone, and of the errors of all rounds the middle one counts.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from labkit._scaling.queueing import Demand, mva, rates
from labkit._scaling.simulations import rivals_of, simulate
from labkit._scaling.teams import Run, Shift, Team
from labkit._scaling.texttables import TextTable

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
    measured : float
        Tasks per second, the median of the rounds.
    predicted : float
        Tasks per second: `measured`, off by the median of the rounds' errors. It is
        simulated for each round, on the processors of this machine and beside the
        programs that ran meanwhile.
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

    def table(self) -> TextTable:
        """Return the points as a table, and the errors in words."""
        cost = self.company
        head = (
            f"{self.kind}: the calls of a task cost {cost.worker_s * 1e6:,.1f} µs in "
            f"the worker and {cost.server_s * 1e6:,.1f} µs in the server"
        )
        return TextTable(
            (
                head,
                "  workers   measured  predicted   error   own processors",
                *(
                    f"  {one.workers:>7} {one.measured:>10,.0f} {one.predicted:>10,.0f}"
                    f" {one.error:>+7.0%} {one.on_paper:>16,.0f}"
                    for one in self.points
                ),
                f"  largest error {self.worst:.0%}, median {self.middle:.0%}",
            )
        )


def calibrate(team: Team, kind: Shift, workers: int, seconds: float) -> Demand:
    """Measure what a task needs of worker and server, with so many workers."""
    run = team.run(_sized(replace(kind, workers=workers), _GUESS_S, seconds))
    return Demand(kind.task_s, kind.computes, run.worker_s, run.server_s)


def check(
    team: Team,
    name: str,
    *,
    counts: Sequence[int] = COUNTS,
    rounds: int = 3,
    seconds: float = 0.3,
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
    seconds : float, default 0.3
        That a run aims at.
    tick : callable, optional
        Called with 1 after each round.
    """
    pairs: dict[int, list[tuple[Demand, Run]]] = {count: [] for count in counts}
    for _ in range(rounds):
        for several in (False, True):
            some = [count for count in counts if (count > 1) == several]
            for count, pair in _round(team, KINDS[name], some, seconds):
                pairs[count].append(pair)
        tick(1)
    costs = {
        alone: [cost for n in counts for cost, _ in pairs[n] if (n == 1) == alone]
        for alone in (True, False)
    }
    either = costs[True] or costs[False]
    points = tuple(_point(count, pair) for count, pair in pairs.items())
    others = [run.others for pair in pairs.values() for _, run in pair]
    alone, company = (_middle(costs[which] or either) for which in (True, False))
    return Check(name, alone, company, points, statistics.mean(others))


def _round(
    team: Team, kind: Shift, counts: Sequence[int], seconds: float
) -> Iterator[tuple[int, tuple[Demand, Run]]]:
    """Run each number of workers once; yield it with the costs around its run."""
    if not counts:
        return
    company = 1 if counts[0] == 1 else _COMPANY
    before = calibrate(team, kind, company, seconds)
    for count in counts:
        rate, _ = simulate(before, count, float(os.cpu_count() or 1), tasks=400)
        shift = replace(kind, workers=count)
        run = team.run(_sized(shift, count / rate - kind.task_s, seconds))
        after = calibrate(team, kind, company, seconds)
        yield count, (_middle([before, after]), run)
        before = after


def _sized(shift: Shift, calls_s: float, seconds: float) -> Shift:
    """Give each worker as many tasks as should take so long."""
    return replace(shift, tasks=max(int(seconds / (shift.task_s + calls_s)), 10))


def _middle(costs: Sequence[Demand]) -> Demand:
    return replace(
        costs[0],
        worker_s=statistics.median(cost.worker_s for cost in costs),
        server_s=statistics.median(cost.server_s for cost in costs),
    )


def _point(workers: int, pairs: Sequence[tuple[Demand, Run]]) -> Point:
    cores = float(os.cpu_count() or 1)
    ratios = []
    for cost, run in pairs:
        rivals = rivals_of(cost, workers, cores, run.others)
        predicted, _ = simulate(cost, workers, cores, rivals=rivals)
        ratios.append(predicted / run.rate_per_s)
    measured = statistics.median(run.rate_per_s for _, run in pairs)
    cost = _middle([cost for cost, _ in pairs])
    return Point(
        workers,
        measured,
        measured * statistics.median(ratios),
        mva([cost.server_s], cost.alone_s - cost.server_s, workers),
        statistics.median(run.busy for _, run in pairs),
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
