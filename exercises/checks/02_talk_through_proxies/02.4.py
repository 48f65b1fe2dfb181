"""02.4: a warehouse offers what its registrations say, and nothing else."""

import os
import threading
from multiprocessing import managers

import pytest

from labkit.grader.fixtures import ask, points, shown


class _Client(managers.BaseManager):
    """A client as the task describes it."""


_Client.register("get_stock")
_Client.register("Things", proxytype=managers.ListProxy, create_method=False)


@pytest.fixture
def client(answer):
    """Serve the answer's warehouse from a thread; lend a connected client."""
    key = os.urandom(16)
    call = answer.call("open_warehouse", address=("127.0.0.1", 0), key=key)
    server = call.returns(
        "Nothing here has to wait.", advice="Register with Warehouse.register."
    )
    assert isinstance(server, managers.Server), (
        f"{call} returned {shown(server)}; leave that function as it is."
    )
    assert "get_stock" in server.registry, (
        "The warehouse offers no get_stock(); register that name."
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = _Client(server.address, authkey=key)
    client.connect()
    return client


def _stock(client):
    advice = (
        "callable is the function itself, get_stock, without parentheses behind it; "
        "exposed is a list with one text for each name."
    )
    return ask("get_stock()", client.get_stock, advice)


@points(2, "lets clients add to one stock, and ask for its length")
def test_length_can_be_asked_for(client):
    """Two clients: one adds, the other asks for the length."""
    mine, yours = _stock(client), _stock(client)
    ask("stock.add('tea')", lambda: mine.add("tea"), "An exposed list is complete.")
    advice = "Put '__len__' into exposed: a proxy type forwards what stands there."
    ask("len(stock)", lambda: len(mine), advice)
    assert (len(mine), len(yours)) == (1, 1), (
        f"One client added 'tea'; then len(stock) was {len(mine)} for that client, and "
        f"{len(yours)} for another; expected 1 for both. The callable runs at every "
        "get_stock(): let it return the one stock."
    )


@points(1, "refuses clear(), also when it is sent by hand")
def test_clear_is_refused(client):
    """A client sends the message by hand."""
    stock = _stock(client)
    ask("len(stock)", lambda: len(stock), "Put '__len__' into exposed.")
    stock.add("tea")
    try:
        stock._callmethod("clear")
    except managers.RemoteError:
        return
    raise AssertionError(
        f"A client sent clear(), and then {len(stock)} things were left; expected the "
        "server to refuse it. Whatever is public is exposed, unless exposed=[...] says "
        "less."
    )


@points(2, "hands out the things as a proxy")
def test_things_are_a_proxy(client):
    """A client appends to the things."""
    stock = _stock(client)
    advice = "Register the name Things, too, with ListProxy and create_method=False."
    things = ask("stock.things()", stock.things, advice)
    assert isinstance(things, managers.BaseProxy), (
        f"A client's stock.things() returned {shown(things)}, a copy; expected a proxy. Let "
        "method_to_typeid say under which name the result stays in the server."
    )
    ask("stock.things().append('milk')", lambda: things.append("milk"), advice)
    again = ask("stock.things()[:]", lambda: stock.things()[:], advice)
    assert again == ["milk"], (
        f"A client called stock.things().append('milk'), and then the things were "
        f"{shown(again)}; expected ['milk']. A callable for Things makes another list: leave "
        "it out, and the result itself is served."
    )
