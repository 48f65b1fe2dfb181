"""08.6: each story is played with a plain server, then compared with the prediction."""

import itertools
import queue
import threading
from multiprocessing import managers

import psutil

from labkit.grader.fixtures import CONTEXT, client_of, points, there, until

KEY = b"a key of the checks alone"
PREDICTS = "what_comes"


class _Loud(queue.Queue):
    """A queue that counts how many have asked for an order."""

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


def get_orders():
    """Hand out the server's queue."""
    return _orders


class Depot(managers.BaseManager):
    """A manager whose server is the standard library's."""


Depot.register("orders", there(get_orders))


def _connect(address, key):
    return client_of(address, key, "orders").orders()


def _wait_for_an_order(wire, address, key):
    """Be a client that is going to be killed."""
    _connect(address, key).get()


def _be_master(wire):
    """Start a manager, tell where, and wait to be killed."""
    depot = Depot(("127.0.0.1", 0), KEY, ctx=CONTEXT)
    depot.start()
    wire.send((depot.address, depot._process.pid))
    wire.recv()  # until it is killed


def _works(call):
    try:
        call()
    except (EOFError, OSError):
        return "fails"
    return "works"


@points(1, "knows what ghost consumers take")
def test_ghosts(prediction, serve, program):
    """Three clients are killed in get(); then four orders are put."""
    depot = serve(Depot)
    place = depot.address, depot.authkey
    clients = [program(_wait_for_an_order, *place) for _ in range(3)]
    orders = _connect(*place)
    until(lambda: orders.asked_so_far() == 3)
    for client in clients:
        client.kill()
    for number in (1, 2, 3, 4):
        orders.put(number)
    until(lambda: orders.qsize() == 1)
    came = orders.get()
    why = (
        "Each dead client's thread was still waiting in the server, and took an order."
    )
    prediction.must_be("three killed in get(), then the next get()", came, why)


@points(1, "knows whose answer comes after an interrupted call")
def test_interrupted(prediction, serve):
    """A get() is left before its answer has come."""
    depot = serve(Depot)
    orders = _connect(depot.address, depot.authkey)
    orders.qsize()
    # What Ctrl-C leaves behind: the question is sent, the answer not read.
    orders._tls.connection.send((orders._id, "get", (), {}))
    # Somebody else puts: in a thread, which has a connection of its own.
    other = threading.Thread(target=lambda: depot.manager.orders().put("tea"))
    other.start()
    other.join(3)
    came = orders.qsize()
    why = "The answer to get() was not read yet, and the next call took it for its own."
    prediction.must_be("get() interrupted, tea put, then qsize()", came, why)


@points(2, "knows when a connection is made again")
def test_server_is_back(prediction, serve):
    """The server is killed, and started again at the same address."""
    depot = serve(Depot)
    place = depot.address, depot.authkey
    old = _connect(*place)
    old.qsize()
    depot.kill()
    serve(Depot, *place)
    again = _works(old.qsize)
    beside = _works(_connect(*place).qsize)
    old = None
    alone = _works(_connect(*place).qsize)
    why = "A plain proxy keeps the connection of its thread, even when that is dead."
    prediction.must_be("the server is back, the old proxy", again, why)
    why = (
        "The proxies of one thread share a connection, and the old one still holds it."
    )
    prediction.must_be("the server is back, a new proxy beside the old", beside, why)
    why = "With the last old proxy the dead connection went."
    prediction.must_be("the server is back, a new proxy alone", alone, why)


@points(1, "knows what a killed master leaves behind")
def test_master(prediction, program):
    """A program that started a manager is killed."""
    master = program(_be_master)
    until(master.heard)
    address, server = master.heard()[0]
    master.kill()
    served = _works(lambda: _connect(address, KEY).qsize())
    psutil.Process(server).kill()
    why = "Nobody tells a manager's server that its master has died: it keeps its port."
    happened = "serves" if served == "works" else "ends"
    prediction.must_be("the master is killed, the server it started", happened, why)
