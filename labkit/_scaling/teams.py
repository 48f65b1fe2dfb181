"""Measure a team: N worker processes at one manager server, and what they cost.

The workers of a run are forks of one small process where the system can fork, so that
starting sixteen of them takes no longer than the run.
"""

import multiprocessing
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from labkit._scaling.shifts import Shift, item, send_out
from labkit.servers import start_server

__all__ = ["Run", "Shift", "Team"]

_PUT_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a shift.

    Attributes
    ----------
    shift : Shift
    seconds : float
        From the start of all workers until the last one had done its tasks.
    busy : float
        The part of their time that the workers spent on tasks, 0 to 1.
    worker_s, server_s : float
        Processor seconds for each task, in the worker beside the task itself, and in
        the server.
    others : float
        Processors that other programs used meanwhile, on average.
    """

    shift: Shift
    seconds: float
    busy: float
    worker_s: float
    server_s: float
    others: float

    @property
    def rate_per_s(self) -> float:
        """Tasks per second, of all workers together."""
        return self.shift.workers * self.shift.tasks / self.seconds


class Team:
    """A manager server, and a process that sends workers to it; a context manager.

    Examples
    --------
    >>> with Team() as team:
    ...     run = team.run(Shift(workers=2, tasks=50))
    >>> run.rate_per_s > 100
    True
    """

    def __init__(self) -> None:
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Self:
        """Start the server and the process; what a ``with`` block does."""
        self._server = self._cleanup.enter_context(start_server(name="team"))
        manager = self._server.connect()
        self._tasks, self._results = map(manager.get_queue, ("tasks", "results"))
        self._tasks.qsize()  # connects, so that the first run is like the others
        self._results.qsize()
        spawn = multiprocessing.get_context("spawn")
        self._orders, theirs = spawn.Pipe()
        place = self._server.address, self._server.authkey
        self._foreman = spawn.Process(target=send_out, args=(theirs, *place))
        self._cleanup.callback(self._dismiss)
        self._foreman.start()
        theirs.close()
        return self

    def close(self) -> None:
        """End both; safe to call twice."""
        self._cleanup.close()

    def _dismiss(self) -> None:
        self._orders.close()
        if self._foreman.pid is not None:
            self._foreman.join()
            self._foreman.close()

    def run(self, shift: Shift) -> Run:
        """Let workers do a shift.

        Raises
        ------
        EOFError
            A worker failed; what it said is on standard error.
        """
        total = shift.workers * shift.tasks
        for first in range(0, total, _PUT_AT_ONCE):
            numbers = range(first, min(first + _PUT_AT_ONCE, total))
            self._tasks.put_many([item(number, shift) for number in numbers])
        before, began = self._used(), time.perf_counter()
        self._orders.send(shift)
        reports, team_s = self._orders.recv()
        used = [now - then for now, then in zip(self._used(), before, strict=True)]
        passed_s = time.perf_counter() - began
        while self._results.qsize():
            self._results.get_many(_PUT_AT_ONCE)
        starts, ends, busy, worker_s = zip(*reports, strict=True)
        everybody_s, server_s, mine_s = used
        others_s = everybody_s - server_s - mine_s - team_s
        own_s = total * shift.task_s if shift.computes else 0.0
        return Run(
            shift,
            seconds=max(ends) - min(starts),
            busy=sum(busy) / (sum(ends) - sum(starts)),
            worker_s=max(sum(worker_s) - own_s, 0.0) / total,
            server_s=server_s / total,
            others=max(others_s, 0.0) / passed_s,
        )

    def _used(self) -> tuple[float, float, float]:
        """Return the processor seconds of all programs, of the server, and our own."""
        import psutil

        times = psutil.cpu_times()
        idle_s = times.idle + getattr(times, "iowait", 0.0)
        # Linux counts the guests of a virtual machine twice.
        guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        server = psutil.Process(self._server.pid).cpu_times()
        everybody_s = sum(times) - idle_s - guests_s
        return everybody_s, server.user + server.system, time.process_time()
