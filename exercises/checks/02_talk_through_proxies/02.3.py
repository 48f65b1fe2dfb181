"""02.3: two programs sell at once, and every sale is counted."""

import contextlib
import threading
from multiprocessing import managers

import pytest

from labkit.grader.fixtures import points, shown, there

READ_AGAIN = (
    "What you read again belongs to somebody else: keep the number that you wrote."
)
STUCK = "Somebody holds the lock: release it where it was acquired, whatever happens."


class Ledger(dict):
    """A dictionary that is slow where two clients meet.

    A client that reads an entry gets its answer when a second client has read one, too, or after a quarter of a second. So two clients that do not keep apart lose an update
    each time, not once in a thousand times.
    """

    def __init__(self, content, patience_s=0.0):
        super().__init__(content)
        self._both_have_read = threading.Barrier(2)
        self._patience_s = patience_s

    def _meet(self, value):
        with contextlib.suppress(threading.BrokenBarrierError):
            if self._patience_s:
                self._both_have_read.wait(self._patience_s)
                return value
        self._both_have_read.reset()
        return value

    def __getitem__(self, key):
        return self._meet(super().__getitem__(key))

    def get(self, key, default=None):
        """Return an entry, or what is given for one that is missing."""
        return self._meet(super().get(key, default))

    def copy(self):
        """Return the content."""
        return self._meet(dict(self))


class Warehouse(managers.BaseManager):
    """Offers what the task talks about."""


Warehouse.register("ledger", there(Ledger), managers.DictProxy)
Warehouse.register("lock", threading.Lock, managers.AcquirerProxy)


@pytest.fixture
def server(serve):
    """Lend a server of ledgers and locks."""
    return serve(Warehouse)


def _is_free(lock):
    free = lock.acquire(True, 0.2)
    if free:
        lock.release()
    return free


def _sell(answer, ledger, lock, thing="tea", pay=lambda _thing: None):
    return answer.call("sell", ledger=ledger, lock=lock, thing=thing, pay=pay)


class _BusyLock:
    """The server's lock; as soon as it is free, another client sells one."""

    def __init__(self, lock, ledger):
        self._lock, self._ledger, self.others_sold = lock, ledger, 0

    def acquire(self, *args):
        return self._lock.acquire(*args)

    def release(self):
        self._lock.release()
        if not self.others_sold:
            self.others_sold += 1
            self._ledger["tea"] += 1

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()


@points(4, "counts both sales of two programs, and tells each its own number")
def test_two_sales_are_two(answer, server):
    """Another client sells between two steps, then at the same time."""
    ledger = server.manager.ledger({"tea": 0})
    lock = _BusyLock(server.manager.lock(), ledger)
    call = _sell(answer, ledger, lock)
    number, counted = call.returns(STUCK), dict(ledger.items())
    assert counted == {"tea": 1 + lock.others_sold}, (
        f"{call} let the lock go, another client counted a sale, and then the ledger "
        f"was {shown(counted)}; expected {{'tea': 2}}. What was read before the lock was free "
        "is old: read and write under one and the same hold."
    )
    why = "Return the number." if number is None else READ_AGAIN
    assert number == 1, (
        f"{call} returned {shown(number)} after it had sold the first tea, and another "
        "client the second; expected 1. " + why
    )
    told = (
        "hold the server's lock from the reading to the writing."
        if lock.others_sold
        else "take the lock that is given: it lives in the server. One that a program "
        "makes keeps nobody else out."
    )
    ledger, lock = server.manager.ledger({"tea": 0}, 0.25), server.manager.lock()
    calls = [_sell(program, ledger, lock) for program in (answer, answer.again())]
    numbers = sorted((call.returns(STUCK) for call in calls), key=str)
    counted = dict(ledger.items())
    assert (counted, numbers) == ({"tea": 2}, [1, 2]), (
        f"Two programs called {call} at the same time. They got the numbers {shown(numbers)}, and "
        f"the ledger was {shown(counted)}; expected [1, 2] and {{'tea': 2}}. Both had read 0 "
        f"before either wrote: {told}"
    )


@points(1, "does not hold the lock while a customer pays")
def test_nobody_waits_for_a_customer(answer, server):
    """While the customer pays, another client tries the lock."""
    ledger, lock, found_free = (
        server.manager.ledger({"tea": 0}),
        server.manager.lock(),
        [],
    )

    def pay(_thing):
        found_free.append(_is_free(lock))

    call = _sell(answer, ledger, lock, pay=pay)
    call.returns(STUCK)
    assert len(found_free) == 1, (
        f"{call} called pay() {len(found_free)} times; expected it once."
    )
    assert found_free[0], (
        f"{call} held the lock while pay() ran; expected it to be free. All other "
        "clients wait as long as you hold it: take the money first."
    )


@points(1, "lets errors out, counts no failed sale, and leaves the lock free")
def test_errors_come_out(answer, server):
    """A customer cannot pay; a thing is in no ledger."""

    def pay(_thing):
        raise RuntimeError("no money")

    ledger, lock = server.manager.ledger({"tea": 5}), server.manager.lock()
    for kind, thing, paying in (
        (RuntimeError, "tea", pay),
        (KeyError, "gold", lambda _thing: None),
    ):
        call = _sell(answer, ledger, lock, thing, paying)
        error = call.ends(STUCK).error
        assert isinstance(error, kind), (
            f"{call} {call.outcome}; expected {kind.__name__} to propagate. Catch "
            "nothing."
        )
        assert _is_free(lock), (
            f"{call} raised {kind.__name__} and kept the lock: every other client "
            "waits for ever. `with lock:` releases it, whatever happens."
        )
    counted = dict(ledger.items())
    assert counted == {"tea": 5}, (
        f"The ledger was {shown(counted)} after two sales that failed; expected {{'tea': 5}}. "
        "Count a sale when it is paid."
    )
