"""What the workers of a team do: a foreman sends them out, each does its shift."""

import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

from labkit.manager import connect
from labkit.supervised import end_with_parent

__all__ = ["Shift", "item", "send_out"]

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


def item(number: int, shift: Shift) -> Any:
    """Return the task of a number, of the size that the shift wants."""
    size = shift.payload_bytes
    return number.to_bytes(size, "big") if size else number


def send_out(orders: Any, address: Any, key: bytes) -> None:
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
