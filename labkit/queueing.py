"""How many tasks a second N workers do when they share one server: on paper, simulated.

A worker goes round in a circle: its task, its own part of the calls, the server's part.
Only one worker at a time is at the server; the others queue. That is a closed queueing
network, and mean value analysis solves it exactly. Where workers and server also share
the processors of one machine, a simulation does.

References
----------
M. Reiser, S. Lavenberg, Mean-Value Analysis of Closed Multichain Queuing Networks,
Journal of the ACM 27 (1980).
"""

import heapq
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.errors import MeasurementError

__all__ = ["Demand", "knee", "mva", "rates", "rivals_of", "simulate"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What one task needs, all in seconds, 0 or more.

    Attributes
    ----------
    task_s : float
        The task itself.
    computes : bool
        Whether the task needs a processor; if not it waits, as for a network.
    worker_s : float
        Of a processor in the worker, for the calls.
    server_s : float
        Of a processor in the server, which serves one call at a time.
    pause_s : float, default 0.0
        On the way: nobody computes, as the systems wake up who waits.
    """

    task_s: float
    computes: bool
    worker_s: float
    server_s: float
    pause_s: float = 0.0

    @property
    def alone_s(self) -> float:
        """Seconds for a task where nobody waits for anybody."""
        return self.task_s + self.worker_s + self.server_s + self.pause_s


def mva(demands_s: Sequence[float], away_s: float, workers: int) -> float:
    """Return the tasks per second of a closed network, exactly.

    Parameters
    ----------
    demands_s : sequence of float
        Seconds that a task needs of each server at which workers queue.
    away_s : float
        Seconds for each task in which its worker is at no server.
    workers : int
        1 or more.

    Returns
    -------
    float

    Notes
    -----
    Exact for exponential times at the servers; those away may have any distribution.
    With a single server and regular times the true rate is a little higher.

    Examples
    --------
    One worker, 9 ms away and 1 ms at the server, then a hundred of them:

    >>> round(mva([0.001], 0.009, 1)), round(mva([0.001], 0.009, 100))
    (100, 1000)
    """
    if workers < 1 or away_s < 0 or min(demands_s, default=0.0) < 0:
        raise MeasurementError(
            f"{workers} workers, {away_s} s away, {list(demands_s)} s at servers: give "
            "1 worker or more, and no negative times"
        )
    return next(itertools.islice(rates(demands_s, away_s), workers - 1, None))


def rates(demands_s: Sequence[float], away_s: float) -> Iterator[float]:
    """Yield the tasks per second of 1 worker, of 2, and so on, without end."""
    queues = [0.0] * len(demands_s)
    for workers in itertools.count(1):
        # Who comes finds the queues of a network with one worker less.
        times = [d * (1 + q) for d, q in zip(demands_s, queues, strict=True)]
        whole_s = away_s + sum(times)
        rate = workers / whole_s if whole_s else float("inf")
        queues = [rate * seconds for seconds in times]
        yield rate


def knee(demand: Demand) -> float:
    """Return the number of workers from which on they mostly queue for the server.

    With fewer the rate grows with each of them; with more it stays at one by
    ``server_s``. The lines of the two cross here.
    """
    return demand.alone_s / demand.server_s if demand.server_s else float("inf")


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
