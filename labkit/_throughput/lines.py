"""A transport with its producers and consumers, kept running from job to job."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection
from typing import Any, Protocol

from labkit._throughput.adapters import SPAWN, Transport
from labkit._throughput.stations import Clock, Job, consume, produce
from labkit.errors import MeasurementCancelledError, MeasurementError

__all__ = ["Cancel", "Line", "Overrun", "open_lines"]

_SLICE_S = 0.1  # how often a wait looks at the cancel event
_READY_WITHIN_S = 60.0
_END_WITHIN_S = 0.5
_NO_WORD = (
    "a child process ended without a word; in a script, call from below "
    "if __name__ == '__main__':"
)


class Cancel(Protocol):
    """What cancels a measurement: a ``threading.Event`` fits."""

    def is_set(self) -> bool:
        """Tell whether to stop."""


class Overrun(Exception):  # noqa: N818 - an event, turned into a sentence by callers
    """A job took longer than it may; the line's processes have been ended."""


class Line:
    """Producers and consumers of one transport, waiting for jobs.

    Parameters
    ----------
    transport, producers, consumers, clock, cancel
        As for :func:`labkit.throughput.compare`.

    Notes
    -----
    One thread at a time. Processes end with :meth:`close`, and with this process.
    """

    def __init__(
        self,
        transport: type[Transport],
        producers: int = 1,
        consumers: int = 1,
        clock: Clock = time.perf_counter,
        cancel: Cancel | None = None,
    ) -> None:
        self.transport = transport
        self.producers = producers
        self.consumers = consumers
        self.clock = clock
        self.cancel = cancel
        self._open: Transport | None = None
        self._processes: list[Any] = []
        self._orders: list[connection.Connection[Any, Any]] = []

    @property
    def is_open(self) -> bool:
        """Whether it can take a job."""
        return bool(self._processes)

    def open(self) -> None:
        """Open the transport; may run in any thread."""
        self._open = self.transport()
        self._spec = self._open.open()

    def start(self) -> None:
        """Start the processes; :meth:`wait_ready` waits for them."""
        if self._open is None:
            self.open()
        # Kept: the children find it by a name that goes when the object goes.
        self._barrier = SPAWN.Barrier(self.producers + self.consumers)
        shared = (self._barrier, self.clock)
        partners = SPAWN.Pipe()
        roles = [(produce, partners[0])] * self.producers
        roles += [(consume, partners[1])] * self.consumers
        for target, partner in roles:
            ours, theirs = SPAWN.Pipe()
            self._orders.append(ours)
            args = (self.transport, self._spec, theirs, partner, *shared)
            process = SPAWN.Process(target=target, args=args, daemon=True)
            self._processes.append(process)
            process.start()
            theirs.close()
        for partner in partners:
            partner.close()

    def wait_ready(self, limit_s: float = _READY_WITHIN_S) -> None:
        """Wait until every process has opened its end."""
        self._collect(self._orders, min(limit_s, _READY_WITHIN_S))

    def seconds(
        self, count: int, payload_bytes: int, batch_size: int, limit_s: float
    ) -> float:
        """Move so many items; return the seconds until the last one was received.

        Raises
        ------
        Overrun
            It took longer than ``limit_s``.
        """
        makers, takers = _shares(count, self.producers), _shares(count, self.consumers)
        first = Job("items", 0).first
        for pipe, share in zip(self._orders, makers + takers, strict=True):
            pipe.send(Job("items", share, payload_bytes, batch_size, first))
            first += share
        times = self._collect(self._orders, limit_s)
        begin = min(start for start, _ in times)
        end = max(stop for _, stop in times[self.producers :])
        return max(float(end - begin), 1e-9)

    def latencies(
        self, count: int, payload_bytes: int, aim_s: float, limit_s: float
    ) -> list[float]:
        """Send up to ``count`` items, one at a time; return the seconds of each."""
        job = Job("latency", count, payload_bytes, limit_s=aim_s)
        return self._samples(job, [0, self.producers], limit_s)

    def first_calls(self, count: int, aim_s: float, limit_s: float) -> list[float]:
        """Connect up to ``count`` times; return the seconds to each first answer."""
        job = Job("first call", count, limit_s=aim_s)
        return self._samples(job, [self.producers], limit_s)

    def _samples(
        self, job: Job, stations: Sequence[int], limit_s: float
    ) -> list[float]:
        pipes = [self._orders[number] for number in stations]
        for pipe in pipes:
            pipe.send(job)
        samples: list[float] = self._collect(pipes, limit_s)[-1]
        return samples

    def _collect(
        self, pipes: "Sequence[connection.Connection[Any, Any]]", limit_s: float
    ) -> list[Any]:
        """Return one answer of each station, in order."""
        until = time.monotonic() + limit_s
        answers: dict[Any, Any] = {}
        while len(answers) < len(pipes):
            if self.cancel is not None and self.cancel.is_set():
                self.close(at_once=True)
                raise MeasurementCancelledError("the measurement was cancelled")
            left = until - time.monotonic()
            if left <= 0:
                self.close(at_once=True)
                raise Overrun
            waiting = [pipe for pipe in pipes if pipe not in answers]
            for pipe in connection.wait(waiting, timeout=min(left, _SLICE_S)):
                answers[pipe] = self._answer(pipe)
        return [answers[pipe] for pipe in pipes]

    def _answer(self, pipe: Any) -> Any:
        try:
            kind, answer, trace = pipe.recv()
        except (EOFError, OSError):
            kind, answer, trace = "failed", _NO_WORD, ""
        if kind != "failed":
            return answer
        self.close(at_once=True)
        error = MeasurementError(f"{self.transport.name} cannot be measured: {answer}")
        error.add_note(trace)
        raise error

    def close(self, *, at_once: bool = False) -> None:
        """End the processes, then the transport; safe to call twice.

        Parameters
        ----------
        at_once : bool, default False
            Do not let the processes finish what they do.
        """
        for pipe in self._orders:
            if not at_once:
                with contextlib.suppress(OSError):
                    pipe.send(None)
            pipe.close()
        until = time.monotonic() + (0 if at_once else _END_WITHIN_S)
        for process in self._processes:
            _end(process, until)
        self._processes, self._orders = [], []
        if self._open is not None:
            self._open.close()
            self._open = self._spec = None


