"""One conductor for every measurement: warm up, fix the counts, take turns.

A warm-up says how many items a repeat of 0.25 s moves; that number is then fixed. In
each round every transport has one repeat, and each round begins with another one, so
that whatever else the machine does hits all alike.
"""

import contextlib
import itertools
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from labkit import supervised
from labkit.errors import MeasurementError
from labkit.throughput.measurement import Measurement
from labkit.throughput.transports import SPAWN, Transport, find

LEAST_S = 0.1  # a shorter repeat is not to be believed
RUN_LIMIT_S = 10.0  # a run that takes longer is stopped
_READY_WITHIN_S = 60.0
_WARM_S = 0.05  # a run of the warm-up that says enough
_AIM_S = 0.25
_FEWEST = 5  # items, or lists of them, in a repeat
_LARGEST_RUN_BYTES = 512 << 20  # a slow consumer leaves all of it in some queue
_FIRST = 1_000_000  # from here on every int below 2**31 makes a pickle of one length
_NO_WORD = (
    "a child process ended without a word; in a script, call from below "
    "if __name__ == '__main__':"
)
_MOST_ITEMS, _MOST_BYTES = 250_000, 64 << 20  # made for a run


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
    repeats: int = 5,
    latency_samples: int = 0,
) -> list[Measurement]:
    """Measure several transports in one interleaved run.

    Each has one producer and one consumer, processes that do nothing else.

    Parameters
    ----------
    transports : iterable of str or Transport
        Names of :data:`TRANSPORTS`, or adapters of your own.
    payload_bytes : int or sequence of int, default 8
        Size of each item, 0 or more: an int up to 8, above that ``bytes``.
    batch_size : int or sequence of int, default 1000
        Items in one call, 1 or more, where the transport takes lists.
    repeats : int, default 5
        1 or more, each of 0.25 s or so.
    latency_samples : int, default 0
        Items to send one at a time after each repeat, for ``latency_s``.

    Returns
    -------
    list of Measurement
        By payload, batch, then in the order of ``transports``.

    Raises
    ------
    MeasurementError
        A transport is unknown, cannot run here, failed, or took longer than 10 s for
        a repeat; or a setting is out of range.

    Notes
    -----
    Takes about ``0.25 * (repeats + 1)`` seconds for each measurement. Payloads are made
    before the clock starts, which is when producer and consumer, connected before,
    leave a barrier; it stops when the consumer holds all items.
    """
    kinds = [find(transport) for transport in transports]
    sizes = _several("payload_bytes", payload_bytes, 0)
    batches = _several("batch_size", batch_size)
    _several("repeats", repeats)
    with ExitStack() as stack:
        lines = {kind: stack.enter_context(_Line(kind)) for kind in kinds}
        with ThreadPoolExecutor(8, initializer=_hear_no_interrupt) as threads:
            list(threads.map(_Line.start, lines.values()))  # servers take a while
        for line in lines.values():
            line.wait_ready()
        trials: dict[Any, _Trial] = {}
        for size, batch, kind in itertools.product(sizes, batches, kinds):
            place = lines[kind], size, batch if kind.batched else 1
            trials.setdefault(place, _Trial(*place))
        for trial in trials.values():
            trial.warm_up()
        for number, size in itertools.product(range(repeats), sizes):
            alike = deque(one for one in trials.values() if one.payload_bytes == size)
            alike.rotate(-number)  # A B C, then B C A, then C A B
            for trial in alike:
                trial.repeat(latency_samples)
        return [trial.measurement() for trial in trials.values()]


def _several(name: str, given: int | Sequence[int], least: int = 1) -> Sequence[int]:
    values = [given] if isinstance(given, int) else given
    if min(values) < least:
        raise MeasurementError(f"{name} is {min(values)}; give {least} or more")
    return values


