"""One conductor for every measurement: warm up, fix the counts, take turns.

A warm-up says how many items a repeat of 0.25 s moves; that number is then fixed. In
each round every transport has one repeat, and each round begins with another one, so
that whatever else the machine does hits all alike.

References
----------
V. Stinner, pyperf (https://pyperf.readthedocs.io): calibration, raw values, warnings.
"""

import itertools
import math
import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import (
    FIRST_EXCEPTION,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import Any

from labkit.errors import MeasurementError
from labkit.throughput import children
from labkit.throughput.measurement import Measurement
from labkit.throughput.transports import SPAWN, Transport, find

__all__ = ["compare", "measure", "rotated"]

LEAST_S = 0.1  # a shorter repeat is not to be believed
RUN_LIMIT_S = 10.0  # a run that takes longer is stopped
_WARM_S = 0.05  # a run of the warm-up that says enough
_AIM_S = 0.25
_FEWEST = 5  # items, or lists of them, in a repeat
_LARGEST_RUN_BYTES = 512 << 20  # a slow consumer leaves all of it in some queue
_READY_WITHIN_S = 60.0
_NO_WORD = (
    "a child process ended without a word; in a script, call from below "
    "if __name__ == '__main__':"
)


def measure(transport: str | Transport, **settings: Any) -> Measurement:
    """Measure one transport; ``settings`` as for :func:`compare`, one value of each.

    Examples
    --------
    >>> direct = measure("direct queue", repeats=1)
    >>> direct.items_per_repeat[0] / direct.rate_per_s > 0.05  # seconds
    True
    """
    found = compare([transport], **settings)
    if len(found) != 1:
        raise MeasurementError(
            "measure() takes one value of each; compare() takes many"
        )
    return found[0]


def compare(
    transports: Iterable[str | Transport],
    *,
    payload_bytes: int | Sequence[int] = 8,
    batch_size: int | Sequence[int] = 1000,
    ends: Sequence[tuple[int, int]] = ((1, 1),),
    repeats: int = 5,
    latency_samples: int = 0,
) -> list[Measurement]:
    """Measure several transports in one interleaved run.

    Parameters
    ----------
    transports : iterable of str or Transport
        Names of :data:`TRANSPORTS`, or adapters of your own.
    payload_bytes : int or sequence of int, default 8
        Size of each item, 0 or more: an int up to 8, above that ``bytes``; no two
        are the same object.
    batch_size : int or sequence of int, default 1000
        Items in one call, 1 or more, where the transport takes lists. The others
        move one item at a time, and are measured once.
    ends : sequence of (int, int), default ((1, 1),)
        How many producers and consumers, 1 to 64 processes each.
    repeats : int, default 5
        1 or more, each of 0.25 s or so.
    latency_samples : int, default 0
        Items to send one at a time after each repeat, for ``latency_s``.

    Returns
    -------
    list of Measurement
        By ends, payload, batch, then in the order of ``transports``.

    Raises
    ------
    MeasurementError
        A transport is unknown, cannot run here, failed, or took longer than 10 s for
        a repeat; or a setting is out of range.

    Notes
    -----
    Takes about ``0.25 * (repeats + 1)`` seconds for each measurement. Payloads are made
    before the clock starts, which is when producers and consumers, connected before,
    leave a barrier; it stops when the consumers hold all items.
    """
    kinds = [find(transport) for transport in transports]
    sizes, batches = _several(payload_bytes), _several(batch_size)
    _check("payload_bytes", sizes, 0, 1 << 30)
    _check("batch_size", batches, 1, 1_000_000)
    _check("ends", [number for end in ends for number in end], 1, 64)
    _check("repeats", [repeats], 1, 10_000)
    _check("the number of transports", [len(kinds)], 1, 64)
    for kind in kinds:
        if kind.one_to_one and {*ends} != {(1, 1)}:
            raise MeasurementError(f"{kind.name} serves one producer and one consumer")
    with ExitStack() as stack:
        lines = {
            (kind, end): stack.enter_context(_Line(kind, *end))
            for end, kind in itertools.product(ends, kinds)
        }
        with ThreadPoolExecutor(8) as threads:  # what lies between may be slow
            list(threads.map(_Line.open, lines.values()))
        for step in (_Line.start, _Line.wait_ready):
            for line in lines.values():
                step(line)
        trials: dict[Any, _Trial] = {}
        for end, size, batch, kind in itertools.product(ends, sizes, batches, kinds):
            place = lines[kind, end], size, batch if kind.batched else 1
            trials.setdefault(place, _Trial(*place, latency_samples))
        for trial in trials.values():
            trial.warm_up()
        for number, size in itertools.product(range(repeats), sizes):
            alike = [one for one in trials.values() if one.payload_bytes == size]
            for trial in rotated(alike, number):
                trial.repeat()
        return [trial.measurement() for trial in trials.values()]


def rotated(things: Sequence[Any], number: int) -> list[Any]:
    """Return them in the order of a round: A B C, then B C A, then C A B."""
    first = number % len(things)
    return [*things[first:], *things[:first]]


def _several(numbers: int | Sequence[int]) -> Sequence[int]:
    return [numbers] if isinstance(numbers, int) else numbers


def _check(name: str, values: Sequence[int], least: int, most: int) -> None:
    for value in values:
        if not least <= value <= most:
            raise MeasurementError(f"{name} is {value}; give {least} to {most:,}")


class _Trial:
    """One line with one size of item and of list: warm up, repeat, sum up."""

    def __init__(
        self, line: "_Line", payload_bytes: int, batch_size: int, latency_samples: int
    ) -> None:
        self.line, self.payload_bytes, self.batch_size = line, payload_bytes, batch_size
        self._latency_samples = latency_samples
        # Whole lists for every process at either end.
        self._unit = math.lcm(line.producers, line.consumers) * batch_size
        self._count = self._unit
        self._seconds: list[float] = []
        self._samples: list[float] = []

    def warm_up(self) -> None:
        """Find out how many items a repeat moves; nothing of this is reported."""
        self._run()  # connects
        while (seconds := self._run()) < _WARM_S:
            before = self._count
            self._count = self._whole(before * min(max(0.06 / seconds, 2), 32))
            if self._count <= before:
                break  # as many as the memory should hold
        enough = max(self._count * _AIM_S / seconds, _FEWEST * self._unit)
        self._count = self._whole(enough)

    def repeat(self) -> None:
        """Measure once."""
        self._seconds.append(seconds := self._run())
        if self._latency_samples:
            fits = int(self._count / seconds / 2)  # or else a stalled one takes long
            count = max(min(self._latency_samples, fits), 1)
            self._samples += self.line.latencies(count, self.payload_bytes)

    def _run(self) -> float:
        return self.line.seconds(self._count, self.payload_bytes, self.batch_size)

    def _whole(self, count: float) -> int:
        """Return a number of items near to this that divides into whole lists."""
        largest = _LARGEST_RUN_BYTES // max(self.payload_bytes, 1)
        return max(int(min(count, largest)) // self._unit, 1) * self._unit

    def measurement(self) -> Measurement:
        """Return what was found."""
        shortest, problem = min(self._seconds), None
        if shortest < LEAST_S:
            problem = f"a repeat took {shortest:.2g} s only, too short to be believed"
        return Measurement(
            *(self.line.transport.name, self.payload_bytes, self.batch_size),
            *(self.line.producers, self.line.consumers),
            rates_per_s=tuple(self._count / seconds for seconds in self._seconds),
            items_per_repeat=(self._count,) * len(self._seconds),
            latency_samples_s=tuple(self._samples),
            problem=problem,
        )


class _Line(ExitStack):
    """A transport with its producers and consumers, kept running from job to job.

    A pool of one process for each, for every job is meant for one of them.
    """

    def __init__(self, transport: Transport, producers: int, consumers: int) -> None:
        super().__init__()
        self.transport, self.producers, self.consumers = transport, producers, consumers
        self._pools: list[ProcessPoolExecutor] = []
        self._pids: list[Future[int]] = []

    def open(self) -> None:
        """Open the transport; may run in any thread."""
        self._spec = self.enter_context(self.transport.open())

    def start(self) -> None:
        """Start the processes; :meth:`wait_ready` waits for them."""
        self.callback(self._end)
        # Kept: the children find it by a name that goes when the object goes.
        self._barrier = SPAWN.Barrier(self.producers + self.consumers)
        sending, receiving = SPAWN.Pipe()
        with sending, receiving:
            for partner in [sending] * self.producers + [receiving] * self.consumers:
                given = self.transport, self._spec, partner, self._barrier
                pool = ProcessPoolExecutor(1, SPAWN, children.become, given)
                self._pools.append(pool)
                self._pids.append(pool.submit(os.getpid))  # starts the process

    def _end(self) -> None:
        """End the processes, which hold nothing that anybody needs."""
        known = [one for one in self._pids if one.done() and not one.exception()]
        pids = {one.result() for one in known}
        for process in multiprocessing.active_children():
            if process.pid in pids:
                process.kill()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def wait_ready(self) -> None:
        """Wait until every process has opened its end."""
        roles = ["producer"] * self.producers + ["consumer"] * self.consumers
        self._do([("open", role) for role in roles], _READY_WITHIN_S)

    def seconds(self, count: int, payload_bytes: int, batch_size: int) -> float:
        """Move so many items; return the seconds until the last one was received."""
        share, first = count // self.producers, children.FIRST
        jobs: list[Any] = [
            ("produce", share, payload_bytes, batch_size, first + place * share)
            for place in range(self.producers)
        ]
        consume = "consume", count // self.consumers, batch_size
        times = self._do(jobs + [consume] * self.consumers)
        begin = min(start for start, _ in times)
        end = max(stop for _, stop in times[self.producers :])
        return max(float(end - begin), 1e-9)

    def latencies(self, count: int, payload_bytes: int) -> list[float]:
        """Send items one at a time, from one producer to one consumer."""
        idle: list[Any] = [None] * (self.producers - 1)
        send, receive = ("send_singly", count, payload_bytes), ("receive_singly", count)
        samples: list[float] = self._do([send, *idle, receive])[-1]
        return samples

    def _do(self, jobs: Sequence[Any], limit_s: float | None = None) -> list[Any]:
        """Give each child its job, if any; return their answers, in order."""
        pairs = zip(self._pools, jobs, strict=False)
        futures = [pool.submit(children.do, *job) for pool, job in pairs if job]
        done, left = wait(futures, limit_s or RUN_LIMIT_S, FIRST_EXCEPTION)
        for error in filter(None, map(Future.exception, done)):
            broken = isinstance(error, BrokenProcessPool)
            raise self._failed(_NO_WORD if broken else str(error)) from error
        if left:
            raise self._failed(f"{jobs[0][0]} took too long, and was stopped")
        return [future.result() for future in futures]

    def _failed(self, reason: str) -> MeasurementError:
        return MeasurementError(f"{self.transport.name} cannot be measured: {reason}")
