"""01.3: each line of the story is played, then compared with the prediction."""

import importlib
import multiprocessing
import os
import threading
from multiprocessing import managers

shared = importlib.import_module("exercises.checks.01_start_a_manager_server.shop")


def _new_manager():
    return shared.Story(
        ("127.0.0.1", 0), authkey=os.urandom(shared.KEY_BYTES), ctx=shared.CONTEXT
    )


def _children():
    return len(multiprocessing.active_children())


def _compare(answer, line, truth, why):
    said = answer.call("foretell").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"foretell() returned {said!r}; expected the dictionary of the task."
    )
    assert line in said, (
        f"foretell() says nothing of {line!r}; keep the words of the task."
    )
    kind = "a number" if isinstance(truth, int) else "one of the words of the task"
    assert type(said[line]) is type(truth), (
        f"{line!r}: you said {said[line]!r}; expected {kind}."
    )
    assert said[line] == truth, (
        f"{line!r}: you said {said[line]!r}, and it was {truth!r}. {why}"
    )


def test_get_server_starts_nothing(answer):
    """A server is made, and the children are counted."""
    server = _new_manager().get_server()
    found = _children()
    server.listener.close()
    why = "get_server() makes an object, here; start() makes a process."
    _compare(answer, "child processes after get_server()", found, why)


def test_get_server_takes_the_port(answer):
    """A second server asks for the same port."""
    server = _new_manager().get_server()
    try:
        shared.Story(server.address, authkey=b"any").get_server().listener.close()
        found = "free"
    except OSError:
        found = "taken"
    server.listener.close()
    why = "get_server() binds the address; serve_forever() only answers there."
    _compare(answer, "the port after get_server()", found, why)


def test_start_starts_one(answer):
    """A manager is started, and ended, and the children are counted."""
    with _new_manager():
        found = _children()
    why = "start() runs get_server() and serve_forever() in one child process."
    _compare(answer, "child processes after start()", found, why)
    why = "shutdown() of a manager that was started ends its child, and waits for it."
    _compare(answer, "child processes after shutdown()", _children(), why)


def test_callable_runs_each_time(answer):
    """Two clients ask for the orders."""
    with _new_manager() as manager:
        proxies = [manager.get_orders(), manager.get_orders()]
        found = manager.get_calls()[0]
        del proxies
    why = "The server calls it at every manager.get_orders(), and never before."
    _compare(answer, "calls of the callable", found, why)


def test_queue_lives_in_the_child(answer):
    """An order is put through a proxy."""
    with _new_manager() as manager:
        served = manager.get_orders()
        served.put("tea")
        there, here = served.qsize(), shared.orders.qsize()
        del served
    why = "After start() the child has a queue of its own, and the proxy reaches that."
    _compare(answer, "orders in the queue made here", here, why)
    _compare(answer, "orders in the queue served", there, why)


def test_class_name_does_not_matter(answer):
    """The client's class has another name than the server's."""
    server = _new_manager().get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = shared.connect(server.address, bytes(server.authkey))
    client.get_orders()
    why = "A class is everybody's own; only the registered name is sent."
    _compare(answer, "another class, the same registered name", "works", why)


def test_registered_name_matters(answer):
    """The client has registered a name that the server does not offer."""
    server = _new_manager().get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = type("Shop", (managers.BaseManager,), {})
    client.register("get_tasks")
    manager = client(server.address, authkey=bytes(server.authkey))
    manager.connect()
    try:
        manager.get_tasks()
        found = "works"
    except managers.RemoteError:
        found = "fails"
    why = "The registered name is sent, and the server looks it up."
    _compare(answer, "the same class, another registered name", found, why)