def _hear_no_interrupt() -> None:
    """Let a terminal's Ctrl-C not reach what this thread starts; Python hears it."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class _Trial:
    """One line with one size of item and of list: warm up, repeat, sum up."""

    def __init__(self, line: "_Line", payload_bytes: int, batch_size: int) -> None:
        self.line, self.payload_bytes, self.batch_size = line, payload_bytes, batch_size
        self._count = batch_size  # whole lists, always
        self._most = self._whole(_LARGEST_RUN_BYTES / max(payload_bytes, 1))
        self._seconds: list[float] = []
        self._samples: list[float] = []

    def warm_up(self) -> None:
        """Find out how many items a repeat moves; nothing of this is reported."""
        self._run()  # connects
        while (seconds := self._run()) < _WARM_S and self._count < self._most:
            grown = self._count * min(max(0.06 / seconds, 2), 32)
            self._count = min(self._whole(grown), self._most)
        enough = max(self._count * _AIM_S / seconds, _FEWEST * self.batch_size)
        self._count = min(self._whole(enough), self._most)

    def repeat(self, latency_samples: int) -> None:
        """Measure once."""
        self._seconds.append(seconds := self._run())
        if latency_samples:
            # As many as fit into half a second; one, if it stalls.
            count = max(min(latency_samples, int(self._count / seconds / 2)), 1)
            self._samples += self.line.latencies(count, self.payload_bytes)

    def _run(self) -> float:
        return self.line.seconds(self._count, self.payload_bytes, self.batch_size)

    def _whole(self, count: float) -> int:
        """Return a number of items near to this that divides into whole lists."""
        return max(int(count) // self.batch_size, 1) * self.batch_size

    def measurement(self) -> Measurement:
        """Return what was found."""
        shortest, problem = min(self._seconds), None
        if shortest < LEAST_S:
            problem = f"a repeat took {shortest:.2g} s only, too short to be believed"
        return Measurement(
            *(self.line.transport.name, self.payload_bytes, self.batch_size),
            rates_per_s=tuple(self._count / seconds for seconds in self._seconds),
            items_per_repeat=(self._count,) * len(self._seconds),
            latency_samples_s=tuple(self._samples),
            problem=problem,
        )


class _Line(ExitStack):
    """A transport with its producer and consumer, kept running from job to job."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.transport = transport
        # Kept, as _spec is: children find them by names that go when the objects go.
        self._shared = SPAWN.Barrier(2), SPAWN.Semaphore(0)
        self._children: dict[Any, Any] = {}  # by our ends of their pipes

    def start(self) -> None:
        """Open it and start the processes, in any thread; :meth:`wait_ready` waits."""
        self._spec = self.enter_context(self.transport.open())
        for role in ("producer", "consumer"):
            ours, theirs = SPAWN.Pipe()
            given = self.transport, self._spec, role, theirs, *self._shared
            child = SPAWN.Process(target=_work, args=given, daemon=True)
            child.start()
            theirs.close()
            self._children[self.enter_context(ours)] = child
            self.callback(child.join)
            self.callback(child.kill)  # before that: it holds nothing of value

    def wait_ready(self) -> None:
        """Wait until both have opened their ends."""
        self._answers(_READY_WITHIN_S)

    def seconds(self, *shape: int) -> float:
        """Move count, size, batch; return the seconds until the last was received."""
        put, (got, end) = self._do(("produce", *shape), ("consume", *shape))
        return max(float(end - min(put, got)), 1e-9)

    def latencies(self, *shape: int) -> list[float]:
        """Send items one at a time, so many of a size."""
        begins, ends = self._do(("send_singly", *shape), ("receive_singly", *shape))
        return [end - begin for begin, end in zip(begins, ends, strict=True)]

    def _do(self, *jobs: Any) -> list[Any]:
        """Give each child its job; return their answers."""
        for child, job in zip(self._children, jobs, strict=True):
            child.send(job)
        return self._answers(RUN_LIMIT_S)

    def _answers(self, limit_s: float) -> list[Any]:
        answers: dict[Any, Any] = {}
        deadline = time.monotonic() + limit_s
        while left := [one for one in self._children if one not in answers]:
            ends = [self._children[one].sentinel for one in left]
            patience_s = max(deadline - time.monotonic(), 0)
            ready: Any = connection.wait([*left, *ends], patience_s)
            if not ready:
                raise self._failed("it took too long, and was stopped")
            try:
                pipe = next(one for one in left if one in ready)
                answers[pipe], trace = pipe.recv()
            except (StopIteration, EOFError, OSError):  # Windows' pipes do not end
                raise self._failed(_NO_WORD) from None
            if trace:
                error = self._failed(trace.splitlines()[-1])
                error.add_note(f"In the child process:\n{trace}")
                raise error
        return [answers[child] for child in self._children]

    def _failed(self, reason: str) -> MeasurementError:
        return MeasurementError(f"{self.transport.name} cannot be measured: {reason}")