def _end(process: Any, until: float) -> None:
    if process.pid is not None:
        process.join(max(until - time.monotonic(), 0))
        if process.exitcode is None:
            process.kill()  # it holds nothing that anybody needs
            process.join()
    process.close()


def _shares(count: int, parts: int) -> list[int]:
    """Divide a number into parts that differ by one at most."""
    whole, rest = divmod(count, parts)
    return [whole + (number < rest) for number in range(parts)]


@contextlib.contextmanager
def open_lines(
    transports: Iterable[type[Transport]],
    producers: int,
    consumers: int,
    clock: Clock,
    cancel: Cancel | None,
    limit_s: float = _READY_WITHIN_S,
) -> Iterator[dict[str, Line]]:
    """Start a line for each transport, all at the same time; end them afterwards.

    Yields
    ------
    dict of str to Line
        By the transport's name, all ready.
    """
    lines = {
        transport.name: Line(transport, producers, consumers, clock, cancel)
        for transport in transports
    }
    at_once = True
    until = time.monotonic() + limit_s
    try:
        _in_threads(lines.values(), Line.open)  # what lies between may be slow
        for line in lines.values():
            line.start()
        for line in lines.values():
            line.wait_ready(max(until - time.monotonic(), 0))
        yield lines
        at_once = False
    finally:
        _in_threads(lines.values(), lambda line: line.close(at_once=at_once))


def _in_threads(lines: Iterable[Line], do: Callable[[Line], object]) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(do, line) for line in lines]:
            done.result()
