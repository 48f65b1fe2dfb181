"""04.1: a consumer ends when no order has come for `idle_s` seconds."""

import time

from labkit.grader.fixtures import points, shown

ORDERS = ["order 1", "order 2", "order 3"]
WAITS_FOR_EVER = (
    "get() without a timeout waits for ever, and a proxy is never false; "
    "give get() the timeout idle_s."
)


def _noted(orders):
    """Let a queue note with which arguments get() is called on it."""
    get, orders.asked = orders.get, []

    def noted(*args, **named):
        orders.asked.append((args, named))
        return get(*args, **named)

    orders.get = noted
    return orders


def _why_not(orders):
    """Say why a consumer most likely goes on for ever."""
    args, named = orders.asked[-1] if orders.asked else ((), {})
    if args and not isinstance(args[0], bool):
        return "The first argument of get() is block: say get(timeout=idle_s)."
    if named.get("timeout"):
        return "get() raised queue.Empty, again and again: that is when to return."
    return WAITS_FOR_EVER


@points(2, "handles every order, then ends")
def test_ends_after_the_last_order(answer, server):
    """Three orders are waiting, and no more come."""
    seen, orders = [], _noted(server.queue(ORDERS))
    call = answer.call("consume", orders=orders, handle=seen.append, idle_s=0.15)
    call.returns(lambda: _why_not(orders))
    why = "Hand each order that get() returns to handle(), once."
    if not (seen or orders.asked):
        why = "It never asked the queue that it was given: no other has the orders."
    assert seen == ORDERS, f"{call} handled {shown(seen)}; expected {ORDERS}. {why}"


@points(1, "waits idle_s seconds for an order that comes late")
def test_waits_for_a_late_order(answer, server):
    """The queue is empty when the consumer starts; an order comes a little later."""
    orders, seen = server.queue(), []
    call = answer.call("consume", orders=orders, handle=seen.append, idle_s=0.4)
    ended = call.ended_within(0.05)
    assert not (ended and call.error is None), (
        f"{call} returned at once, on a queue that was empty for a moment; expected "
        "it to wait 0.4 s. empty() and get_nowait() look once: use get(timeout=...)."
    )
    orders.put("late order")
    call.returns(WAITS_FOR_EVER)
    assert seen == ["late order"], (
        f"{call} handled {shown(seen)}; expected ['late order'], which came after 0.05 s. "
        "Wait idle_s seconds for each order before you give up."
    )


@points(1, "counts the silence from the last order on, not from the start")
def test_long_work_is_no_silence(answer, server):
    """Handling the orders takes longer than `idle_s`; the orders are all there."""
    seen = []

    def handle(order):
        time.sleep(0.1)  # the work
        seen.append(order)

    orders = server.queue(ORDERS)
    call = answer.call("consume", orders=orders, handle=handle, idle_s=0.15)
    call.returns(WAITS_FOR_EVER)
    assert seen == ORDERS, (
        f"{call} handled {len(seen)} of 3 orders; each took 0.1 s, and all were in "
        "the queue; expected all 3. Start counting the silence again after each order."
    )


@points(1, "lets an error of handle() propagate")
def test_error_of_handle_comes_out(answer, server):
    """An order that cannot be handled is not the end of the work."""

    def handle(order):
        raise ValueError(f"cannot read {order}")

    orders = server.queue(ORDERS)
    call = answer.call("consume", orders=orders, handle=handle, idle_s=0.3)
    error = call.ends(WAITS_FOR_EVER).error
    assert isinstance(error, ValueError), (
        f"{call} returned although handle('order 1') raised ValueError; expected that error to propagate. Catch queue.Empty alone, and around get() alone."
    )
