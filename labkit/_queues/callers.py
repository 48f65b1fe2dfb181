"""Who is calling a hosted queue, and whether it is still worth waiting for."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["CALLER", "Caller", "PatientCondition", "PatientQueue"]

# A waiting call looks this often whether its client is still there.
LOOK_EVERY_S = 0.4


class Caller(threading.local):
    """Who is calling from this thread; a server fills it in for each client.

    Attributes
    ----------
    owner : object or None
        The connection the call came over; ``None`` for a call in one's own process.
    check : callable
        Raises when the call should not wait any longer: the client has gone, or
        the server is stopping.
    connections : callable
        Returns how many client connections the server has open.
    deliveries : int
        How often the item taken last in this thread had been handed out before.
    taken : list
        What the last call of this thread took from a queue, and each entry's earlier
        deliveries.
    """

    owner: object = None
    check: Callable[[], None] = staticmethod(lambda: None)
    connections: Callable[[], int] = staticmethod(lambda: 0)
    deliveries: int = 0

    def __init__(self) -> None:
        # Runs once in each thread, so that each has a list of its own.
        self.taken: list[tuple[Any, int]] = []


CALLER = Caller()


class PatientCondition(threading.Condition):
    """A condition whose waiters give up before they take anything.

    ``queue.Queue`` waits in loops that look again after every wake-up, so a wait
    may end early. That is all it takes to notice a client that died while its
    ``get`` was blocked: an item put later stays in the queue for somebody alive.
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


class PatientQueue(queue.Queue[Any]):
    """A ``queue.Queue`` whose waiting calls end with their client, or with the server.

    Parameters
    ----------
    maxsize : int, default 0
        Items it may hold; 0 or less means no bound.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.not_empty: PatientCondition = PatientCondition(self.mutex)
        self.not_full: PatientCondition = PatientCondition(self.mutex)
        self.all_tasks_done: PatientCondition = PatientCondition(self.mutex)

    def wake_all(self) -> None:
        """Make every waiting call look at once whether it should go on."""
        with self.mutex:
            for condition in (self.not_empty, self.not_full, self.all_tasks_done):
                condition.notify_all()

    def _wait_for_room(self, count: int, block: bool, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._is_shut("put") and 0 < self.maxsize < self._qsize() + count:
            self._wait(self.not_full, block, deadline, queue.Full)

    def _wait_for_item(self, block: bool, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._qsize() and not self._is_shut("get"):
            self._wait(self.not_empty, block, deadline, queue.Empty)

    def _wait(
        self,
        condition: PatientCondition,
        block: bool,
        deadline: float | None,
        give_up: type[Exception],
    ) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if not block or (left is not None and left <= 0):
            raise give_up
        condition.wait(left)

    def _is_shut(self, method: str) -> bool:
        """Raise ``queue.ShutDown`` if it was shut (from Python 3.13); else False."""
        if getattr(self, "is_shutdown", False):
            shut: type[Exception] = getattr(queue, "ShutDown", RuntimeError)
            raise shut(f"the queue was shut down; {method} no longer works")
        return False
