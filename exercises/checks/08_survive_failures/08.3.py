"""08.3: work is done, has failed, or comes too late: three endings."""

from labkit.grader.fixtures import points, shown, until

ORDERS = ["order 1", "order 2"]
NO_END = "It must return when receive() says that nothing came."
ADVICE = "Catch what work() raises, then nack(receipt), once, and go on."


@points(2, "gives an order back whose work failed")
def test_failed_order_is_tried_again(answer, depot):
    """The work on the first order fails once."""
    orders, tried = depot.queue(ORDERS), []

    def work(order):
        tried.append(order)
        if tried == ["order 1"]:
            raise ValueError(f"cannot pack {order}")

    call = answer.call("pack", orders=orders, work=work, idle_s=0.2, hold_s=30)
    call.returns(NO_END, advice=ADVICE)
    assert not depot.open_orders(orders), (
        f"{call} returned while 'order 1', whose work had failed once, was still out "
        "on a receipt; expected it to be tried again. Nobody else gets it for 30 s: "
        "say nack(receipt)."
    )
    assert tried.count("order 1") == 2, (
        f"{call} tried 'order 1' {tried.count('order 1')} time, and its work had "
        "failed; expected a second try. ack() after a failure throws the order away: "
        "say nack(receipt)."
    )
    assert tried.count("order 2") == 1, (
        f"{call} tried 'order 2' {tried.count('order 2')} times; expected once."
    )


@points(2, "lets the queue give up on an order that always fails")
def test_hopeless_order_becomes_a_dead_letter(answer, depot):
    """The work on one order always fails."""
    orders, tried = depot.queue(["poison", "order 2"]), []

    def work(order):
        tried.append(order)
        # After ten failures the check has seen enough.
        if order == "poison" and tried.count(order) <= 10:
            raise ValueError(f"cannot pack {order}")

    call = answer.call("pack", orders=orders, work=work, idle_s=0.2, hold_s=30)
    call.returns(NO_END, advice=ADVICE)
    times, dead = tried.count("poison"), orders.dead_letters()
    assert dead == ["poison"], (
        f"{call} tried 'poison' {times} times, and dead_letters() is {shown(dead)}; expected "
        "['poison'] after 5 tries. The queue counts how often it hands an order out: "
        "nack() keeps the count, put() begins a new one, ack() ends it."
    )
    assert "order 2" in tried, (
        f"{call} never tried 'order 2', behind the hopeless one; expected it to go on."
    )


@points(2, "goes on when its ack() comes too late")
def test_late_acknowledgement_is_no_disaster(answer, depot):
    """Meanwhile another packer gets the first order, and packs it."""
    orders, packed = depot.queue(ORDERS), []
    other = depot.manager.get_queue(orders.name)

    def work(order):
        packed.append(order)
        if order == "order 1":
            # It takes too long: the order comes back, and another packer is there.
            until(lambda: other.qsize() == len(ORDERS))
            receipt, _ = other.receive()
            other.ack(receipt)

    call = answer.call("pack", orders=orders, work=work, idle_s=0.2, hold_s=0.1)
    call.returns(
        NO_END,
        advice="The order was packed, too late for its receipt: catch ReceiptError "
        "around ack() alone, and go on.",
    )
    assert packed == ORDERS, (
        f"{call} packed {', '.join(packed)}; expected {', '.join(ORDERS)}. Another "
        "packer had acknowledged order 1 meanwhile: that concerns order 1 alone."
    )
    orders = depot.queue(["order 3"])
    other = depot.manager.get_queue(orders.name)

    def fail(order):
        until(lambda: other.qsize() == 1)
        receipt, _ = other.receive()
        other.ack(receipt)
        raise ValueError(f"cannot pack {order}")

    call = answer.call("pack", orders=orders, work=fail, idle_s=0.2, hold_s=0.1)
    call.returns(
        NO_END,
        advice="The work failed, too late for its receipt: nack() raises ReceiptError, "
        "too. Catch it, and go on.",
    )
