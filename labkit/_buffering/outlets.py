"""A producer's end whose batches do not wait for one another."""

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

from labkit._managers.links import Stream
from labkit._managers.proxies import QueueProxy
from labkit._queues.packing import packed

__all__ = ["Outlet"]


class Outlet:
    """A producer's end: the next batch is sent before the last one was answered.

    Parameters
    ----------
    queue : QueueProxy
        Of a :class:`~labkit.queues.TaskQueue`.
    in_flight : int, default 4
        Batches that may be under way at a time, at least 1. With 1 each waits for
        its answer, as in ``put_many``.

    Notes
    -----
    For one thread at a time. Batches arrive in the order in which they were sent.
    After any error the connection is given up: what is then :attr:`unsettled` may
    or may not be in the queue.
    """

    def __init__(self, queue: QueueProxy, in_flight: int = 4) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; give 1 or more")
        self.in_flight = in_flight
        self._queue = queue
        self._stream: Stream | None = None
        self._sent: deque[list[Any]] = deque()  # of this stream, not yet answered
        self._lost: list[list[Any]] = []  # of streams that are no more

    @property
    def unsettled(self) -> int:
        """How many items were sent and are not known to be in the queue."""
        return sum(map(len, self._lost)) + sum(map(len, self._sent))

    def put_many(self, items: list[Any]) -> None:
        """Send a batch; wait only while too many are under way.

        Raises
        ------
        Exception
            As :meth:`settle`, because of this batch or of an earlier one.
        """
        with self._all_or_closed():
            self._sent.append(items)  # first, so that nothing makes it forgotten
            if self._stream is None:
                self._stream = self._queue.open_stream()
            blob, pieces = packed(items)
            self._stream.ask("put_packed", (blob, len(items), True, None), pieces)
            if len(self._sent) >= self.in_flight:
                self._settle_one(self._stream)

    def settle(self) -> None:
        """Wait until every batch that is under way was answered.

        Raises
        ------
        OutcomeUnknownError
            The connection ended.
        ValueError
            A batch has more items than the queue's ``maxsize``; it was not put.
        LabkitError
            The server cannot be reached, or is stopping.
        """
        with self._all_or_closed():
            while self._sent and self._stream is not None:
                self._settle_one(self._stream)

    def take_back(self) -> list[list[Any]]:
        """Return the batches that are unsettled, in order, and forget them here."""
        self.close()
        batches, self._lost = self._lost, []
        return batches

    def close(self) -> None:
        """Hang up; what is unsettled stays so. Safe to call twice."""
        stream, self._stream = self._stream, None
        self._lost += self._sent
        self._sent.clear()
        if stream is not None:
            stream.close()

    @contextlib.contextmanager
    def _all_or_closed(self) -> Iterator[None]:
        """Close what an error or an interrupt left out of step."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _settle_one(self, stream: Stream) -> None:
        self._queue.result_of(stream.hear())
        self._sent.popleft()
