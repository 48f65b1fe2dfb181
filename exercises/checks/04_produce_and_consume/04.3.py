"""04.3: sentinels end every consumer, once all orders are handled."""

import time

from labkit.grader.fixtures import StopChecksError, points, shown

ORDERS = [f"order {number}" for number in range(1, 7)]
NO_END = "A consumer that never sees its own sentinel waits for ever. What you get from a queue is a copy: `is` finds None again, but no text or object that you made."


def _hand_out(answer, server, items, consumers):
    """Produce, then let the consumers work; return what they handled and the queue."""
    orders, seen = server.queue(), []
    answer.call("produce", orders=orders, ORDERS=items, consumers=consumers).returns(
        "The queue has no bound: no put() needs to wait."
    )
    calls = [
        answer.call("consume", orders=orders, handle=seen.append)
        for _ in range(consumers)
    ]
    _must_all_end(calls, seen)
    return seen, orders


def _must_all_end(calls, seen):
    deadline = time.monotonic() + 1.5
    late = [c for c in calls if not c.ended_within(deadline - time.monotonic())]
    strange = [item for item in seen if item is None or type(item) is object]
    if strange:
        kind = StopChecksError if late else AssertionError
        raise kind(
            f"handle() was called with {_named(strange[0])}; expected orders alone. "
            "Look for the sentinel before you handle; what you get from the queue is a copy, so `is` finds None again, but no object() that you made."
        )
    if late and len(late) < len(calls):
        ended = len(calls) - len(late)
        raise StopChecksError(
            f"With {len(calls)} consumers, {ended} ended after produce(orders, "
            f"ORDERS, {len(calls)}); expected both to end. Each item in the queue is "
            "taken by one consumer, a sentinel too."
        )
    if late:
        late[0].ends(NO_END, 1.5)
    for call in calls:
        call.returns(NO_END)


def _named(item):
    return "None" if item is None else "<object object>"


@points(2, "ends both of two consumers, after all orders")
def test_every_consumer_goes_home(answer, server):
    """Two consumers share six orders."""
    seen, _ = _hand_out(answer, server, ORDERS, 2)
    assert len(seen) == len(ORDERS), (
        f"The consumers handled {len(seen)} of 6 orders before they ended; expected "
        "all 6. A queue keeps the order of what is put: sentinels come last."
    )
    assert sorted(seen) == ORDERS, (
        f"The consumers handled {sorted(seen)}; expected {ORDERS}, each once."
    )


@points(1, "leaves nothing in the queue")
def test_no_sentinel_is_left(answer, server):
    """Tomorrow's users of the queue find it empty."""
    for consumers in (1, 2):
        _, orders = _hand_out(answer, server, ORDERS, consumers)
        left = [orders.get(timeout=1) for _ in range(orders.qsize())]
        assert not left, (
            f"{len(left)} item was left in the queue when every consumer had ended: "
            f"{left[0]}; expected none. It would end tomorrow's first consumer: put "
            "as many sentinels as there are consumers, and put none back."
        )


@points(1, "handles orders such as 0 and '' too")
def test_every_order_is_an_order(answer, server):
    """Some orders are false in Python."""
    items = [0, "", "order 3"]
    seen, _ = _hand_out(answer, server, items, 1)
    assert seen == items, (
        f"A consumer handled {shown(seen)} of the orders {items}; expected all of them. "
        "0 and '' are false, as None is: ask whether the order is the sentinel."
    )
