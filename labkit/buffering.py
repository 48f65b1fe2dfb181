"""A producer that collects items and puts them in batches."""

import atexit
import threading
import time
from types import TracebackType
from typing import Any, Protocol, Self

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
        At least 1. The item that makes the batch full waits until it was put.
    max_wait_s : float, default 0.05
        Seconds, above 0, that an item waits at most before its batch is put.

    Notes
    -----
    **What can be lost:** a process that is killed takes the items with it that
    were not flushed yet: those of the last ``max_wait_s``, longer only while a flush
    waits for the server, and at most ``max_items``. A normal exit, an exception,
    and :meth:`close` flush first. Where the connection breaks under a
    flush, its items stay here and are put again by the next one: perhaps twice,
    never not at all.

    Safe for any number of threads.
    """

    def __init__(
        self, queue: _TakesBatches, max_items: int = 1000, max_wait_s: float = 0.05
    ) -> None:
        if max_items < 1:
            raise ValueError(f"max_items is {max_items}; give 1 or more")
        if not max_wait_s > 0:
            raise ValueError(f"max_wait_s is {max_wait_s}; give seconds above 0")
        self.queue = queue
        self.max_items = max_items
        self.max_wait_s = max_wait_s
        self._items: list[Any] = []
        self._fits = max_items
        self._oldest = 0.0
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition(threading.RLock())
        self._flusher = threading.Thread(target=self._flush_in_time, daemon=True)
        self._flusher.start()
        atexit.register(self.close)

    @property
    def waiting(self) -> int:
        """How many items are here and not yet in the queue."""
        return len(self._items)

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
            self._items.append(item)
            if len(self._items) == 1:
                self._oldest = time.monotonic()
                self._changed.notify()
            error, self._error = self._error, None
            if error is not None:
                raise error
            if len(self._items) >= self.max_items:
                self.flush()

    def flush(self) -> None:
        """Put what is here, now.

        Raises
        ------
        Exception
            Whatever ``put_many`` raises; the items stay here.
        """
        with self._changed:
            self._error = None
            self._oldest = time.monotonic()  # after a failure, wait anew
            while self._items:
                piece = self._items[: self._fits]
                try:
                    self.queue.put_many(piece)
                except ValueError:  # more than the queue's maxsize: try with half
                    if len(piece) == 1:
                        raise
                    self._fits = len(piece) // 2
                    continue
                del self._items[: len(piece)]

    def close(self) -> None:
        """Flush, and take no more; safe to call twice."""
        with self._changed:
            try:
                self.flush()
            finally:
                self._closed = True
                self._changed.notify()
        atexit.unregister(self.close)
        if threading.current_thread() is not self._flusher:
            self._flusher.join()

    def _flush_in_time(self) -> None:
        with self._changed:
            while not self._closed:
                if not self._items:
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def buffered(
    queue: _TakesBatches, max_items: int = 1000, max_wait_s: float = 0.05
) -> BufferedProducer:
    """Return a producer for the queue that puts in batches.

    Parameters
    ----------
    queue, max_items, max_wait_s
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
    return BufferedProducer(queue, max_items, max_wait_s)
