"""01.1: all clients of a server share one queue."""

import os
import threading
from multiprocessing import managers

import pytest

from labkit.grader.fixtures import ask, client_of, points, shown

KEY_BYTES = 48  # so long that the feedback shows its name in its place
ADVICE = (
    "The server calls what is registered as callable, and serves what comes back: "
    "register a function that returns the queue."
)


@pytest.fixture
def client(answer):
    """Serve the answer's queue from a thread; lend a connected client."""
    key = os.urandom(KEY_BYTES)
    call = answer.call("open_shop", key=key)
    server = call.returns("It only returns the server; its caller lets it serve.")
    assert isinstance(server, managers.Server), (
        f"{call} returned {shown(server)}; expected the server, as get_server() makes it."
    )
    assert "get_orders" in server.registry, (
        f"The server offers {', '.join(server.registry) or 'nothing'}; expected the "
        "name get_orders. Clients know the registered name, and no other."
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    advice = "Give the server the key that open_shop() is given."
    return ask(
        "connect()", lambda: client_of(server.address, key, "get_orders"), advice
    )


def _shared(client):
    """Return the queue that all clients share; fail if they do not."""
    mine = ask("get_orders()", client.get_orders, ADVICE)
    mine.put("tea")
    found = client.get_orders().qsize()
    assert found == 1, (
        f"One client put 'tea', and another one found {found} orders; expected 1. "
        "What is registered as callable runs at every get_orders(): it must not make "
        "a queue, but return the one that is there."
    )
    return mine


@points(2, "lets every client see what another one has put")
def test_clients_share_one_queue(client):
    """One client puts an order; another one looks."""
    _shared(client)


@points(1, "lets clients say that an order is done, and wait for that")
def test_clients_can_say_done(client, must_say_done):
    """A client takes an order, says that it is done, and waits for all."""
    orders = _shared(client)
    orders.get(timeout=1)
    assert "multiprocessing" not in str(orders), (
        "The server hosts a queue of multiprocessing; expected a queue.Queue. That one "
        "needs no helper thread, which would hold up the server's end."
    )
    must_say_done(orders)
