"""Ends of a queue that do not wait for each answer: a producer's, and a consumer's."""

import atexit
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from labkit.errors import LabkitError
from labkit.manager import wire
from labkit.manager.client import QueueProxy
from labkit.manager.entries import LARGE_MESSAGE, Parcel, items_of


class BufferedProducer(contextlib.AbstractContextManager["BufferedProducer"]):
    """Collect items; put them together when there are enough, or after a while.

    Also called ``buffered``. A context manager: leaving the block flushes.

    Parameters
    ----------
    queue : QueueProxy or TaskQueue
        Anything with ``put_many``.
    max_items : int, default 1000
        Items of a batch, at least 1; fewer where ``maxsize`` or a mebibyte is less.
    max_wait_s : float, default 0.05
        Seconds, above 0, that an item waits at most before its batch is put.
    in_flight : int, default 4
        Batches that may be collected while others are on their way, at least 1.

    Notes
    -----
    **What can be lost:** a process that is killed takes with it the items of the last
    ``max_wait_s``, more only while the server is waited for, and at most
    ``max_items * (in_flight + 1)``. A normal exit, an exception, and :meth:`close` flush
    first. Where the connection breaks, what is not known to be put stays here and is
    put again by the next flush: perhaps twice, never not at all.

    Safe for any number of threads.
    """

    def __init__(
        self,
        queue: Any,
        max_items: int = 1000,
        max_wait_s: float = 0.05,
        in_flight: int = 4,
    ) -> None:
        if max_items < 1 or in_flight < 1 or not max_wait_s > 0:
            wrong = f"{max_items=}, {in_flight=}, {max_wait_s=}"
            raise ValueError(f"{wrong}: give counts of 1 or more, and seconds above 0")
        bound = max(getattr(queue, "maxsize", 0), 0) or sys.maxsize
        self.queue = queue
        self.max_items = min(max_items, bound)  # a larger batch would never fit
        self.max_wait_s = max_wait_s
        self._items: list[Any] = []
        self._sent: list[Any] = []  # in the message that is not answered yet
        self._limit = self.max_items  # of the items in a message
        self._connection: Any = None
        if isinstance(queue, QueueProxy):
            self._limit = min(max(max_items * in_flight // 2, max_items), bound)
            self._connection = queue.pipelined()  # a plain queue is refused here
        self._most = self._limit  # or fewer, while they are large
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
        return len(self._items) + len(self._sent)

    def put(self, item: Any) -> None:
        """Take an item; put the batch when it is full.

        What an earlier flush raised is raised here; this item was taken all the same.
        """
        self._take((item,), self.max_items)

    def put_many(self, items: Iterable[Any]) -> None:
        """Put some items, after all that is here, without waiting for the answer."""
        self._take(items, 1)

    def _take(self, items: Iterable[Any], least: int) -> None:
        with self._changed:
            if self._closed:
                raise RuntimeError("this producer is closed; make another one")
            if not self._items and not self._sent:
                self._oldest = time.monotonic()
                self._changed.notify()
            self._items += items
            error, self._error = self._error, None
            if error is not None:
                raise error
            # What comes while a message is under way goes together in the next one.
            least = min(least, self._most)
            while len(self._items) >= (self._most if self._sent else least):
                self._send()

    def flush(self) -> None:
        """Put what is here, and wait until it is in the queue."""
        with self._changed:
            self._error = None
            self._oldest = time.monotonic()  # a failed flush is tried after as long
            while self._items:
                self._send()
            self._settle()

    def close(self) -> None:
        """Flush, and take no more; safe to call twice."""
        with self._changed:
            try:
                self.flush()
            finally:
                self._closed = True
                self._changed.notify()
                if self._connection is not None:
                    self._connection.close()
        atexit.unregister(self.close)
        self._flusher.join()

    def _send(self) -> None:
        """Send a message once the one before it is answered."""
        batch = self._items[: self._most]
        if self._connection is None:  # no server between: no waiting
            self.queue.put_many(batch)
            del self._items[: len(batch)]
            return
        blob = wire.dumps(batch)  # what cannot be pickled fails before it is sent
        self._settle()
        self.queue.post(self._connection, "put_packed", blob, len(batch))
        self._sent, self._items = batch, self._items[len(batch) :]
        self._most = min(len(batch) * LARGE_MESSAGE // len(blob) + 1, self._limit)

    def _settle(self) -> None:
        """Wait for the answer to the message that is under way."""
        if self._sent:
            try:
                self._connection.answer()
                self._sent = []
            except BaseException:  # keep what may not have arrived, in its order
                self._items, self._sent = self._sent + self._items, []
                raise

    def _flush_in_time(self) -> None:
        with self._changed:
            while not self._closed:
                left = self._oldest + self.max_wait_s - time.monotonic()
                if not self.waiting or left > 0:
                    self._changed.wait(left if self.waiting else None)
                    continue
                try:
                    self.flush()
                except Exception as error:  # noqa: BLE001 - raised by the next put
                    self._error = error

    def __exit__(self, *_: object) -> None:
        self.close()


buffered = BufferedProducer


class Prefetched(Iterator[list[Any]], contextlib.AbstractContextManager["Prefetched"]):
    """Take batches from a queue, the next while you work on this one.

    Also called ``prefetched``. An iterator of lists, and a context manager.

    Parameters
    ----------
    queue : QueueProxy
        Of a :class:`~labkit.manager.TaskQueue`.
    max_items : int, default 1000
        Items in a batch, at least 1.
    limit : int or None, default None
        Items to take in all; ``None`` sets no end.
    ahead : int, default 4
        Batches to ask for at a time, at least 1: what is there comes in one answer.

    Notes
    -----
    For one thread at a time. **What can be lost:** a process that is killed takes with
    it the batch it works on and up to twice ``ahead`` more. Leaving the block, or
    :meth:`close`, loses nothing. What must survive a killed consumer is taken with
    :meth:`~labkit.manager.TaskQueue.receive`.
    """

    def __init__(
        self,
        queue: QueueProxy,
        max_items: int = 1000,
        *,
        limit: int | None = None,
        ahead: int = 4,
    ) -> None:
        if max_items < 1 or ahead < 1:
            raise ValueError(f"max_items {max_items}, ahead {ahead}: give 1 or more")
        self.left: list[Any] = []
        self._queue = queue
        self._max_items = max_items
        self._at_once = max_items * ahead
        self._to_come = sys.maxsize if limit is None else limit
        self._parcels: list[Parcel] = []  # here, and not opened yet
        self._items: list[Any] = []  # opened, and not handed out yet
        self._is_asked = False  # then an answer is to come
        self._connection = queue.pipelined()

    def __next__(self) -> list[Any]:
        """Return the next batch.

        An :exc:`OutcomeUnknownError` says that what was on its way may be lost.
        """
        if not self._items and not self._parcels:
            self._ask()
            self._take_answer()
            self._ask()  # before these are opened: the server works meanwhile
        while self._parcels and len(self._items) < self._max_items:
            self._items += items_of([self._parcels.pop(0)])
        batch = self._items[: self._max_items]
        del self._items[: self._max_items]
        if not batch:
            raise StopIteration
        return batch

    def _ask(self) -> None:
        """Ask for more, unless an answer is to come or the limit is reached."""
        if self._to_come > 0 and not self._is_asked:
            args = min(self._at_once, self._to_come), True, None, None, LARGE_MESSAGE
            self._queue.post(self._connection, "get_packed", *args)
            self._is_asked = True

    def _take_answer(self) -> None:
        if self._is_asked:
            self._is_asked = False
            self._parcels += self._connection.answer()
            self._to_come -= sum(count for count, _ in self._parcels)

    def close(self) -> list[Any]:
        """Take no more; return what was not handed out, also kept in ``left``."""
        with contextlib.suppress(LabkitError, OSError):
            self._connection.sock.shutdown(socket.SHUT_WR)
            self._take_answer()  # the server answers now, or takes nothing
        self._connection.close()
        self.left += self._items + items_of(self._parcels)
        self._items, self._parcels, self._to_come = [], [], 0
        return self.left

    def __exit__(self, *_: object) -> None:
        self.close()


prefetched = Prefetched
