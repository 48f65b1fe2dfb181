"""04.4: a producer that is held back and waits; a consumer that says what is done."""

import queue
import threading
import time

from labkit.grader.fixtures import points, shown

ORDERS = [f"order {number}" for number in range(1, 7)]
NOT_DONE = "join() returns when task_done() was called once for every put()."
NO_END = "It must return when get() gives None."


def _in_thread(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def _take(orders, count, call):
    """Take so many of the orders that a call puts, or as many as come."""
    taken = []
    try:
        while len(taken) < count:
            taken.append(orders.get(timeout=0.05 if call.ended_within(0) else 1))
    except queue.Empty:
        pass
    return taken


def _must_mark(call, waiter, what):
    """Check that `waiter` returns from join()."""
    deadline = time.monotonic() + 1
    while waiter.is_alive() and time.monotonic() < deadline:
        waiter.join(0.05)
        if call.ended_within(0):
            break
    waiter.join(0.05)
    if waiter.is_alive() and call.ended_within(0):
        # If an error has ended it, that is the news.
        call.returns(NO_END, advice="Catch what handle() raises, and go on.")
    assert not waiter.is_alive(), (
        f"After {call} had {what}, join() was still waiting; expected it to return. "
        "get() marks nothing as done: call task_done() once after each order, also "
        "after one that failed."
    )


@points(1, "puts every order in a queue that is often full")
def test_producer_waits_for_room(answer, server):
    """The queue has room for two, and is full for a while."""
    orders = server.queue(maxsize=2)
    call = answer.call("produce", orders=orders, new_orders=ORDERS)
    call.ended_within(0.25)
    seen = []

    def take():
        for order in _take(orders, len(ORDERS), call):
            seen.append(order)
            orders.task_done()

    taker = _in_thread(take)
    call.returns(NOT_DONE)
    taker.join(3)
    assert seen == ORDERS, (
        f"{call} delivered {len(seen)} of 6 orders to a queue with room for 2; "
        "expected all 6. put() waits until there is room; put_nowait() does not."
    )


@points(1, "returns from produce() when the last order is done")
def test_producer_waits_until_done(answer, server):
    """The queue is empty, and the last order is still being worked on."""
    orders = server.queue()
    call = answer.call("produce", orders=orders, new_orders=ORDERS)
    taken = _take(orders, len(ORDERS), call)
    assert taken == ORDERS, (
        f"{call} put {shown(taken)}; expected {ORDERS}, in this order."
    )
    for _ in ORDERS[1:]:
        orders.task_done()
    assert not call.ended_within(0.1), (
        f"{call} returned while the last order was still being worked on; expected it "
        "to wait. An empty queue is not enough: join() waits for task_done()."
    )
    orders.task_done()
    call.returns(NOT_DONE)


@points(1, "calls task_done() after the work, once for each order")
def test_consumer_tells_when_done(answer, server):
    """A program that waits in join() learns when the work is done, and not before."""
    orders = server.queue([0])
    started, go = threading.Event(), threading.Event()

    def handle(_):
        started.set()
        go.wait(3)

    waiter = _in_thread(orders.join)
    call = answer.call("consume", orders=orders, handle=handle)
    while not call.ended_within(0.02) and not started.is_set():
        pass  # the deadline of the whole check ends a call that does neither
    assert started.is_set(), (
        f"{call} did not hand the order 0 to handle(). Only None ends the work."
    )
    waiter.join(0.1)
    early = not waiter.is_alive()
    go.set()
    assert not early, (
        "join() returned while handle(0) was still running; expected it to "
        "wait. Call task_done() after the work, not before it."
    )
    _must_mark(call, waiter, "handled the order 0")
    call.ended_within(0.1)  # a second task_done() fails only while nothing new is there
    orders.put(None)
    call.returns(NO_END)
    waiter = _in_thread(orders.join)
    waiter.join(1)
    assert not waiter.is_alive(), (
        f"{call} took None and returned, and then join() waited; expected it to return. "
        "join() counts whatever was put, None too: call task_done() for it."
    )


@points(2, "goes on after an order that failed, and returns the failed ones")
def test_consumer_survives_a_failure(answer, server):
    """The first order cannot be read; the second can."""
    orders, seen = server.queue(ORDERS[:2]), []

    def handle(order):
        if order == "order 1":
            raise ValueError(f"cannot read {order}")
        seen.append(order)

    waiter = _in_thread(orders.join)
    call = answer.call("consume", orders=orders, handle=handle)
    _must_mark(call, waiter, "met an order that failed")
    call.ended_within(0.1)  # a second task_done() fails only while nothing new is there
    orders.put(None)
    failed = call.returns(NO_END)
    assert failed == ["order 1"], (
        f"{call} returned {shown(failed)}; expected ['order 1'], the order that failed. "
        "An error that nobody hears of is an order that nobody sends."
    )
    assert seen == ["order 2"], (
        f"{call} handled {shown(seen)} after the order that failed; expected ['order 2']."
    )
