"""What the checks of this set share: a plain manager server, and a tap on it.

A check imports it by ``importlib``, since the folder's name is no identifier.
"""

import contextlib
import multiprocessing
import os
import queue
import sys
import threading
from multiprocessing import managers

import pytest

from labkit import wiretap

PATIENCE_S = 0.25
NO_WAIT = "Nothing here has to wait."


class Ledger(dict):
    """A dictionary that is slow where two clients meet.

    Whoever has read an entry is answered when a second client has read one, too, or
    after a quarter of a second. So two clients that do not keep apart lose an update
    each time, not once in a thousand times.
    """

    def __init__(self, content, patience_s=0.0):
        super().__init__(content)
        self._both_have_read = threading.Barrier(2)
        self._patience_s = patience_s

    def _meet(self):
        with contextlib.suppress(threading.BrokenBarrierError):
            if self._patience_s:
                self._both_have_read.wait(self._patience_s)
                return
        self._both_have_read.reset()

    def __getitem__(self, key):
        value = super().__getitem__(key)
        self._meet()
        return value

    def get(self, key, default=None):
        """Return an entry, or what is given for one that is missing."""
        value = super().get(key, default)
        self._meet()
        return value

    def copy(self):
        """Return the content."""
        content = dict(self)
        self._meet()
        return content


_hosted = {}  # filled in the server process only


def _host_orders(name):
    return _hosted.setdefault(name, queue.Queue())


class Manager(managers.BaseManager):
    """Offers what the tasks talk about."""


Manager.register("orders", _host_orders)
Manager.register("ledger", Ledger, managers.DictProxy)
Manager.register("lock", threading.Lock, managers.AcquirerProxy)


class Warehouse:
    """A server in a process of its own."""

    def __init__(self):
        # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
        context = multiprocessing.get_context(
            "fork" if sys.platform == "linux" else "spawn"
        )
        self._key = os.urandom(16)
        self.manager = Manager(("127.0.0.1", 0), self._key, ctx=context)
        self.manager.start()

    def ledger(self, content, patience_s=0.0):
        """Host a new ledger."""
        return self.manager.ledger(content, patience_s)

    def lock(self):
        """Host a new lock."""
        return self.manager.lock()

    @contextlib.contextmanager
    def tapped(self):
        """Lend a tap, and a manager that is not connected yet, through that tap."""
        with wiretap(self.manager) as tap:
            yield tap, Manager(tap.address, self._key)

    def kill(self):
        """End it at once."""
        self.manager._process.kill()
        self.manager._process.join()


@pytest.fixture(scope="module")
def warehouse():
    """Lend one server to all checks of a task."""
    warehouse = Warehouse()
    yield warehouse
    warehouse.kill()


def asked(tap):
    """Return the names of what was asked of the server, in order."""
    texts = (m.text for m in tap.messages if m.kind in {"request", "call"})
    return [text.partition("(")[0] for text in texts]