# In the child processes.


def payloads(
    transport: Transport, count: int, payload_bytes: int, batch: int = 1
) -> Iterator[Any]:
    """Make all that a job puts; the iterator returned makes nothing any more.

    Items are distinct objects, for pickle writes a repeated one once. Where there are
    very many they go round again: each put is a pickle of its own, so none is spared.
    """
    most = min(count, _MOST_ITEMS, _MOST_BYTES // max(payload_bytes, 1))
    distinct = max(most // batch, 1) * batch
    items = [transport.item(_FIRST + n, payload_bytes) for n in range(distinct)]
    lists = [items[at : at + batch] for at in range(0, distinct, batch)]
    things = itertools.cycle(lists if transport.batched else items)
    return itertools.islice(things, count // batch)


def _work(transport: Transport, spec: Any, role: str, pipe: Any, *shared: Any) -> None:
    """Open one end of a transport, then do one job after another."""
    supervised.end_with_parent()
    try:
        end = _End(transport, getattr(transport, role)(spec), *shared)
        answer = None
        while True:
            pipe.send((answer, None))
            job, *args = pipe.recv()
            answer = getattr(end, job)(*args)
    except Exception:  # noqa: BLE001 - whatever an adapter raises
        with contextlib.suppress(OSError):
            pipe.send((None, traceback.format_exc()))


@dataclass
class _End:
    """One end of a transport; the methods are its jobs.

    What a job sends is made before the barrier, where both children meet; the clock
    starts behind it, and stops when a consumer has its last item.
    """

    transport: Transport
    move: Callable[..., Any]  # put or get
    barrier: Any
    turn: Any

    def produce(self, *shape: int) -> float:
        """Put so many items; return when that began."""
        put, things = self.move, payloads(self.transport, *shape)
        self.barrier.wait()
        begin = self.transport.clock()
        for thing in things:
            put(thing)
        self.transport.flush(put)
        return begin

    def consume(self, count: int, _: int, batch: int) -> tuple[float, float]:
        """Get so many items; return when that began, and when the last one was here."""
        get = self.move
        lists = self.transport.batched and self.transport.lists(get, count, batch)
        self.barrier.wait()
        begin = self.transport.clock()
        for items in lists or ():
            deque(items, maxlen=0)  # touch each, as a program that works on them does
        for _ in range(0 if lists else count):
            get()
        return begin, self.transport.clock()

    def send_singly(self, count: int, payload_bytes: int) -> list[float]:
        """Put an item each time the consumer is about to wait; return when."""
        begins = []
        for thing in payloads(self.transport, count, payload_bytes):
            self.turn.acquire()
            begins.append(self.transport.clock())
            self.move(thing)
        return begins

    def receive_singly(self, count: int, _: int) -> list[float]:
        """Get one item after the other; return when each was here."""
        ends = []
        for _ in range(count):
            self.turn.release()
            self.move(*[1] * self.transport.batched)
            ends.append(self.transport.clock())
        return ends
