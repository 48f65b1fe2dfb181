"""01.6: server.py serves one queue to every client, until Ctrl-C."""

from labkit.grader.fixtures import START_METHODS, points

KEY = b"beans"
CTRL_C = (
    "serve_forever() ends the program on Ctrl-C, with exit code 0: let it, and serve a "
    "queue.Queue. A multiprocessing.Queue waits until somebody reads."
)


def _orders(program):
    (orders,) = program.queues(KEY, "get_orders")
    return orders


@points(3, "serves one queue to all clients, on every start method")
def test_serves_one_queue(script):
    """One client puts an order, and another one looks for it."""
    for method in START_METHODS:
        program = script("server.py", method=method)
        _orders(program).put("tea")
        found = _orders(program).qsize()
        assert found == 1, (
            f"One client put an order, and the next found {found} orders; expected 1. "
            f"{program} runs the callable for every client: it must return the same "
            "queue each time."
        )
        program.signal("SIGINT")


@points(1, "ends on Ctrl-C with exit code 0")
def test_ends_on_ctrl_c(script):
    """Somebody presses Ctrl-C while an order is waiting."""
    program = script("server.py")
    _orders(program).put(b"tea" * 100_000)
    program.signal("SIGINT")
    program.must_end(CTRL_C)
