"""How many tasks a second N workers do when they share one server: on paper.

A worker goes round in a circle: its task, its own part of the calls, the server's part.
Only one worker at a time is at the server; the others queue. That is a closed queueing
network, and mean value analysis solves it exactly. Where workers and server also share
the processors of one machine, :mod:`.simulations` does.

References
----------
M. Reiser, S. Lavenberg, Mean-Value Analysis of Closed Multichain Queuing Networks,
Journal of the ACM 27 (1980).
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.errors import MeasurementError

__all__ = ["Demand", "knee", "mva", "rates"]


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
