"""How many tasks a second N workers do on the processors of one machine: simulated."""

import heapq
import itertools
import random

from labkit._scaling.queueing import Demand
from labkit.errors import MeasurementError

__all__ = ["rivals_of", "simulate"]


def simulate(
    demand: Demand,
    workers: int,
    cores: float,
    *,
    rivals: float = 0.0,
    tasks: int = 4000,
    seed: int = 1,
) -> tuple[float, float]:
    """Return the tasks per second where all share the processors of one machine.

    Parameters
    ----------
    demand : Demand
    workers : int
        1 or more.
    cores : float
        Processors of the machine, above 0; ``inf`` for no limit.
    rivals : float, default 0.0
        Other programs that never stop computing.
    tasks : int, default 4000
        How many to simulate.
    seed : int, default 1
        Of the random times; the same seed gives the same rate.

    Returns
    -------
    rate_per_s : float
    rivals_use : float
        Processors that the rivals got, on average.

    Notes
    -----
    Processors are shared evenly among all who compute. Tasks take the same time each;
    the other times are exponential.
    """
    if workers < 1 or not cores > 0:
        raise MeasurementError(f"{workers} workers on {cores} cores: give more than 0")
    machine = _Machine(demand, workers, (cores, rivals), seed)
    return machine.run(max(tasks, 20 * workers))


def rivals_of(demand: Demand, workers: int, cores: float, used: float) -> float:
    """Return how many rivals would use as much of the processors as others did.

    Parameters
    ----------
    demand, workers, cores
        As for :func:`simulate`.
    used : float
        Processors that other programs used, on average.

    Notes
    -----
    The fewest that come within 5 % of it: on a machine that is full two rivals and
    twenty use nearly the same.
    """
    used *= 0.95
    low, high = 0.0, 4.0 * (workers + cores)
    for _ in range(9):
        middle = (low + high) / 2
        _, got = simulate(demand, workers, cores, rivals=middle, tasks=300)
        low, high = (middle, high) if got < used else (low, middle)
    return (low + high) / 2


class _Machine:
    """Workers and a server on shared processors, moved from event to event.

    Whoever computes does so at the same pace. So each gets a mark on a common
    account of work, and is done when the account has reached the mark.
    """

    def __init__(
        self, demand: Demand, workers: int, place: tuple[float, float], seed: int
    ) -> None:
        self._demand = demand
        self._cores, self._rivals = place
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._now = self._work = 0.0
        self._tickets = itertools.count()
        self._away: list[tuple[float, int]] = []  # by the time of the end
        self._computing: list[tuple[float, int, str]] = []  # by the mark
        self._queue = 0  # calls at the server, the one served included
        self._done = 0
        self._rivals_s = 0.0
        for _ in range(workers):
            self._begin()

    def run(self, tasks: int) -> tuple[float, float]:
        warm, began = tasks // 10, 0.0
        while self._done < tasks + warm:
            if self._done <= warm:
                began, self._rivals_s = self._now, 0.0
            self._step()
        spent_s = self._now - began
        if not spent_s > 0:
            return float("inf"), 0.0
        return (self._done - warm) / spent_s, self._rivals_s / spent_s

    def _about(self, mean_s: float) -> float:
        return self._random.expovariate(1 / mean_s) if mean_s > 0 else 0.0

    def _begin(self) -> None:
        """Let a worker begin a task: what waits comes first, then what computes."""
        demand = self._demand
        waits = 0.0 if demand.computes else demand.task_s
        end = self._now + waits + self._about(demand.pause_s)
        heapq.heappush(self._away, (end, next(self._tickets)))

    def _compute(self, seconds: float, what: str) -> None:
        mark = self._work + seconds
        heapq.heappush(self._computing, (mark, next(self._tickets), what))

    def _step(self) -> None:
        rivals, running = self._rivals, len(self._computing)
        pace = min(1.0, self._cores / max(running + rivals, 1e-9))
        ends = float("inf")
        if running:
            ends = self._now + (self._computing[0][0] - self._work) / pace
        comes_first = bool(self._away) and self._away[0][0] <= ends
        then = self._away[0][0] if comes_first else ends
        self._rivals_s += rivals * pace * (then - self._now)
        self._work += pace * (then - self._now)
        self._now = then
        if comes_first:
            heapq.heappop(self._away)
            own_s = self._demand.task_s if self._demand.computes else 0.0
            self._compute(own_s + self._about(self._demand.worker_s), "worker")
        else:
            self._work, _, what = heapq.heappop(self._computing)
            self._next(what)

    def _next(self, what: str) -> None:
        """Move on who has computed: a worker to the server, a call to its end."""
        if what == "worker":
            self._queue += 1
            if self._queue > 1:
                return
        else:
            self._queue -= 1
            self._done += 1
            self._begin()
        if self._queue:
            self._compute(self._about(self._demand.server_s), "server")
