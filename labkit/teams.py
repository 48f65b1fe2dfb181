"""Measure a team: N worker processes at one manager server, and what they cost.

The workers of a run are forks of one small process where the system can fork, so that
starting sixteen of them takes no longer than the run.
"""

import multiprocessing
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from labkit.managers import connect
from labkit.servers import start_server
from labkit.stations import end_with_parent

__all__ = ["Run", "Shift", "Team"]

_PUT_AT_ONCE = 5000
_START_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Shift:
    """What each worker of a run does.

    Attributes
    ----------
    workers : int
        Processes, 1 or more.
    tasks : int
        Of each worker.
    task_s : float, default 0.0
        Seconds that a task takes.
    computes : bool, default False
        Whether a task keeps a processor busy; if not it waits, as for a network.
    batch_size : int, default 1
        Tasks that are fetched, and results that are put, in one call. With 1 a task
        is received on a receipt and acknowledged, as ``labkit worker`` does: three
        calls. A batch has no receipts.
    payload_bytes : int, default 0
        Size of a task, and of its result; 0 for a number.
    """

    workers: int
    tasks: int
    task_s: float = 0.0
    computes: bool = False
    batch_size: int = 1
    payload_bytes: int = 0


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
        self._foreman = spawn.Process(target=_foreman, args=(theirs, *place))
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
            self._tasks.put_many([_item(number, shift) for number in numbers])
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


def _item(number: int, shift: Shift) -> Any:
    return (
        number.to_bytes(shift.payload_bytes, "big") if shift.payload_bytes else number
    )


def _foreman(orders: Any, address: Any, key: bytes) -> None:
    """Send workers out for each shift that comes, until the other end is closed."""
    end_with_parent()
    context: Any = multiprocessing.get_context(
        "fork" if sys.platform == "linux" else "spawn"
    )
    while (shift := _next(orders)) is not None:
        used_s = sum(os.times()[:4])  # of this process, and of children that ended
        start = context.Barrier(shift.workers)
        pipes = []
        for _ in range(shift.workers):
            mine, theirs = context.Pipe()
            place = shift, address, key, start, theirs
            context.Process(target=_worker, args=place, daemon=True).start()
            theirs.close()
            pipes.append(mine)
        reports = [pipe.recv() for pipe in pipes]
        for child in multiprocessing.active_children():
            child.join()
        orders.send((reports, sum(os.times()[:4]) - used_s))


def _next(orders: Any) -> Shift | None:
    try:
        return orders.recv()  # type: ignore[no-any-return]
    except EOFError:
        return None


def _worker(shift: Shift, address: Any, key: bytes, start: Any, pipe: Any) -> None:
    """Do a shift; report when it began and ended, the time in tasks, and the costs."""
    manager = connect(address, key)
    queues = tasks, results = [manager.get_queue(n) for n in ("tasks", "results")]
    for one in queues:
        one.qsize()  # connects
    a_round = _receive if shift.batch_size == 1 else _batch
    start.wait(_START_WITHIN_S)
    began, used_s, busy_s, done = time.perf_counter(), time.process_time(), 0.0, 0
    while done < shift.tasks:
        count, seconds = a_round(shift, tasks, results, shift.tasks - done)
        done, busy_s = done + count, busy_s + seconds
    ended = time.perf_counter()
    pipe.send((began, ended, busy_s, time.process_time() - used_s))


def _receive(shift: Shift, tasks: Any, results: Any, _: int) -> tuple[int, float]:
    """Do one task as ``labkit worker`` does; return 1, and the seconds of the task."""
    receipt, item = tasks.receive()
    spent_s = _do(shift, 1)
    results.put(item)
    tasks.ack(receipt)
    return 1, spent_s


def _batch(shift: Shift, tasks: Any, results: Any, left: int) -> tuple[int, float]:
    """Do a batch; return how many tasks it had, and their seconds."""
    items = tasks.get_many(min(shift.batch_size, left))
    spent_s = _do(shift, len(items))
    results.put_many(items)
    return len(items), spent_s


def _do(shift: Shift, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count if shift.task_s else 0):
        if shift.computes:
            end = time.thread_time() + shift.task_s
            while time.thread_time() < end:
                pass
        else:
            time.sleep(shift.task_s)
    return time.perf_counter() - began
