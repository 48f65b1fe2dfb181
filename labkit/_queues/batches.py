"""``queue.Queue`` for callers that may die at any time, with whole batches at once."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from labkit._queues.callers import CALLER, PatientQueue
from labkit._queues.packing import TAKING, Packed, pack, ship, unpack, unpack_all

__all__ = ["BatchQueue"]


class BatchQueue(PatientQueue):
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
        # An entry is an item, or a Packed. These came back, each with how often it
        # had been handed out before.
        self._returned: deque[tuple[Any, int]] = deque()
        self._size = 0  # items, not entries
        self._put_count = self._got_count = 0

    # The hooks below are called by queue.Queue with the mutex held.

    def _qsize(self) -> int:
        return self._size

    def _put(self, item: Any) -> None:
        self._store([item], 1)

    def _get(self) -> Any:
        item = self._first_item()
        CALLER.taken = [self._pop(1)]
        return item

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
        self._put_entries(batch, len(batch), block, timeout)

    def put_packed(
        self,
        blob: bytes | memoryview,
        count: int = 1,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Put a pickled list of ``count`` items; see :meth:`put_many`."""
        self._put_entries([Packed(count, blob)], count, block, timeout)

    def _put_entries(
        self, entries: list[Any], count: int, block: bool, timeout: float | None
    ) -> None:
        if 0 < self.maxsize < count:
            raise ValueError(
                f"{count} items never fit a queue of maxsize {self.maxsize}; "
                "put them in smaller batches"
            )
        with self.not_full:
            self._wait_for_room(count, block, timeout)
            self._store(entries, count)
            self.unfinished_tasks += count
            self.not_empty.notify(count)

    def _store(self, entries: list[Any], count: int) -> None:
        self.queue.extend(entries)
        self._size += count
        self._put_count += count

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
        blobs = self.get_packed(max_items, block, timeout)
        return unpack_all(blobs)

    def get_packed(
        self, max_items: int = 1, block: bool = True, timeout: float | None = None
    ) -> list[Any]:
        """Take what is there as pickled lists, in order; see :meth:`get_many`."""
        if max_items < 1:
            raise ValueError(f"max_items is {max_items}; give 1 or more")
        with self.not_empty:
            self._wait_for_item(block, timeout)
            before = self._size
            blobs = self._pop_blobs(max_items)
            self.not_full.notify(before - self._size)
        return blobs

    # Entries. A journal keeps a row beside each, and overrides these few.

    def _value(self, entry: Any) -> Any:
        return entry

    def _replace(self, entry: Any, items: list[Any]) -> list[Any]:
        """Return the entries that stand for the opened items of an entry."""
        del entry
        return items

    def _head(self) -> Any:
        return self._value(self._returned[0][0] if self._returned else self.queue[0])

    def _pop(self, count: int) -> tuple[Any, int]:
        """Take the head, of so many items; return it with its earlier deliveries."""
        taken = (
            self._returned.popleft() if self._returned else (self.queue.popleft(), 0)
        )
        CALLER.deliveries = taken[1]
        self._size -= count
        self._got_count += count
        return taken

    def _pop_blobs(self, limit: int) -> list[Any]:
        blobs: list[Any] = []
        loose: list[Any] = []
        CALLER.taken = []
        while limit > 0 and self._size:
            head = self._head()
            if type(head) is not Packed:
                loose.append(head)
                count = 1
            elif head.count <= limit:
                blobs += [ship(pack(loose))] * bool(loose) + [ship(head.blob)]
                loose = []
                count = head.count
            else:
                self._open_head()
                continue
            CALLER.taken.append(self._pop(count))
            limit -= count
        return blobs + [ship(pack(loose))] * bool(loose)

    def _first_item(self) -> Any:
        """Return the first item, which is then an entry of its own, at the head."""
        head = self._head()
        if type(head) is not Packed:
            return head
        if head.count > 1:
            self._open_head()
            return self._head()
        return unpack(head.blob)[0]

    def _open_head(self) -> None:
        head = self._head()
        items = unpack(head.blob)  # where a class is not known here, nothing changes
        entry, deliveries = self._pop(0)
        opened = self._replace(entry, items)
        self._returned.extendleft((one, deliveries) for one in reversed(opened))

    # What a server does for callers that can no longer speak for themselves.

    def take_back(self, method: str) -> None:
        """Return what a call took to the head, in order: its answer was not sent."""
        if method not in TAKING:
            return
        with self.mutex:
            self._returned.extendleft(reversed(CALLER.taken))
            count = sum(self._count(entry) for entry, _ in CALLER.taken)
            self._size += count
            self._got_count -= count
            self.not_empty.notify(count)

    def _count(self, entry: Any) -> int:
        value = self._value(entry)
        return value.count if type(value) is Packed else 1

    def delivered(self, method: str) -> None:
        """Take note that the answer to a call was sent; a journal forgets items now."""
