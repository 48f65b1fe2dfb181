"""08.1: a packer that is killed while it packs loses nothing."""

import time

from labkit.grader.fixtures import points, shown, until

ORDERS = ["order 1", "order 2", "order 3"]
ADVICE = (
    "receive() returns a receipt and the order; work() wants the order, ack() the "
    "receipt."
)
NO_END = (
    "The first argument of receive() is the visibility timeout; say receive(timeout="
    "idle_s)."
)
TOO_LATE = f"ack() wants the receipt, not the order, and in time. {NO_END}"


@points(2, "loses no order when it is killed while it packs")
def test_killed_packer_loses_nothing(answer, depot):
    """A real process is killed in the middle of its first order."""
    orders = depot.queue(ORDERS)
    with depot.packer(answer, "pack", orders, 5) as packer:
        begun = packer.did("begin")
        calls = packer.calls()
        said = packer.said()
    if begun:
        until(lambda: orders.qsize() == len(ORDERS), 0.5)
        left = orders.get_many() if orders.qsize() else []
        assert left == ORDERS, (
            "pack(orders, work, 5) was killed while it packed 'order 1'; then the "
            f"queue held {', '.join(left) or 'nothing'}; expected order 1, too. "
            + _why(calls)
        )
        return
    _explain(answer, depot)
    raise AssertionError(f"pack() did not call work('order 1'); it said: {shown(said)}")


def _why(calls):
    if "ack" in calls:
        return (
            "It had called ack() before the work: an acknowledged order is forgotten."
        )
    return "get() hands an order over for good: receive() lends it, until ack(receipt)."


def _explain(answer, depot):
    """Find out in this process why an answer does not come as far as its work."""
    orders = depot.queue(ORDERS)
    call = answer.call("pack", orders=orders, work=print, idle_s=0.2)
    call.returns(NO_END, advice=ADVICE)


def _must_be_orders(seen):
    strange = [item for item in seen if not isinstance(item, str)]
    assert not strange, (
        f"work() was called with {shown(strange[0])}; expected an order alone. {ADVICE}"
    )


@points(2, "acknowledges every order, after the work")
def test_every_order_is_acknowledged(answer, depot):
    """While an order is packed its receipt is open, and at the end none is."""
    orders, seen, open_receipts = depot.queue(ORDERS), [], []

    def work(order):
        if not seen:
            time.sleep(1.2)  # longer than a receipt of 1 s, which is soon written
        seen.append(order)
        open_receipts.append(orders.stats().unacked)

    call = answer.call("pack", orders=orders, work=work, idle_s=0.2)
    call.returns(NO_END, advice=TOO_LATE)
    _must_be_orders(seen)
    assert seen == ORDERS, (
        f"{call} packed {shown(seen)}; expected {ORDERS}, each once. An order whose receipt has "
        f"run out comes back while it is packed. {NO_END}"
    )
    left = depot.open_orders(orders)
    assert not left, (
        f"{call} left {left} orders that are not acknowledged; expected none. They "
        "would come back when their time is over: call ack(receipt) after the work."
    )
    assert open_receipts == [1, 1, 1], (
        f"While {call} packed its three orders, the server held {open_receipts} open "
        "receipts; expected one each time. Take with receive(), acknowledge after "
        "the work."
    )


@points(1, "acknowledges no order whose work failed")
def test_failed_work_is_not_acknowledged(answer, depot):
    """The work on the first order fails."""
    orders = depot.queue(ORDERS[:1])

    def work(order):
        raise ValueError(f"cannot pack {order}")

    call = answer.call("pack", orders=orders, work=work, idle_s=0.2)
    error = call.ends(NO_END).error
    assert isinstance(error, ValueError), (
        f"{call} ended with {shown(error)} when work('order 1') raised ValueError; "
        "expected that error to propagate."
    )
    assert depot.open_orders(orders) == 1, (
        f"{call} acknowledged 'order 1', although work('order 1') raised ValueError; "
        "expected the order to stay. ack() says that the work is done; under finally "
        "it says so of failures, too."
    )
