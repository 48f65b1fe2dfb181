"""Who is calling a hosted queue, and whether it is still worth waiting for."""

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["CALLER", "Caller", "PatientCondition"]

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
