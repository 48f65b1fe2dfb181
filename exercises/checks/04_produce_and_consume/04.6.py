"""04.6: server.py serves one queue that has room for three orders."""

import queue

from labkit.grader.fixtures import START_METHODS, ask, points

KEY = b"beans"
JOIN = "A queue.Queue counts what is done; a multiprocessing.Queue doesn't."


def _orders(program):
    (orders,) = program.queues(KEY, "get_orders")
    return orders


@points(2, "serves one queue with room for three, on every start method")
def test_room_for_three(script):
    """Three clients put an order each, and a fourth one tries to."""
    for method in START_METHODS:
        program = script("server.py", method=method)
        for number in range(3):
            _orders(program).put_nowait(f"order {number}")
        orders = _orders(program)
        try:
            orders.put_nowait("order 3")
        except queue.Full:
            pass
        else:
            raise AssertionError(
                f"Four clients each put an order, and {program} took them all; expected "
                "it to have room for three. Is it one queue, with a bound?"
            )
        program.signal("SIGINT")


@points(1, "lets a producer wait until all is done")
def test_join(script):
    """An order is put, taken and marked as done."""
    orders = _orders(script("server.py"))
    ask("put()", lambda: orders.put("order 0"), JOIN)
    ask("get()", lambda: orders.get(timeout=1), JOIN)
    for name in ("task_done", "join"):
        ask(f"{name}()", lambda name=name: getattr(orders, name)(), JOIN)
