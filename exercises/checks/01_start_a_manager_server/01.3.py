"""01.3: each line of the story is played, then compared with the prediction."""

import multiprocessing
import os
import queue
import threading
from multiprocessing import managers

from labkit.grader.fixtures import CONTEXT, client_of, points, there

PREDICTS = "foretell"

_orders = queue.Queue()  # a server in a child process has one of its own
_calls = [0]


def get_orders():
    """Return the orders of this process, and count the calls."""
    _calls[0] += 1
    return _orders


def get_calls():
    """Return how often that was, in this process, as the one item of a list."""
    return _calls


class Story(managers.BaseManager):
    """The manager whose story the task tells."""


Story.register("get_orders", callable=there(get_orders))
Story.register("get_calls", callable=there(get_calls), proxytype=managers.ListProxy)


def _new_manager():
    return Story(("127.0.0.1", 0), authkey=os.urandom(16), ctx=CONTEXT)


def _serving():
    server = _new_manager().get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _children():
    return len(multiprocessing.active_children())


@points(1, "knows what get_server() starts")
def test_get_server_starts_nothing(prediction):
    """A server is made, and the children are counted."""
    server = _new_manager().get_server()
    found = _children()
    server.listener.close()
    why = "Does the line make an object, here, or a process?"
    prediction.must_be("child processes after get_server()", found, why)


@points(1, "knows who takes the port")
def test_get_server_takes_the_port(prediction):
    """A second server asks for the same port."""
    server = _new_manager().get_server()
    try:
        Story(server.address, authkey=b"any").get_server().listener.close()
        found = "free"
    except OSError:
        found = "taken"
    server.listener.close()
    why = "serve_forever() only answers at an address: which line has bound it?"
    prediction.must_be("the port after get_server()", found, why)


@points(1, "knows what start() begins and shutdown() ends")
def test_start_starts_one(prediction):
    """A manager is started, and ended, and the children are counted."""
    with _new_manager():
        found = _children()
    why = "start() runs get_server() and serve_forever() somewhere else than here."
    prediction.must_be("child processes after start()", found, why)
    why = "shutdown() of a manager that was started waits for something to end."
    prediction.must_be("child processes after shutdown()", _children(), why)


@points(1, "knows how often the callable runs")
def test_callable_runs_each_time(prediction):
    """Two clients ask for the orders."""
    with _new_manager() as manager:
        proxies = [manager.get_orders(), manager.get_orders()]
        found = manager.get_calls()[0]
        del proxies
    why = "Who calls it: register(), the server at its start, or each manager.get_orders()?"
    prediction.must_be("calls of the callable", found, why)


@points(1, "knows in which queue an order is")
def test_queue_lives_in_the_child(prediction):
    """An order is put through a proxy."""
    with _new_manager() as manager:
        served = manager.get_orders()
        served.put("tea")
        there_, here = served.qsize(), _orders.qsize()
        del served
    why = "After start() the child has a queue of its own, and the proxy reaches that."
    prediction.must_be("orders in the queue made here", here, why)
    prediction.must_be("orders in the queue served", there_, why)


@points(1, "knows that each side has a class of its own")
def test_class_name_does_not_matter(prediction):
    """The client's class has another name than the server's."""
    server = _serving()
    client_of(server.address, bytes(server.authkey), "get_orders").get_orders()
    why = "A class is everybody's own; only the registered name is sent."
    prediction.must_be("another class, the same registered name", "works", why)


@points(1, "knows what the two sides must share")
def test_registered_name_matters(prediction):
    """The client has registered a name that the server does not offer."""
    server = _serving()
    try:
        client_of(server.address, bytes(server.authkey), "get_tasks").get_tasks()
        found = "works"
    except managers.RemoteError:
        found = "fails"
    why = "The registered name is sent, and the server looks it up."
    prediction.must_be("the same class, another registered name", found, why)
