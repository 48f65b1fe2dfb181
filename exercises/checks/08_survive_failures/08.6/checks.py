"""08.6: each story is played with a plain server, then compared with the prediction."""

import importlib
import threading

import psutil

from labkit._checks.rig import until

shared = importlib.import_module("exercises.checks.08_survive_failures.plain")


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
    with shared.server() as depot:
        place = depot.address, bytes(depot._authkey)
        clients = [
            shared.context().Process(target=shared.wait_for_an_order, args=place)
            for _ in range(3)
        ]
        for client in clients:
            client.start()
        orders = shared.connect(*place)
        until(lambda: orders.asked_so_far() == 3)
        for client in clients:
            client.kill()
            client.join()
        for number in (1, 2, 3, 4):
            orders.put(number)
        until(lambda: orders.qsize() == 1)
        came = orders.get()
    why = (
        "Each dead client's thread was still waiting in the server, and took an order."
    )
    _compare(answer, "three killed in get(), then the next get()", came, why)


def test_interrupted(answer):
    """A get() is left before its answer has come."""
    with shared.server() as depot:
        orders = shared.connect(depot.address, bytes(depot._authkey))
        orders.qsize()
        # What Ctrl-C leaves behind: the question is sent, the answer not read.
        orders._tls.connection.send((orders._id, "get", (), {}))
        # Somebody else puts: in a thread, which has a connection of its own.
        other = threading.Thread(target=lambda: depot.orders().put("tea"))
        other.start()
        other.join(shared.PATIENCE_S)
        came = orders.qsize()
    why = "The answer to get() was not read yet, and the next call took it for its own."
    _compare(answer, "get() interrupted, tea put, then qsize()", came, why)


def test_server_is_back(answer):
    """The server is killed, and started again at the same address."""
    with shared.server() as depot:
        place = depot.address, bytes(depot._authkey)
        old = shared.connect(*place)
        old.qsize()
    with shared.server(*place):
        again = shared.works(old.qsize)
        beside = shared.works(shared.connect(*place).qsize)
        old = None
        alone = shared.works(shared.connect(*place).qsize)
    why = "A plain proxy keeps the connection of its thread, also when that is dead."
    _compare(answer, "the server is back, the old proxy", again, why)
    why = (
        "The proxies of one thread share a connection, and the old one still holds it."
    )
    _compare(answer, "the server is back, a new proxy beside the old", beside, why)
    why = "With the last old proxy the dead connection went."
    _compare(answer, "the server is back, a new proxy alone", alone, why)


def test_master(answer):
    """A program that started a manager is killed."""
    ours, its = shared.context().Pipe()
    master = shared.context().Process(target=shared.be_master, args=(its,))
    master.start()
    address, server = ours.recv()
    master.kill()
    master.join()
    served = shared.works(lambda: shared.connect(address, shared.KEY).qsize())
    psutil.Process(server).kill()
    why = "Nobody tells a manager's server that its master has died: it keeps its port."
    happened = "serves" if served == "works" else "ends"
    _compare(answer, "the master is killed, the server it started", happened, why)
