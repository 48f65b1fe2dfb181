"""What a server hosts: a queue with batches and receipts, for clients that may die."""

import functools
import itertools
import math
import queue
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from labkit.errors import ReceiptError
from labkit.manager.entries import Entry, parcels_of

if TYPE_CHECKING:
    from labkit.manager.journal import QueueJournal

# With items that the server does not open: labkit's proxies use these.
PACKED = ("put_packed", "get_packed", "receive_packed")
# What clients may call; the rest is the server's business.
EXPOSED = (
    *("put", "get", "put_nowait", "get_nowait", "qsize", "empty", "full"),
    *("task_done", "join"),
    *("put_many", "get_many", "receive", "ack", "nack", "dead_letters", "stats"),
    *PACKED,
    *(("shutdown",) if hasattr(queue.Queue, "shutdown") else ()),  # from Python 3.13
)

_P = ParamSpec("_P")
LOOK_EVERY_S = 0.4  # a waiting call looks this often whether its client is still there


class Caller(threading.local):
    """Who is calling from this thread; a server fills it in for each client."""

    owner: object = None  # the connection; None for a call in one's own process
    # Raises when the call should not wait any longer: the client has gone, or the
    # server is stopping.
    check: Callable[[], None] = staticmethod(lambda: None)
    clients: Collection[object] = ()  # whose connections are open at the server

    def __init__(self) -> None:  # runs once in each thread
        self.lenders: set[TaskQueue] = set()  # where it has received something


CALLER = Caller()


class PatientCondition(threading.Condition):
    """A condition whose waiters give up before they take anything.

    ``queue.Queue`` waits in loops that look again after every wake-up, so a wait may
    end early. That is all it takes to notice a client that died in a blocked ``get``.
    """

    waiting = 0

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be notified, for ``timeout`` seconds or less; see the class."""
        nap = LOOK_EVERY_S if timeout is None else min(timeout, LOOK_EVERY_S)
        self.waiting += 1
        try:
            notified = super().wait(nap)
        finally:
            self.waiting -= 1
        try:
            CALLER.check()
        except BaseException:
            # The wake-up was meant for an item; hand it to the next in line.
            if notified:
                self.notify()
            raise
        return notified


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue's numbers at one moment.

    Attributes
    ----------
    depth : int
        Items that wait to be taken.
    unacked : int
        Items handed out by ``receive`` whose receipt is still open.
    put, got : int
        Items put, and items handed out, since the queue was made.
    redelivered : int
        Items that went back to the head: worker dead, late, or ``nack``.
    dead : int
        Items given up after ``max_deliveries``.
    waiting_consumers : int
        Calls that wait for an item now.
    connections : int
        Client connections open at the server; 0 in one's own process.
    """

    depth: int
    unacked: int
    put: int
    got: int
    redelivered: int
    dead: int
    waiting_consumers: int
    connections: int


@dataclass(slots=True)
class Taken:
    """What a call took from a queue: gone for good only once the caller has it."""

    queue: "TaskQueue"
    entries: list[Entry]
    receipt: str | None = None
    single: bool = True  # the caller asked for an item, not for a list
    packed: bool = False

    def answer(self, items: Callable[[Entry], list[Any]] = Entry.items) -> Any:
        """Return what to send to a client."""
        if self.packed:
            value: Any = parcels_of(self.entries)
        else:
            things = [item for entry in self.entries for item in items(entry)]
            value = things[0] if self.single else things
        return value if self.receipt is None else (self.receipt, value)


def takes(
    method: "Callable[Concatenate[TaskQueue, _P], Taken]",
) -> "Callable[Concatenate[TaskQueue, _P], Any]":
    """Make a method that takes items return their value to callers in this process.

    A server calls ``method.for_client``, which returns what was :class:`Taken`: a
    client may be gone before its answer arrives.
    """

    @functools.wraps(method)
    def accepted(self: "TaskQueue", *args: _P.args, **kwds: _P.kwargs) -> Any:
        taken = method(self, *args, **kwds)
        try:
            value = taken.answer(Entry.opened)
        except BaseException:
            self.put_back(taken)
            raise
        self.delivered(taken)
        return value

    accepted.for_client = method  # type: ignore[attr-defined]
    return accepted  # type: ignore[return-value]


