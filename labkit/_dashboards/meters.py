"""A server's numbers, read ten times a second by a thread; no widgets here."""

import contextlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.errors import LabkitError
from labkit.manager import QueueStats, open_connection
from labkit.servers import ServerProcess

__all__ = ["GONE", "RUNNING", "SILENT", "STOPPED", "Meter", "QueueReading", "Reading"]

RUNNING = "running"
SILENT = "running, but it does not answer"
STOPPED = "stopped"
GONE = "gone: its server object was dropped, keep it in a variable"

INTERVAL_S = 0.1
KEPT_S = 30.0
_RATE_OVER_S = 1.0  # shorter, and a rate jumps; longer, and it lags
_SHARE = 0.2  # of a processor, at most
_ANSWER_WITHIN_S = 1.0
_LONGEST_PAUSE_S = 1.0  # however slow a reading was, for most of it is waiting
# Jupyter keeps every message for a browser that has gone, without a bound.
_AWAKE_S = 600.0
_DOZING_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class QueueReading:
    """One queue at one moment.

    Attributes
    ----------
    stats : QueueStats
        What the server says of it.
    put_per_s, got_per_s : float
        Items per second, over the last second.
    """

    stats: QueueStats
    put_per_s: float
    got_per_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A server at one moment.

    Attributes
    ----------
    at_s : float
        When, on the meter's clock.
    state : str
        ``RUNNING``, ``SILENT``, ``STOPPED`` or ``GONE``.
    pid : int
        The server's process id, or the one it had.
    connections : int or None
        Without the meter's own; None while there is no queue, or no answer.
    queues : mapping of str to QueueReading
        By name; empty if there is no answer.
    """

    at_s: float
    state: str
    pid: int
    connections: int | None = None
    queues: Mapping[str, QueueReading] = field(default_factory=dict)


class Meter:
    """Read a server, from start() to close(), or until its object is dropped.

    Parameters
    ----------
    server : ServerProcess
        Only a weak reference is kept.
    listener : callable
        Called in the meter's thread with each reading.
    interval_s : float, default 0.1
        Seconds from one reading to the next. More where reading and listener take
        long: they get half of the time and a fifth of a processor at most. And 1
        second, ten minutes after the last :meth:`wake`.
    clock : callable, default time.monotonic
        Seconds.

    Notes
    -----
    A daemon thread does the work, over connections of its own; a server that does
    not answer keeps only this thread waiting. All methods are safe for threads.
    """

    def __init__(
        self,
        server: ServerProcess,
        listener: Callable[[Reading], object],
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.interval_s = interval_s
        self._server = weakref.ref(server)
        self._listener = listener
        self._clock = clock
        self._news = threading.Condition()
        # Bounded by number as well as by age, whatever the clock does.
        self._history: deque[Reading] = deque(maxlen=round(KEPT_S / interval_s) + 1)
        self._way: tuple[int, Any] | None = None
        self._closed = threading.Event()
        self.wake()
        self._thread = threading.Thread(
            target=self._run, name=f"meter of {server.name}", daemon=True
        )

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    @property
    def history(self) -> list[Reading]:
        """The readings of the last 30 seconds, oldest first."""
        with self._news:
            return list(self._history)

    @property
    def is_alive(self) -> bool:
        """Whether there will be another reading."""
        return self._thread.is_alive()

    def wait_for(
        self, what: Callable[[Reading], bool], timeout: float
    ) -> Reading | None:
        """Return the latest reading once it is as wanted; None if not in time."""
        with self._news:
            self._news.wait_for(
                lambda: bool(self._history) and what(self._history[-1]), timeout
            )
            latest = self._history[-1] if self._history else None
        return latest if latest is not None and what(latest) else None

    def wake(self) -> None:
        """Say that somebody is there: full speed for the next ten minutes."""
        self._awake_until = self._clock() + _AWAKE_S

    def close(self, timeout: float = 1.0) -> None:
        """End the thread; wait for it so many seconds. Safe to call twice."""
        self._closed.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        due = self._clock()
        while not self._closed.is_set():
            began, worked_s = self._clock(), time.thread_time()
            reading = self._read()
            with self._news:
                self._history.append(reading)
                self._news.notify_all()
            self._listener(reading)
            if reading.state == GONE:
                return
            now = self._clock()
            worked_s = time.thread_time() - worked_s
            pause_s = max(worked_s * (1 / _SHARE - 1), now - began)
            due = max(due + self._interval(now), now + min(pause_s, _LONGEST_PAUSE_S))
            self._closed.wait(due - now)

    def _interval(self, now: float) -> float:
        return self.interval_s if now <= self._awake_until else _DOZING_INTERVAL_S

    def _read(self) -> Reading:
        server = self._server()
        now = self._clock()
        if server is None:
            return Reading(now, GONE, self._history[-1].pid if self._history else 0)
        pid = server.pid
        if not server.is_alive():
            return Reading(now, STOPPED, pid)
        try:
            numbers = self._ask(server, pid)
        except (LabkitError, EOFError, OSError):
            return Reading(now, SILENT if server.is_alive() else STOPPED, pid)
        connections = [stats.connections for stats in numbers.values()]
        return Reading(
            now,
            RUNNING,
            pid,
            max(connections) - 1 if connections else None,  # one is ours
            {name: self._rated(now, pid, name, numbers[name]) for name in numbers},
        )

    def _ask(self, server: ServerProcess, pid: int) -> dict[str, QueueStats]:
        way = self._way
        if way is None or way[0] != pid:
            address: Any = server.connect().address
            way = self._way = pid, address
        wire = open_connection(way[1], server.authkey, _ANSWER_WITHIN_S)
        with contextlib.closing(wire):
            wire.sock.settimeout(_ANSWER_WITHIN_S)
            wire.send((None, "all_stats", (), {}))
            kind, numbers = wire.recv()
        if kind != "#RETURN":
            raise OSError(f"the server answered {kind} {numbers}")
        found: dict[str, QueueStats] = numbers
        return found

    def _rated(self, now: float, pid: int, name: str, new: QueueStats) -> QueueReading:
        old, since = (new.put, new.got), now
        for reading in reversed(self._history):
            if reading.pid != pid or reading.state != RUNNING:
                break
            since = reading.at_s
            if name not in reading.queues:  # all of it came since then
                old = 0, 0
                break
            old = reading.queues[name].stats.put, reading.queues[name].stats.got
            if now - since >= _RATE_OVER_S * 0.99:
                break
        span = max(now - since, 1e-9)
        return QueueReading(new, (new.put - old[0]) / span, (new.got - old[1]) / span)
