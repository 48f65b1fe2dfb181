"""The child processes of a measurement: producers and consumers, told what to do.

A station opens its end once, then does one job after another, so that starting it
is paid once. All stations of a line meet at a barrier before each timed job.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection
from types import TracebackType
from typing import Any

from labkit._throughput import payloads
from labkit._throughput.adapters import Transport

__all__ = ["Clock", "Job", "consume", "end_with_parent", "produce"]

Clock = Callable[[], float]

_LOOK_S = 1.0  # how often an orphan looks whether it is one


@dataclass(frozen=True, slots=True)
class Job:
    """What a station does next.

    Attributes
    ----------
    kind : str
        ``"items"``: move items against the clock; ``"latency"``: one item at a time;
        ``"first call"``: connect, and make one call.
    count : int
        Items of this station, or at most so many samples.
    payload_bytes, batch_size, first : int
        As in :mod:`.payloads`.
    limit_s : float
        Seconds after which no further sample is taken.
    """

    kind: str
    count: int
    payload_bytes: int = 8
    batch_size: int = 1
    first: int = payloads.FIRST
    limit_s: float = float("inf")


def end_with_parent() -> None:
    """End this child at once when the process that started it has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    parent = multiprocessing.parent_process()
    parent_pid = os.getppid()

    def watch() -> None:
        assert parent is not None  # noqa: S101 - for the type checker
        # A brother process may hold the other end of the sentinel: look at both.
        while not connection.wait([parent.sentinel], timeout=_LOOK_S):
            if os.getppid() != parent_pid:
                break
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()


def produce(
    transport: type[Transport],
    spec: Any,
    orders: "connection.Connection[Any, Any]",
    partner: "connection.Connection[Any, Any]",
    barrier: Any,
    clock: Clock,
) -> None:
    """Be a producer until the orders end; the target of a child process."""

    def do(job: Job) -> Any:
        if job.kind == "latency":
            return _send_one_by_one(job, put, partner, clock, transport.batched)
        load = (job.first, job.count, job.payload_bytes)
        if transport.batched:
            things: Any = payloads.batches(*load, job.batch_size)
        else:
            things = payloads.items(*load)
        barrier.wait()
        begin = clock()
        for thing in things:
            put(thing)
        return begin, clock()

    with _Reporting(orders):
        end_with_parent()
        put = transport.producer(spec)
        _obey(orders, do)


def consume(
    transport: type[Transport],
    spec: Any,
    orders: "connection.Connection[Any, Any]",
    partner: "connection.Connection[Any, Any]",
    barrier: Any,
    clock: Clock,
) -> None:
    """Be a consumer until the orders end; the target of a child process."""

    def do(job: Job) -> Any:
        if job.kind == "latency":
            return _receive_one_by_one(job, get, partner, clock, transport.batched)
        if job.kind == "first call":
            return _first_calls(job, transport, spec, clock)
        if transport.batched:
            batches = transport.batches(get, job.count, job.batch_size)
        else:
            batches = (get() for _ in range(job.count))
        barrier.wait()
        begin = clock()
        for _ in batches:
            pass
        return begin, clock()

    with _Reporting(orders):
        end_with_parent()
        get = transport.consumer(spec)
        _obey(orders, do)


class _Reporting:
    """Send whatever goes wrong to the parent, instead of the terminal."""

    def __init__(self, orders: "connection.Connection[Any, Any]") -> None:
        self.orders = orders

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None and not isinstance(error, EOFError | BrokenPipeError):
            self.orders.send(("failed", str(error), traceback.format_exc()))
        self.orders.close()
        return True


def _obey(orders: "connection.Connection[Any, Any]", do: Callable[[Job], Any]) -> None:
    orders.send(("ready", None, ""))
    for job in iter(orders.recv, None):
        orders.send(("done", do(job), ""))


def _send_one_by_one(
    job: Job,
    put: Callable[[Any], object],
    partner: "connection.Connection[Any, Any]",
    clock: Clock,
    batched: bool,
) -> None:
    go_on = True
    while go_on:
        item = payloads.stamped(clock(), job.payload_bytes)
        put([item] if batched else item)
        go_on = partner.recv()


def _receive_one_by_one(
    job: Job,
    get: Callable[..., Any],
    partner: "connection.Connection[Any, Any]",
    clock: Clock,
    batched: bool,
) -> list[float]:
    until = clock() + job.limit_s
    samples: list[float] = []
    while True:
        item = get(1)[0] if batched else get()
        now = clock()
        samples.append(now - payloads.sent_at(item))
        go_on = len(samples) < job.count and now < until
        partner.send(go_on)
        if not go_on:
            return samples


def _first_calls(
    job: Job, transport: type[Transport], spec: Any, clock: Clock
) -> list[float]:
    """Time whole connections; each in a thread of its own, which has none yet."""

    def call() -> float:
        begin = clock()
        transport.first_call(spec)
        return clock() - begin

    until = clock() + job.limit_s
    samples: list[float] = []
    while len(samples) < job.count and (not samples or clock() < until):
        with ThreadPoolExecutor(max_workers=1) as fresh:
            samples.append(fresh.submit(call).result())
    return samples
