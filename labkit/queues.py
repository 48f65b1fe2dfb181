"""What a queue server hosts: a queue whose items survive the worker that took them."""

import itertools
import queue
import secrets
import time
from dataclasses import dataclass
from typing import Any

from labkit._queues.batches import BatchQueue
from labkit._queues.callers import CALLER
from labkit._queues.packing import Packed, pack, ship, unpack
from labkit._queues.stats import QueueStats
from labkit.errors import ReceiptError

__all__ = ["EXPOSED", "QueueStats", "TaskQueue"]

# What clients may call; the rest is the server's business.
EXPOSED = (
    *("put", "get", "put_nowait", "get_nowait", "qsize", "empty", "full"),
    *("task_done", "join"),
    *("put_many", "get_many", "receive", "ack", "nack", "dead_letters", "stats"),
    # The same with items that the server does not open: labkit's proxies use these.
    *("put_packed", "get_packed", "receive_packed", "dead_letters_packed"),
    *(("shutdown",) if hasattr(queue.Queue, "shutdown") else ()),  # from Python 3.13
)


@dataclass(slots=True)
class _Delivery:
    entry: Any
    deadline: float
    deliveries: int
    owner: object


class TaskQueue(BatchQueue):
    """A first-in, first-out queue with batches and receipts.

    The whole of :class:`queue.Queue`, with the same exceptions. ``get`` hands an
    item over at most once; ``receive`` and ``ack`` at least once.

    Parameters
    ----------
    maxsize : int, default 0
        Items it may hold; 0 or less means no bound. Items that come back to the
        head may exceed it, so that none is lost.
    max_deliveries : int, default 5
        How often ``receive`` hands out one item, at least 1, before it goes to
        :meth:`dead_letters`.

    Notes
    -----
    Safe for any number of threads. In a server every method runs in a thread of
    the server's process; arguments and results cross the wire as pickles.
    """

    def __init__(self, maxsize: int = 0, max_deliveries: int = 5) -> None:
        super().__init__(maxsize)
        if max_deliveries < 1:
            raise ValueError(f"max_deliveries is {max_deliveries}; give 1 or more")
        self.max_deliveries = max_deliveries
        self._unacked: dict[str, _Delivery] = {}
        self._dead: list[Any] = []
        self._redelivered = 0
        # A receipt of an earlier server must never fit an item of this one.
        prefix = secrets.token_hex(4)
        self._receipts = (f"{prefix}-{n}" for n in itertools.count(1))

    def _qsize(self) -> int:
        if self._unacked:
            self._return_overdue()
        return super()._qsize()

    def receive(
        self,
        visibility_timeout: float = 30.0,
        block: bool = True,
        timeout: float | None = None,
    ) -> tuple[str, Any]:
        """Take an item on a receipt: it comes back unless it is acknowledged.

        Parameters
        ----------
        visibility_timeout : float, default 30.0
            Seconds, above 0, until the item goes back to the head of the queue. It
            goes back at once when the connection it was received over ends.
        block, timeout
            As in :meth:`queue.Queue.get`.

        Returns
        -------
        receipt : str
            For :meth:`ack` or :meth:`nack`.
        item : object

        Raises
        ------
        queue.Empty
            No item came in time.
        ValueError
            ``visibility_timeout`` is not above 0.
        """
        receipt, entry = self._lend(visibility_timeout, block, timeout)
        return receipt, self._item_of(entry)

    def receive_packed(
        self,
        visibility_timeout: float = 30.0,
        block: bool = True,
        timeout: float | None = None,
    ) -> tuple[str, Any]:
        """Take an item as a pickled list of one; see :meth:`receive`."""
        receipt, entry = self._lend(visibility_timeout, block, timeout)
        return receipt, self._blob_of(entry)

    def _lend(
        self, visibility_timeout: float, block: bool, timeout: float | None
    ) -> tuple[str, Any]:
        if not visibility_timeout > 0:
            raise ValueError(
                f"visibility_timeout is {visibility_timeout}; give seconds above 0"
            )
        with self.not_empty:
            self._wait_for_item(block, timeout)
            head = self._head()
            if type(head) is Packed and head.count > 1:
                self._open_head()
            entry, deliveries = self._pop(1)
            receipt = next(self._receipts)
            self._unacked[receipt] = _Delivery(
                entry,
                time.monotonic() + visibility_timeout,
                deliveries + 1,
                CALLER.owner,
            )
            self.not_full.notify()
        return receipt, entry

    def ack(self, receipt: str) -> None:
        """Say that the item is done; it counts as :meth:`task_done` too.

        Raises
        ------
        ReceiptError
            The receipt is not open: the item was acknowledged before, or took too
            long and went back to the queue, where another worker may have it.
        """
        with self.mutex:
            self._done(self._close(receipt).entry)
            self._one_done()

    def nack(self, receipt: str) -> None:
        """Give the item back to the head of the queue at once.

        Raises
        ------
        ReceiptError
            As for :meth:`ack`.
        """
        with self.mutex:
            self._hand_back(self._close(receipt))

    def dead_letters(self) -> list[Any]:
        """Return the items given up after ``max_deliveries``, oldest first."""
        return [item for blob in self.dead_letters_packed() for item in unpack(blob)]

    def dead_letters_packed(self) -> list[Any]:
        """Return the items given up, each as a pickled list of one."""
        with self.mutex:
            self._return_overdue()
            return [self._blob_of(entry) for entry in self._dead]

    def _item_of(self, entry: Any) -> Any:
        value = self._value(entry)
        return unpack(value.blob)[0] if type(value) is Packed else value

    def _blob_of(self, entry: Any) -> Any:
        value = self._value(entry)
        return ship(value.blob if type(value) is Packed else pack([value]))

    def stats(self) -> QueueStats:
        """Return the queue's numbers at this moment, as a frozen record."""
        with self.mutex:
            return QueueStats(
                depth=self._qsize(),
                unacked=len(self._unacked),
                put=self._put_count,
                got=self._got_count,
                redelivered=self._redelivered,
                dead=len(self._dead),
                waiting_consumers=self.not_empty.waiting,
                connections=CALLER.connections(),
            )

    def release(self, owner: object) -> None:
        """Return every item that a connection held on a receipt to the head."""
        with self.mutex:
            held = [r for r, d in self._unacked.items() if d.owner is owner]
            for receipt in reversed(held):
                self._hand_back(self._unacked.pop(receipt))

    def _close(self, receipt: str) -> _Delivery:
        self._return_overdue()
        delivery = self._unacked.pop(receipt, None)
        if delivery is None:
            raise ReceiptError(
                f"receipt {receipt!r} is not open: its item was acknowledged before, "
                "or ran out of time and went back to the queue; treat the work as "
                "possibly done twice, or ask for a longer visibility_timeout"
            )
        return delivery

    def _return_overdue(self) -> None:
        now = time.monotonic()
        late = [r for r, d in self._unacked.items() if d.deadline <= now]
        for receipt in reversed(late):
            self._hand_back(self._unacked.pop(receipt))

    def _hand_back(self, delivery: _Delivery) -> None:
        dead = delivery.deliveries >= self.max_deliveries
        self._note(delivery.entry, delivery.deliveries, dead)
        if dead:
            self._dead.append(delivery.entry)
            self._one_done()
            return
        self._redelivered += 1
        self._returned.appendleft((delivery.entry, delivery.deliveries))
        self._size += 1
        self.not_empty.notify()

    # What a journal does beside.

    def _done(self, entry: Any) -> None:
        pass

    def _note(self, entry: Any, deliveries: int, dead: bool) -> None:
        pass

    def _one_done(self) -> None:
        if self.unfinished_tasks > 0:
            self.unfinished_tasks -= 1
        if self.unfinished_tasks == 0:
            self.all_tasks_done.notify_all()
