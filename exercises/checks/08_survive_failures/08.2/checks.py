"""08.2: each story is played with real processes, then compared with the prediction."""

import importlib

from labkit._checks.rig import until

shared = importlib.import_module("exercises.checks.08_survive_failures.depot")
depot = shared.depot

ORDERS = ["tea", "milk", "sugar"]
GET = """
def pack(orders, work):
    work(orders.get())
"""
RECEIVE = """
def pack(orders, work):
    receipt, order = orders.receive(600)
    work(order)
"""
EARLY_ACK = """
def pack(orders, work):
    receipt, order = orders.receive(600)
    orders.ack(receipt)
    work(order)
"""
NO_ACK = """
def pack(orders, work):
    receipt, order = orders.receive(600)
    work(order)
    orders.qsize()
    work("the next one")
"""


class _Program:
    """A packer of ours, in the place of an answer."""

    def __init__(self, code, folder):
        self._path = folder / "packer_of_the_story.py"
        self._path.write_text(code, encoding="utf-8")


def _compare(answer, story, left, why):
    said = answer.call("orders_left").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"orders_left() returned {said!r}; expected the dictionary of the task."
    )
    assert story in said, (
        f"orders_left() says nothing of the story {story!r}; keep the task's words."
    )
    assert type(said[story]) is int, (
        f"{story!r}: you said {said[story]!r}; expected a number from 0 to 3."
    )
    assert said[story] == left, (
        f"{story!r}: you said {said[story]}, and it was {left}. {why}"
    )


def _play(answer, depot, code, until_line="begin tea"):
    """Let a packer take an order of three, kill it, and count what is left."""
    orders = depot.queue(ORDERS)
    with depot.packer(
        _Program(code, answer._path.parent),
        "pack",
        orders,
        args=[],
        free=1 if "next" in until_line else 0,
    ) as packer:
        assert packer.did(until_line)
    # The server sees the end of a killed program's connection within a moment.
    until(lambda: not orders.stats().unacked)
    until(lambda: orders.stats().connections == 1)
    return orders.qsize()


def test_get(answer, depot):
    """The packer dies with an order that it took with get()."""
    left = _play(answer, depot, GET)
    why = "After get() only the packer knew of the order."
    _compare(answer, "get, killed while packing", left, why)


def test_receive(answer, depot):
    """The packer dies with an order that it holds on a receipt."""
    left = _play(answer, depot, RECEIVE)
    why = "The server lends an order, and takes it back when the connection ends."
    _compare(answer, "receive, killed while packing", left, why)


def test_early_ack(answer, depot):
    """The packer dies with an order that it has acknowledged."""
    left = _play(answer, depot, EARLY_ACK)
    why = "With ack() the server forgets the order: from then on it is as after get()."
    _compare(answer, "receive, ack, killed while packing", left, why)


def test_no_ack(answer, depot):
    """The packer dies when the order is packed, before it can say so."""
    left = _play(answer, depot, NO_ACK, "begin the next one")
    why = "Nobody told the server that it was packed: it will be packed twice."
    _compare(answer, "receive, packed, killed before ack", left, why)


def test_hangs(answer, depot):
    """The packer lives, and is connected, and does not acknowledge in time."""
    orders = depot.queue(ORDERS)
    orders.receive(0.1)
    until(lambda: orders.qsize() == len(ORDERS))
    why = "After the visibility timeout a worker that hangs counts as dead."
    _compare(answer, "receive, hangs longer than its time", orders.qsize(), why)


def test_server(answer):
    """The server is killed, and another one is started at its address."""
    before = shared.Depot()
    before.queue(ORDERS)
    before.kill()
    after = shared.Depot(before.address, before.authkey)
    left = after.queue().qsize()
    after.kill()
    why = "A queue is an object in its server's memory; only a journal is on a disk."
    _compare(answer, "the server is killed and started again", left, why)
