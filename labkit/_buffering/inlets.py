"""A consumer's end that asks for the next batch before this one is done."""

import contextlib
import sys
from queue import Empty
from typing import TYPE_CHECKING, Any, Self

from labkit._managers.proxies import QueueProxy
from labkit._queues.packing import unpack_all
from labkit.errors import LabkitError

if TYPE_CHECKING:
    from labkit._managers.links import Stream

__all__ = ["Inlet", "prefetched"]


class Inlet:
    """A consumer's end: the next batch is on its way while this one is worked on.

    Made by :func:`prefetched`. An iterator of lists, and a context manager.

    Attributes
    ----------
    left : list
        What had come and was not handed out when it was closed.

    Notes
    -----
    For one thread at a time. **What can be lost:** a process that is killed takes
    two batches with it, the one it works on and the next. Leaving the block, or
    :meth:`close`, loses nothing. What must survive a killed consumer is taken with
    :meth:`~labkit.queues.TaskQueue.receive`.
    """

    def __init__(
        self,
        queue: QueueProxy,
        max_items: int,
        limit: int | None,
        timeout: float | None,
    ) -> None:
        if max_items < 1:
            raise ValueError(f"max_items is {max_items}; give 1 or more")
        self.left: list[Any] = []
        self._queue = queue
        self._max_items = max_items
        self._timeout = timeout
        self._to_come = sys.maxsize if limit is None else limit
        self._asked = 0  # at most so many items are on their way
        self._stream: Stream | None = queue.open_stream()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Any]:
        """Return the next batch.

        Raises
        ------
        StopIteration
            The limit is reached, or no item came in time.
        OutcomeUnknownError
            The connection ended; what was on its way may be lost.
        LabkitError
            The server cannot be reached, or is stopping.
        """
        if self.left:
            items, self.left = self.left, []
            return items
        was_early = self._asked > 0
        try:
            return self._next()
        except Empty:
            if not was_early:
                raise StopIteration from None
        except BaseException:
            self._hang_up()
            raise
        return next(self)  # the time had begun with the batch before: now it begins

    def _next(self) -> list[Any]:
        self._ask()
        if self._stream is None or not self._asked:
            self._hang_up()
            raise Empty  # the limit is reached
        asked, self._asked = self._asked, 0
        blobs = self._queue.result_of(self._stream.hear())
        if self._to_come - asked >= self._max_items:
            self._ask()  # before these are opened: the server works meanwhile
        items = unpack_all(blobs)
        self._to_come -= len(items)
        self._ask()
        return items

    def _ask(self) -> None:
        count = min(self._max_items, self._to_come)
        if self._asked or count < 1:
            return
        if self._stream is None:
            self._stream = self._queue.open_stream()
        self._stream.ask("get_packed", (count, True, self._timeout))
        self._asked = count

    def close(self) -> list[Any]:
        """Take no more; return, and keep in :attr:`left`, what had come. Idempotent."""
        if self._stream is not None and self._asked:
            with contextlib.suppress(Empty, LabkitError):
                self._stream.finish()  # the server now answers, or takes nothing
                blobs = self._queue.result_of(self._stream.hear())
                self.left += unpack_all(blobs)
        self._hang_up()
        self._to_come = 0
        return self.left

    def _hang_up(self) -> None:
        self._asked = 0
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prefetched(
    queue: QueueProxy,
    max_items: int = 1000,
    *,
    limit: int | None = None,
    timeout: float | None = None,
) -> Inlet:
    """Take batches from a queue, the next while you work on this one.

    Parameters
    ----------
    queue : QueueProxy
        Of a :class:`~labkit.queues.TaskQueue`.
    max_items : int, default 1000
        Items in a batch, at least 1.
    limit : int, optional
        Items to take in all; by default there is no end.
    timeout : float, optional
        Seconds without an item after which the iteration ends; by default it waits.

    Returns
    -------
    Inlet
        An iterator of lists; its class says what can be lost.

    Raises
    ------
    NotOfferedError
        The queue is a plain ``queue.Queue``.
    LabkitError
        The server cannot be reached.

    Examples
    --------
    >>> from labkit import start_server
    >>> with start_server() as server:
    ...     orders = server.connect().get_queue("orders")
    ...     orders.put_many(range(5))
    ...     with prefetched(orders, 2, timeout=0.1) as batches:
    ...         print([batch for batch in batches])
    [[0, 1], [2, 3], [4]]
    """
    return Inlet(queue, max_items, limit, timeout)
