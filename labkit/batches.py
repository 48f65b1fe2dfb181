"""``queue.Queue`` for callers that may die at any time, with whole batches at once."""

import queue
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.callers import CALLER, PatientCondition

__all__ = ["TAKING", "BatchQueue"]

# The calls that take items for good.
TAKING = frozenset({"get", "get_nowait", "get_many"})


class BatchQueue(queue.Queue[Any]):
    """A ``queue.Queue`` that moves batches, and that a dead client cannot rob.

    Parameters
    ----------
    maxsize : int, default 0
        Items it may hold; 0 or less means no bound. Items that come back to the
        head may exceed it, so that none is lost.

    Notes
    -----
    Safe for any number of threads.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.not_empty: PatientCondition = PatientCondition(self.mutex)
        self.not_full: PatientCondition = PatientCondition(self.mutex)
        self.all_tasks_done: PatientCondition = PatientCondition(self.mutex)
        # Items that came back, each with how often it had been handed out before.
        self._returned: deque[tuple[Any, int]] = deque()
        self._put_count = self._got_count = 0

    # The hooks below are called by queue.Queue with the mutex held.

    def _qsize(self) -> int:
        return len(self._returned) + len(self.queue)

    def _put(self, item: Any) -> None:
        self.queue.append(item)
        self._put_count += 1

    def _put_all(self, items: Sequence[Any]) -> None:
        self.queue.extend(items)
        self._put_count += len(items)

    def _get(self) -> Any:
        self._got_count += 1
        if self._returned:
            item, CALLER.deliveries = self._returned.popleft()
            return item
        CALLER.deliveries = 0
        return self.queue.popleft()

    def put_many(
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> None:
        """Put all items in one round trip, or none of them.

        Parameters
        ----------
        items : iterable
            In order; any length that ``maxsize`` admits.
        block : bool, default True
            Whether to wait until there is room for all of them.
        timeout : float or None, default None
            Seconds to wait at most; ``None`` waits without end.

        Raises
        ------
        queue.Full
            There was no room in time; nothing was put.
        ValueError
            More items than ``maxsize``: they would never fit.
        """
        batch = list(items)
        if 0 < self.maxsize < len(batch):
            raise ValueError(
                f"{len(batch)} items never fit a queue of maxsize {self.maxsize}; "
                "put them in smaller batches"
            )
        with self.not_full:
            self._wait_for_room(len(batch), block, timeout)
            self._put_all(batch)
            self.unfinished_tasks += len(batch)
            self.not_empty.notify(len(batch))

    def _wait_for_room(self, count: int, block: bool, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while 0 < self.maxsize < self._qsize() + count:
            left = None if deadline is None else deadline - time.monotonic()
            if not block or (left is not None and left <= 0):
                raise queue.Full
            self.not_full.wait(left)

    def get_many(
        self, max_items: int = 100, block: bool = True, timeout: float | None = None
    ) -> list[Any]:
        """Take what is there, up to ``max_items``, in one round trip.

        Parameters
        ----------
        max_items : int, default 100
            At least 1.
        block : bool, default True
            Whether to wait for the first item; the others are never waited for.
        timeout : float or None, default None
            Seconds to wait for the first item; ``None`` waits without end.

        Returns
        -------
        list
            1 to ``max_items`` items, oldest first.

        Raises
        ------
        queue.Empty
            No item came in time.
        ValueError
            ``max_items`` is below 1.
        """
        if max_items < 1:
            raise ValueError(f"max_items is {max_items}; give 1 or more")
        items = [self.get(block, timeout)]
        with self.mutex:
            more = min(max_items - 1, self._qsize())
            items.extend(self._get() for _ in range(more))
            self.not_full.notify(len(items) - 1)
        return items

    # What a server does for callers that can no longer speak for themselves.

    def take_back(self, method: str, result: Any) -> None:
        """Return what a call took to the head, in order: its answer was not sent."""
        if method not in TAKING:
            return
        items = self._taken(result if method == "get_many" else [result])
        with self.mutex:
            self._returned.extendleft((item, 0) for item in reversed(items))
            self._got_count -= len(items)
            self.not_empty.notify(len(items))

    def delivered(self, method: str) -> None:
        """Take note that the answer to a call was sent; a journal forgets items now."""

    def _taken(self, items: list[Any]) -> list[Any]:
        """Return, for the items of the call at hand, what the queue keeps of them."""
        return items

    def wake_all(self) -> None:
        """Make every waiting call look at once whether it should go on."""
        with self.mutex:
            for condition in (self.not_empty, self.not_full, self.all_tasks_done):
                condition.notify_all()
