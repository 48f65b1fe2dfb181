"""A producer that collects items and puts them in batches."""

import atexit
import threading
import time
from typing import Any, Protocol, Self

from labkit._buffering.outlets import Outlet
from labkit._managers.proxies import QueueProxy

__all__ = ["BufferedProducer", "buffered"]


class _TakesBatches(Protocol):
    def put_many(self, items: list[Any]) -> None: ...


class BufferedProducer:
    """Collect items; put them together when there are enough, or after a while.

    Made by :func:`buffered`. A context manager: leaving the block flushes.

    Parameters
    ----------
    queue : QueueProxy or TaskQueue
        Anything with ``put_many``.
    max_items : int, default 1000
        Items of a batch, at least 1.
    max_wait_s : float, default 0.05
        Seconds, above 0, that an item waits at most before its batch is put.
    in_flight : int, default 4
        Batches that may be on their way to a server at a time, at least 1. The item
        that makes a batch full waits while there are more.

    Notes
    -----
    **What can be lost:** a process that is killed takes with it the items that were
    not put yet, and perhaps those on their way: what came in the last
    ``max_wait_s``, more only while the server is waited for, and at most
    ``max_items * in_flight``. A normal exit, an exception, and :meth:`close` flush
    first. Where the connection breaks, what is not known to be put stays here
    and is put again by the next flush: perhaps twice, never not at all.

    Safe for any number of threads.
    """

    def __init__(
        self,
        queue: _TakesBatches,
        max_items: int = 1000,
        max_wait_s: float = 0.05,
        in_flight: int = 4,
    ) -> None:
        if max_items < 1:
            raise ValueError(f"max_items is {max_items}; give 1 or more")
        if not max_wait_s > 0:
            raise ValueError(f"max_wait_s is {max_wait_s}; give seconds above 0")
        self.queue = queue
        self.max_items = max_items
        self.max_wait_s = max_wait_s
        self._outlet = _outlet(queue, in_flight)
        self._items: list[Any] = []
        self._fits = max_items
        self._fitted = 0  # items of the largest batch that the queue is known to take
        self._oldest = 0.0
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition(threading.RLock())
        self._flusher = threading.Thread(target=self._flush_in_time, daemon=True)
        self._flusher.start()
        atexit.register(self.close)

    @property
    def waiting(self) -> int:
        """How many items are here and not known to be in the queue."""
        return len(self._items) + self._outlet.unsettled

    def put(self, item: Any) -> None:
        """Take an item; put the batch when it is full.

        Raises
        ------
        Exception
            What an earlier flush raised; this item was taken all the same.
        RuntimeError
            The producer is closed; this item was not taken.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("this producer is closed; make another one")
            if not self.waiting:
                self._oldest = time.monotonic()
                self._changed.notify()
            self._items.append(item)
            error, self._error = self._error, None
            if error is not None:
                raise error
            if len(self._items) >= self.max_items:
                self._send()

    def flush(self) -> None:
        """Put what is here, now, and wait until it is in the queue.

        Raises
        ------
        Exception
            Whatever ``put_many`` raises; the items stay here.
        """
        with self._changed:
            self._error = None
            self._oldest = time.monotonic()  # after a failure, wait anew
            self._send()
            try:
                self._outlet.settle()
            except BaseException:
                self._take_back()
                raise

    def close(self) -> None:
        """Flush, and take no more; safe to call twice."""
        with self._changed:
            try:
                self.flush()
            finally:
                self._closed = True
                self._outlet.close()
                self._changed.notify()
        atexit.unregister(self.close)
        if threading.current_thread() is not self._flusher:
            self._flusher.join()

    def _send(self) -> None:
        """Send what is here in batches; the last ones may still be under way."""
        while self._items:
            batch = self._items[: self._fits]
            try:
                self._send_one(batch)
            except ValueError:  # more than the queue's maxsize: try with half
                if len(batch) == 1:
                    raise
                self._fits = len(batch) // 2

    def _send_one(self, batch: list[Any]) -> None:
        rest = self._items[len(batch) :]
        try:
            self._outlet.put_many(batch)
            self._items = rest  # one step: an interrupt comes before it, or after
            if len(batch) > self._fitted:
                self._outlet.settle()  # before others of that size follow
                self._fitted = len(batch)
        except BaseException:
            moved = self._items is rest
            self._take_back(None if moved else batch)
            raise

    def _take_back(self, still_here: list[Any] | None = None) -> None:
        """Keep the items of exchanges that failed, in their order."""
        batches = [one for one in self._outlet.take_back() if one is not still_here]
        self._items[:0] = [item for batch in batches for item in batch]

    def _flush_in_time(self) -> None:
        with self._changed:
            while not self._closed:
                if not self.waiting:
                    self._changed.wait()
                    continue
                left = self._oldest + self.max_wait_s - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                try:
                    self.flush()
                except Exception as error:  # noqa: BLE001 - told by the next put
                    self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _OneByOne:
    """An outlet for a queue that is not behind a server: each put is an answer."""

    unsettled = 0

    def __init__(self, queue: _TakesBatches) -> None:
        self.put_many = queue.put_many

    def settle(self) -> None:
        """Nothing is ever under way."""

    def take_back(self) -> list[list[Any]]:
        return []

    def close(self) -> None:
        """There is no connection."""


def _outlet(queue: _TakesBatches, in_flight: int) -> "Outlet | _OneByOne":
    return (
        Outlet(queue, in_flight) if isinstance(queue, QueueProxy) else _OneByOne(queue)
    )


def buffered(
    queue: _TakesBatches,
    max_items: int = 1000,
    max_wait_s: float = 0.05,
    in_flight: int = 4,
) -> BufferedProducer:
    """Return a producer for the queue that puts in batches.

    Parameters
    ----------
    queue, max_items, max_wait_s, in_flight
        As for :class:`BufferedProducer`, which also says what can be lost.

    Examples
    --------
    >>> from labkit import TaskQueue
    >>> orders = TaskQueue()
    >>> with buffered(orders) as out:
    ...     for number in range(2500):
    ...         out.put(number)
    >>> orders.qsize()
    2500
    """
    return BufferedProducer(queue, max_items, max_wait_s, in_flight)
