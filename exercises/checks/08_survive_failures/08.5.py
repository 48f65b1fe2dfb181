"""08.5: a worker ends between two orders, with a sentence and exit code 0."""

from labkit.grader.fixtures import points, shown, until

ORDERS = ["order 1", "order 2"]
TERM = "run(orders, work) was sent SIGTERM while it"


def _must_begin(packer):
    assert packer.did("begin", "order 1"), (
        "run(orders, work) did not call work('order 1'), with an order in the queue; "
        f"it said: {packer.said() or 'nothing'}"
    )


def _must_wait(packer, orders):
    until(lambda: packer.calls() or packer.ends(0) is not None)
    waits = packer.ends(0.1) is None and packer.calls()
    assert waits, (
        "run(orders, work) did not wait for an order in an empty queue; "
        f"it said: {packer.said() or 'nothing'}"
    )


def _last(packer):
    return shown((packer.said().splitlines() or [""])[-1])


def _must_end_well(packer, when):
    code = packer.ends()
    assert code is not None, (
        f"run(orders, work) was still running 3 s after {when}; expected it to end."
    )
    assert code == 0, (
        f"run(orders, work) ended with exit code {code} when {when}; expected 0. "
        f"Its last line: {_last(packer)}. A lost server is an EOFError or a ConnectionError, "
        "from receive() and from ack()."
    )
    assert packer.said().strip(), (
        f"run(orders, work) ended without a word when {when}; expected a sentence."
    )


def _how(code):
    return "its handler ended it" if code == 0 else "the signal ended it"


@points(
    2, "finishes and acknowledges the order in hand after SIGTERM, then ends with 0"
)
def test_finishes_the_order_in_hand(answer, depot):
    """SIGTERM comes in the middle of an order, and another order waits."""
    orders = depot.queue(ORDERS)
    with depot.packer(answer, "run", orders) as packer:
        _must_begin(packer)
        packer.terminate()
        packer.ends(1.1)  # as long as an order takes; a handler that exits does so now
        packer.go_on()
        took_next = packer.did("begin", "order 2")
        code = packer.ends(1)  # its output has ended; it may take a moment more
        finished = packer.did("end", "order 1") and "ack" in packer.calls()
    assert not took_next, (
        f"{TERM} packed 'order 1', and then took the next order; expected it to end "
        "after the order in hand. Let the handler take a note that the loop reads."
    )
    assert finished, (
        f"{TERM} packed 'order 1', and {_how(code)} in the middle of it; expected "
        "its work and its ack() to be done. A handler that raises or exits does so in "
        "the middle of work(): let it take a note."
    )
    assert code == 0, (
        f"{TERM} packed 'order 1', and ended with exit code {code}; expected 0. Its "
        f"last line: {_last(packer)}. An order may take long: leave receive() its "
        "visibility timeout."
    )
    assert orders.qsize() == 1, (
        f"{TERM} packed 'order 1', and left {orders.qsize()} orders; expected 1."
    )


@points(1, "ends with 0 after SIGTERM also while it waits")
def test_ends_while_it_waits(answer, depot):
    """SIGTERM comes, and no order."""
    orders = depot.queue()
    with depot.packer(answer, "run", orders) as packer:
        _must_wait(packer, orders)
        packer.terminate()
        code = packer.ends(2)
    assert code is not None, (
        f"{TERM} waited in receive(), and was still running after 2 s; expected it to "
        "end. When a handler has returned, a waiting call waits on: give receive() a "
        "short timeout, and read the note in between."
    )
    assert code == 0, f"{TERM} waited, and ended with exit code {code}; expected 0."


@points(1, "ends with 0 and a sentence when the server stops")
def test_server_stops_while_it_waits(answer, depot):
    """The server says goodbye."""
    orders = depot.queue()
    with depot.packer(answer, "run", orders) as packer:
        _must_wait(packer, orders)
        depot.stop()
        _must_end_well(packer, "the server stopped while it waited")


@points(1, "ends with 0 and a sentence when the server dies during the work")
def test_server_dies_during_the_work(answer, depot):
    """The server is killed; the work comes to its end, and there is nobody to tell."""
    orders = depot.queue(ORDERS)
    with depot.packer(answer, "run", orders) as packer:
        _must_begin(packer)
        depot.kill()
        packer.go_on()
        _must_end_well(packer, "the server died during the work")


@points(1, "lets an error of work() propagate, whatever its class")
def test_bug_comes_out(answer, depot):
    """The work divides by zero; then it fails on a link of its own."""
    errors = ZeroDivisionError, ConnectionResetError
    packers = {}
    for kind in errors:
        orders = depot.queue(ORDERS)
        packers[kind] = depot.packer(answer, "run", orders, error=kind, free=9)
    for kind in errors:
        with packers[kind] as packer:
            code = packer.ends()
        assert code == 1, (
            f"run(orders, work) ended with exit code {code} when work('order 1') "
            f"raised {kind.__name__}; expected that error to propagate. Put receive() and ack() "
            "alone between try and except."
        )
