"""08.2: each story is played with real processes, then compared with the prediction."""

from labkit import QueueManager
from labkit.grader.fixtures import points, until

PREDICTS = "orders_left"
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


def _play(depot, code, until_line=("begin", "tea")):
    """Let a packer take an order of three, kill it, and count what is left."""
    orders = depot.queue(ORDERS)
    begun, order = until_line
    free = 1 if order == "the next one" else 0
    with depot.packer(None, "pack", orders, code=code, free=free) as packer:
        assert packer.did(begun, order)
    # The server sees the end of a killed program's connection within a moment.
    until(lambda: not orders.stats().unacked)
    until(lambda: orders.stats().connections == 1)
    return orders.qsize()


@points(1, "knows what get() leaves behind")
def test_get(prediction, depot):
    """The packer dies with an order that it took with get()."""
    left = _play(depot, GET)
    why = "After get() only the packer knew of the order."
    prediction.must_be("get, killed while packing", left, why)


@points(1, "knows what receive() leaves behind")
def test_receive(prediction, depot):
    """The packer dies with an order that it holds on a receipt."""
    left = _play(depot, RECEIVE)
    why = "The server lends an order, and takes it back when the connection ends."
    prediction.must_be("receive, killed while packing", left, why)


@points(1, "knows what an early ack() leaves behind")
def test_early_ack(prediction, depot):
    """The packer dies with an order that it has acknowledged."""
    left = _play(depot, EARLY_ACK)
    why = "With ack() the server forgets the order: from then on it is as after get()."
    prediction.must_be("receive, ack, killed while packing", left, why)


@points(1, "knows what a missing ack() leaves behind")
def test_no_ack(prediction, depot):
    """The packer dies when the order is packed, before it can say so."""
    left = _play(depot, NO_ACK, ("begin", "the next one"))
    why = "Nobody told the server that it was packed: it will be packed twice."
    prediction.must_be("receive, packed, killed before ack", left, why)


@points(1, "knows what the visibility timeout does")
def test_hangs(prediction, depot):
    """The packer lives, and is connected, and does not acknowledge in time."""
    orders = depot.queue(ORDERS)
    orders.receive(0.1)
    until(lambda: orders.qsize() == len(ORDERS))
    why = "After the visibility timeout a worker that hangs counts as dead."
    prediction.must_be("receive, hangs longer than its time", orders.qsize(), why)


@points(1, "knows what the death of a server leaves behind")
def test_server(prediction, serve):
    """The server is killed, and another one is started at its address."""
    before = serve(QueueManager)
    before.queue(ORDERS)
    before.kill()
    after = serve(QueueManager, before.address, before.authkey)
    left = after.queue().qsize()
    why = "A queue is an object in its server's memory; only a journal is on a disk."
    prediction.must_be("the server is killed and started again", left, why)
