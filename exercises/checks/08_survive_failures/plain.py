"""What 08.6 shares: a plain server, its clients, and a master that gets killed.

A check imports it by ``importlib``, since the folder's name is no identifier; so does a
child process where children start empty.
"""

import contextlib
import itertools
import multiprocessing
import queue
import sys
from multiprocessing import managers

PATIENCE_S = 3.0
KEY = b"a key of the checks alone"


class _Loud(queue.Queue):
    """A queue that counts who asked for an order."""

    def __init__(self):
        super().__init__()
        self.asked = itertools.count()
        self.calls = 0

    def get(self, block=True, timeout=None):
        self.calls = next(self.asked) + 1
        return super().get(block, timeout)

    def asked_so_far(self):
        return self.calls


_orders = _Loud()  # the server's own


def _get_orders():
    return _orders


class Depot(managers.BaseManager):
    """A manager whose server is the standard library's."""


Depot.register("orders", _get_orders)


def context():
    """Return what starts children here."""
    # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def connect(address, key):
    """Return a proxy of the one queue."""
    manager = Depot(address, key)
    manager.connect()
    return manager.orders()


def wait_for_an_order(address, key):
    """Be a client that is going to be killed."""
    connect(address, key).get()


@contextlib.contextmanager
def server(address=("127.0.0.1", 0), key=KEY):
    """Lend a plain server."""
    depot = Depot(address, key, ctx=context())
    depot.start()
    try:
        yield depot
    finally:
        depot._process.kill()
        depot._process.join()


def works(call):
    """Say whether a call works."""
    try:
        call()
    except (EOFError, OSError):
        return "fails"
    return "works"


def be_master(pipe):
    """Start a manager, tell where, and wait to be killed."""
    depot = Depot(("127.0.0.1", 0), KEY, ctx=context())
    depot.start()
    pipe.send((depot.address, depot._process.pid))
    pipe.recv()  # until it is killed