class TaskQueue(queue.Queue[Any]):
    """A first-in, first-out queue with batches and receipts.

    The whole of :class:`queue.Queue`, as safe for threads, with the same exceptions.
    ``get`` hands an item over at most once; ``receive`` and ``ack`` at least once. With
    a journal, a ``get`` that was answered just before the server was killed may be
    repeated.

    Parameters
    ----------
    maxsize : int, default 0
        Items it may hold; 0 or less means no bound. Items that go back to the head
        may exceed it, so that none is lost.
    max_deliveries : int, default 5
        How often ``receive`` hands out one item, at least 1, before it goes to
        :meth:`dead_letters`.
    journal : QueueJournal or None, default None
        Keeps the items in a file, too, from before ``put`` answers until they are
        acknowledged or, taken with ``get``, delivered.
    """

    class Retired(Exception):  # noqa: N818 - a server's own business
        """The server has forgotten this queue; there may be a new one of its name."""

    def __init__(
        self,
        maxsize: int = 0,
        max_deliveries: int = 5,
        journal: "QueueJournal | None" = None,
    ) -> None:
        super().__init__(maxsize)
        if max_deliveries < 1:
            raise ValueError(f"max_deliveries is {max_deliveries}; give 1 or more")
        self.max_deliveries = max_deliveries
        self.not_empty: PatientCondition = PatientCondition(self.mutex)
        self.not_full: PatientCondition = PatientCondition(self.mutex)
        self.all_tasks_done: PatientCondition = PatientCondition(self.mutex)
        self._unacked: dict[str, Entry] = {}
        self._dead: list[Entry] = []
        self._put_count = self._got_count = self._redelivered = 0
        self._retired = False
        # A receipt of an earlier server must never fit an item of this one.
        self._receipts = map(f"{secrets.token_hex(4)}-{{}}".format, itertools.count(1))
        self._journal = journal
        if journal is not None:
            waiting, self._dead = journal.entries()
            self.queue.extend(waiting)
        self._size: int = sum(one.count for one in self.queue)  # items, not entries
        self.unfinished_tasks = self._size

    # Putting.

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item; see :meth:`queue.Queue.put`."""
        self._put_entries([Entry(1, item)], 1, block, timeout)

    def put_many(
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> None:
        """Put all items in order, or none of them; see :meth:`queue.Queue.put`.

        More than ``maxsize`` would never fit: that is a ``ValueError``.
        """
        entries = [Entry(1, item) for item in items]
        self._put_entries(entries, len(entries), block, timeout)

    def put_packed(
        self, blob: bytes, count: int, block: bool = True, timeout: float | None = None
    ) -> None:
        """Put a pickled list of ``count`` items; see :meth:`put_many`."""
        if count < 1 or not isinstance(blob, bytes):
            raise ValueError("give a pickled list and the number of its items")
        self._put_entries([Entry(count, None, blob)], count, block, timeout)

    def _put_entries(
        self, entries: list[Entry], count: int, block: bool, timeout: float | None
    ) -> None:
        if 0 < self.maxsize < count:
            raise ValueError(
                f"{count} items never fit a queue of maxsize {self.maxsize}; "
                "put them in smaller batches"
            )

        def has_room() -> bool:
            return self._qsize() + count <= self.maxsize

        with self.not_full:
            if self.maxsize > 0:
                self._await(self.not_full, has_room, queue.Full, block, timeout)
            self._check_open()
            if self._journal is not None:
                self._journal.add(entries)
            self.queue.extend(entries)
            self._size += count
            self._put_count += count
            self.unfinished_tasks += count
            self.not_empty.notify(count)

    # Taking.

    @takes
    def get(self, block: bool = True, timeout: float | None = None) -> Taken:
        """Take an item; see :meth:`queue.Queue.get`."""
        return self._take(1, block, timeout)

    @takes
    def get_nowait(self) -> Taken:
        """Take an item, or raise ``queue.Empty`` at once."""
        return self._take(1, False)

    @takes
    def get_many(
        self, max_items: int = 100, block: bool = True, timeout: float | None = None
    ) -> Taken:
        """Take a list of what is there, oldest first: 1 to ``max_items`` items.

        Waits for the first, as :meth:`queue.Queue.get`, and never for the others. A
        list that a client put whole is cut only if it is the first; one behind it that
        is too long waits for the next call.
        """
        return self._take(max_items, block, timeout, single=False)

    @takes
    def receive(
        self,
        visibility_timeout: float = 30.0,
        block: bool = True,
        timeout: float | None = None,
    ) -> Taken:
        """Take an item on a receipt: it goes back unless it is acknowledged.

        Parameters
        ----------
        visibility_timeout : float, default 30.0
            Seconds, above 0, until the item goes back to the head of the queue. It
            goes back at once when the connection it was received over ends.
        block, timeout
            As in :meth:`queue.Queue.get`.

        Returns
        -------
        tuple of (str, object)
            A receipt for :meth:`ack` or :meth:`nack`, and the item.
        """
        return self._take(1, block, timeout, visibility_timeout)

    @takes
    def get_packed(self, max_items: int, *how: Any) -> Taken:
        """Take what is there as parcels; see :meth:`get_many` and :meth:`_take`."""
        return self._take(max_items, *how, packed=True)

    receive_packed = get_packed  # the same with a receipt

    def _take(
        self,
        max_items: int,
        block: bool,
        timeout: float | None = None,
        visibility_timeout: float | None = None,
        enough_bytes: float = math.inf,
        *,
        single: bool = True,
        packed: bool = False,
    ) -> Taken:
        if max_items < 1:
            raise ValueError(f"max_items is {max_items}; give 1 or more")
        if visibility_timeout is not None and not visibility_timeout > 0:
            raise ValueError(
                f"visibility_timeout is {visibility_timeout}; give seconds above 0"
            )

        with self.not_empty:
            self._await(self.not_empty, self._qsize, queue.Empty, block, timeout)
            before = self._size
            entries = self._pop(max_items, enough_bytes)
            self.not_full.notify(before - self._size)
            receipt = None
            if visibility_timeout is not None:
                receipt = self._lend(entries[0], visibility_timeout)
        return Taken(self, entries, receipt, single, packed)

    def _pop(self, limit: int, enough_bytes: float = math.inf) -> list[Entry]:
        """Take entries with so many items from the head, or with what is there.

        Only the first is cut. One behind it that is too long waits for the next call.
        """
        head = self.queue[0]
        if head.count > limit:
            parts = head.cut(limit)
            if self._journal is not None:
                self._journal.replace(head, parts)
            self.queue.popleft()
            self.queue.extendleft(reversed(parts))
        entries: list[Entry] = []
        size = 0
        while self.queue and self.queue[0].count <= limit and size <= enough_bytes:
            entry = self.queue.popleft()
            entries.append(entry)
            limit -= entry.count
            size += len(entry.blob or b"")
            self._size -= entry.count
            self._got_count += entry.count
        return entries

    def delivered(self, taken: Taken) -> None:
        """Take note that the caller has it: a journal may forget it now."""
        if self._journal is not None and taken.receipt is None:
            self._journal.delivered(taken.entries)

    def put_back(self, taken: Taken) -> None:
        """Return it to the head, as if not taken, unless its receipt is closed."""
        with self.mutex:
            if taken.receipt is not None:
                if self._unacked.pop(taken.receipt, None) is None:
                    return
                taken.entries[0].deliveries -= 1
            self._got_count -= sum(entry.count for entry in taken.entries)
            self._to_head(taken.entries)

    def _to_head(self, entries: list[Entry]) -> None:
        self.queue.extendleft(reversed(entries))
        count = sum(entry.count for entry in entries)
        self._size += count
        self.not_empty.notify(count)

    # Receipts.

    def _lend(self, entry: Entry, visibility_timeout: float) -> str:
        entry.deliveries += 1
        entry.deadline = time.monotonic() + visibility_timeout
        entry.owner = CALLER.owner
        if entry.owner is not None:
            CALLER.lenders.add(self)
        receipt = next(self._receipts)
        self._unacked[receipt] = entry
        return receipt

    def ack(self, receipt: str) -> None:
        """Say that the item is done; it counts as :meth:`task_done` too.

        Raises
        ------
        ReceiptError
            The receipt is not open: the item was acknowledged before, or took too
            long and went back to the queue, where another worker may have it.
        """
        with self.mutex:
            entry = self._lent(receipt)
            if self._journal is not None:
                self._journal.remove([entry])
            del self._unacked[receipt]
            self._one_done()

    def nack(self, receipt: str) -> None:
        """Give the item back to the head of the queue at once; see :meth:`ack`."""
        with self.mutex:
            self._lent(receipt)
            self._hand_back([receipt])

    def dead_letters(self) -> list[Any]:
        """Return the items given up after ``max_deliveries``, oldest first."""
        with self.mutex:
            self._return_overdue()
            return [item for entry in self._dead for item in entry.items()]

    def release(self, owner: object) -> None:
        """Return every item that a connection held on a receipt to the head."""
        with self.mutex:
            held = [r for r, one in self._unacked.items() if one.owner is owner]
            self._hand_back(held)

    def _lent(self, receipt: str) -> Entry:
        self._return_overdue()
        try:
            return self._unacked[receipt]
        except KeyError:
            raise ReceiptError(
                f"receipt {receipt!r} is not open: its item was acknowledged before, "
                "or ran out of time and went back to the queue; treat the work as "
                "possibly done twice, or ask for a longer visibility_timeout"
            ) from None

    def _return_overdue(self) -> None:
        if self._unacked:
            now = time.monotonic()
            late = [r for r, one in self._unacked.items() if one.deadline <= now]
            self._hand_back(late)

    def _hand_back(self, receipts: list[str]) -> None:
        """Return items to the head in order; those given up go to the dead letters."""
        alive = []
        for receipt in receipts:
            entry = self._unacked.pop(receipt)
            dead = entry.deliveries >= self.max_deliveries
            if self._journal is not None:
                self._journal.mark(entry, dead)
            if dead:
                self._dead.append(entry)
                self._one_done()
            else:
                alive.append(entry)
        self._redelivered += len(alive)
        self._to_head(alive)

    def _one_done(self) -> None:
        if self.unfinished_tasks > 0:
            self.unfinished_tasks -= 1
        if self.unfinished_tasks == 0:
            self.all_tasks_done.notify_all()

    # Waiting and looking.

    def _await(
        self,
        condition: PatientCondition,
        is_ready: Callable[[], object],
        give_up: type[Exception],
        block: bool,
        timeout: float | None,
    ) -> None:
        patience_s = math.inf if timeout is None else timeout
        if not block:
            patience_s = 0
        if patience_s < 0:
            raise ValueError("'timeout' must be a non-negative number")
        until = time.monotonic() + patience_s
        while not is_ready():
            self._check_open()
            left = until - time.monotonic()
            if left <= 0:
                raise give_up
            condition.wait(left)

    def _check_open(self) -> None:
        """Raise ``queue.ShutDown`` if it was shut down (from Python 3.13)."""
        if self._retired:
            raise self.Retired
        if getattr(self, "is_shutdown", False):
            raise queue.ShutDown("the queue was shut down")  # type: ignore[attr-defined]

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
                connections=len(CALLER.clients),
            )

    def retire(self) -> bool:
        """Close it for good, if it is as if new: empty, unbounded, in use by nobody."""
        with self.mutex:
            # Where nobody ever calls task_done, what is unfinished means nothing.
            used = self._qsize() or self._unacked or self._dead
            used = used or 0 < self.unfinished_tasks < self._put_count
            used = used or self.not_empty.waiting or self.all_tasks_done.waiting
            kept = self._journal or self.maxsize > 0
            self._retired = not (used or kept or getattr(self, "is_shutdown", False))
            return self._retired

    def wake_all(self) -> None:
        """Make every waiting call look at once whether it should go on."""
        with self.mutex:
            for condition in (self.not_empty, self.not_full, self.all_tasks_done):
                condition.notify_all()

    # What queue.Queue calls with the mutex held: qsize() and, from 3.13, shutdown().

    def _qsize(self) -> int:
        self._return_overdue()
        return self._size

    def _get(self) -> Any:
        self.delivered(Taken(self, self._pop(1)))
