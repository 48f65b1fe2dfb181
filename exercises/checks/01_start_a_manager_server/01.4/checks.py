"""01.4: a server says goodbye on Ctrl-C, and ends, whatever its queue holds."""

import importlib

from labkit._checks.rig import StillRunningError

shared = importlib.import_module("exercises.checks.01_start_a_manager_server.shop")

BIG = b"x" * 100_000
COUNTED_EARLY = "Count when the server ends, not before."
CTRL_C = (
    "serve_forever() catches the KeyboardInterrupt itself, and then raises "
    "SystemExit: put the goodbye under finally."
)


def _must_say_goodbye(program, left):
    code = program.interrupt()
    when = f"Ctrl-C, with {left} orders in the queue"
    if code is None:
        raise StillRunningError(
            f"run(key, tell) was still running {shared.PATIENCE_S:g} s after {when}; "
            "expected it to end. A multiprocessing.Queue has a helper thread that "
            "waits until somebody reads: serve a queue.Queue."
        )
    said = program.said()
    assert code == 0, (
        f"run(key, tell) ended with exit code {code} after {when}; expected 0. Its "
        f"last line: {said[-1]}. The shutdown() of a server is called by a connection, "
        "and serve_forever() has ended already: leave it out."
    )
    wanted = f"Goodbye, {left} orders left."
    last = repr(said[-1]) if said[-1] else "nothing"
    why = COUNTED_EARLY if said[-1] else CTRL_C
    assert said[-1] == wanted, (
        f"run(key, tell) said {last} after {when}; expected {wanted!r}. {why}"
    )


def test_says_goodbye(answer):
    """Ctrl-C comes, and the queue is empty."""
    with shared.Program(answer) as program:
        program.orders()
        _must_say_goodbye(program, 0)


def test_ends_with_orders_left(answer):
    """Ctrl-C comes, and nobody has taken the orders."""
    with shared.Program(answer) as program:
        orders = program.orders()
        for _ in range(3):
            orders.put(BIG)
        del orders
        _must_say_goodbye(program, 3)


def test_clients_can_say_done(answer):
    """A client takes an order, says that it is done, and waits for all."""
    with shared.Program(answer) as program:
        orders = program.orders()
        orders.put("tea")
        orders.get(timeout=1)
        shared.must_say_done(orders)
