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


def _play(depot, code, order="tea"):
    """Let a packer take an order of three, kill it, and count what is left."""
    orders = depot.queue(ORDERS)
    free = 1 if order == "the next one" else 0
    with depot.packer(None, "pack", orders, code=code, free=free) as packer:
        assert packer.did("begin", order), "The kit's own packer stopped: check again."
    # The server sees the end of a killed program's connection within a moment.
    until(lambda: not orders.stats().unacked)
    until(lambda: orders.stats().connections == 1)
    return orders.qsize()


@points(2, "knows what a death before ack() leaves behind")
def test_taken(prediction, depot):
    """The packer dies with an order that it took with get(), or on a receipt."""
    why = "After get() only the packer knew of the order."
    prediction.must_be("get, killed while packing", _play(depot, GET), why)
    why = "The server lends an order, and takes it back when the connection ends."
    prediction.must_be("receive, killed while packing", _play(depot, RECEIVE), why)


@points(2, "knows what an ack() too early or too late leaves behind")
def test_ack(prediction, depot):
    """The packer acknowledges before the work; or dies when the order is packed."""
    left = _play(depot, EARLY_ACK)
    why = "With ack() the server forgets the order: from then on it is as after get()."
    prediction.must_be("receive, ack, killed while packing", left, why)
    left = _play(depot, NO_ACK, "the next one")
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
