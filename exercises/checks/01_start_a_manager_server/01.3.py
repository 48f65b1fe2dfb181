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


def _children():
    return len(multiprocessing.active_children())


@points(2, "knows what get_server() starts, and who takes the port")
def test_get_server(prediction):
    """A server is made; children are counted, and another one asks for its port."""
    server = _new_manager().get_server()
    why = "Does the line make an object, here, or a process?"
    prediction.must_be("child processes after get_server()", _children(), why)
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


@points(2, "knows how often the callable runs, and where its queue is")
def test_started_server(prediction):
    """A client asks for the orders twice, and puts one."""
    with _new_manager() as manager:
        proxies = [manager.get_orders(), manager.get_orders()]
        calls = manager.get_calls()[0]
        proxies[0].put("tea")
        served = proxies[1].qsize()
        del proxies
    why = "What calls it: register(), the server at its start, or each manager.get_orders()?"
    prediction.must_be("calls of the callable", calls, why)
    why = "After start() the child has its own queue, and the proxy reaches that one."
    prediction.must_be("orders in the queue made here", _orders.qsize(), why)
    prediction.must_be("orders in the queue served", served, why)


@points(2, "knows what the two sides must share")
def test_names(prediction):
    """A client's class has another name; then it has registered another name."""
    server = _new_manager().get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = server.address, bytes(server.authkey)
    client_of(*place, "get_orders").get_orders()
    why = "Each program has its own class; only the registered name is sent."
    prediction.must_be("another class, the same registered name", "works", why)
    try:
        client_of(*place, "get_tasks").get_tasks()
        found = "works"
    except managers.RemoteError:
        found = "fails"
    why = "The registered name is sent, and the server looks it up."
    prediction.must_be("the same class, another registered name", found, why)
