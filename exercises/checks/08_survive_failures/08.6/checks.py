"""08.6: each story is played with a plain server, then compared with the prediction."""

import contextlib
import itertools
import multiprocessing
import queue
import sys
import threading
import time
from multiprocessing import managers

import psutil

PATIENCE_S = 3.0


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


def _context():
    # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def _until(condition):
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.01)


def _connect(address, key):
    manager = Depot(address, key)
    manager.connect()
    return manager.orders()


def _wait_for_an_order(address, key):
    _connect(address, key).get()


@contextlib.contextmanager
def _server(address=("127.0.0.1", 0), key=b"a key of the checks alone"):
    depot = Depot(address, key, ctx=_context())
    depot.start()
    try:
        yield depot
    finally:
        depot._process.kill()
        depot._process.join()


def _compare(answer, story, happened, why):
    said = answer.call("what_comes").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"what_comes() returned {said!r}; expected the dictionary of the task."
    )
    assert story in said, (
        f"what_comes() says nothing of {story!r}; keep the task's words."
    )
    assert isinstance(said[story], int | str), (
        f"{story!r}: you said {said[story]!r}; expected a number or a word."
    )
    assert said[story] == happened, (
        f"{story!r}: you said {said[story]!r}, and it was {happened!r}. {why}"
    )


def test_ghosts(answer):
    """Three clients are killed in get(); then four orders are put."""
    with _server() as depot:
        place = depot.address, bytes(depot._authkey)
        clients = [
            _context().Process(target=_wait_for_an_order, args=place) for _ in range(3)
        ]
        for client in clients:
            client.start()
        orders = _connect(*place)
        _until(lambda: orders.asked_so_far() == 3)
        for client in clients:
            client.kill()
            client.join()
        for number in (1, 2, 3, 4):
            orders.put(number)
        _until(lambda: orders.qsize() == 1)
        came = orders.get()
    why = (
        "Each dead client's thread was still waiting in the server, and took an order."
    )
    _compare(answer, "three killed in get(), then the next get()", came, why)


def test_interrupted(answer):
    """A get() is left before its answer has come."""
    with _server() as depot:
        orders = _connect(depot.address, bytes(depot._authkey))
        orders.qsize()
        # What Ctrl-C leaves behind: the question is sent, the answer not read.
        orders._tls.connection.send((orders._id, "get", (), {}))
        # Somebody else puts: in a thread, which has a connection of its own.
        other = threading.Thread(target=lambda: depot.orders().put("tea"))
        other.start()
        other.join(PATIENCE_S)
        came = orders.qsize()
    why = "The answer to get() was not read yet, and the next call took it for its own."
    _compare(answer, "get() interrupted, tea put, then qsize()", came, why)


def _works(call):
    try:
        call()
    except (EOFError, OSError):
        return "fails"
    return "works"


def test_server_is_back(answer):
    """The server is killed, and started again at the same address."""
    with _server() as depot:
        place = depot.address, bytes(depot._authkey)
        old = _connect(*place)
        old.qsize()
    with _server(*place):
        again = _works(old.qsize)
        beside = _works(_connect(*place).qsize)
        old = None
        alone = _works(_connect(*place).qsize)
    why = "A plain proxy keeps the connection of its thread, also when that is dead."
    _compare(answer, "the server is back, the old proxy", again, why)
    why = (
        "The proxies of one thread share a connection, and the old one still holds it."
    )
    _compare(answer, "the server is back, a new proxy beside the old", beside, why)
    why = "With the last old proxy the dead connection went."
    _compare(answer, "the server is back, a new proxy alone", alone, why)


def _be_master(pipe):
    depot = Depot(("127.0.0.1", 0), b"a key of the checks alone", ctx=_context())
    depot.start()
    pipe.send((depot.address, depot._process.pid))
    pipe.recv()  # until it is killed


def test_master(answer):
    """A program that started a manager is killed."""
    ours, its = _context().Pipe()
    master = _context().Process(target=_be_master, args=(its,))
    master.start()
    address, server = ours.recv()
    master.kill()
    master.join()
    served = _works(lambda: _connect(address, b"a key of the checks alone").qsize())
    psutil.Process(server).kill()
    why = "Nobody tells a manager's server that its master has died: it keeps its port."
    happened = "serves" if served == "works" else "ends"
    _compare(answer, "the master is killed, the server it started", happened, why)
