"""01.4: a server says goodbye on Ctrl-C, and ends, whatever its queue holds."""

import os

import pytest

from labkit.grader.fixtures import (
    StopChecksError,
    client_of,
    load,
    obey,
    points,
    until,
)

PATIENCE_S = 2.0
KEY_BYTES = 48  # so long that the feedback shows its name in its place
BIG = b"x" * 100_000
SHUTDOWN = (
    "The shutdown() of a server is called by a connection, and serve_forever() has ended "
    "already: leave it out."
)
EXIT = (
    "sys.exit() with a text, and any error, ends with code 1: print the goodbye under "
    "finally, and let the exit that is under way go on."
)
COUNTED_EARLY = "Count when the server ends, not before."
CTRL_C = (
    "serve_forever() catches the KeyboardInterrupt itself, and then raises "
    "SystemExit: put the goodbye under finally."
)


def _play(wire, path, key):
    """Be the program: run the answer."""
    obey(wire)
    load(path).run(key, wire.send)


@pytest.fixture
def shop(answer, program):
    """Lend run(key, tell) of the answer as a program, and a proxy of its queue."""
    key = os.urandom(KEY_BYTES)
    run = program(_play, answer.path, key)
    until(run.heard, PATIENCE_S)
    assert run.heard(), (
        "run(key, tell) told no address; leave tell(server.address) there."
    )
    return run, client_of(run.heard()[0], key, "get_orders").get_orders()


def _must_say_goodbye(program, left):
    program.signal("SIGINT")
    code = program.ends(PATIENCE_S)
    when = f"Ctrl-C, with {left} orders in the queue"
    if code is None:
        raise StopChecksError(
            f"run(key, tell) was still running {PATIENCE_S:g} s after {when}; "
            "expected it to end. A multiprocessing.Queue has a helper thread that "
            "waits until somebody reads: serve a queue.Queue."
        )
    said = program.said().split("\n")
    assert code == 0, (
        f"run(key, tell) ended with exit code {code} after {when}; expected 0. Its "
        f"last line: {said[-1].rstrip('.')}. {SHUTDOWN if 'shutdown' in str(said) else EXIT}"
    )
    wanted = f"Goodbye, {left} orders left."
    last = repr(said[-1]) if said[-1] else "nothing"
    why = CTRL_C
    if said[-1]:
        why = SHUTDOWN if "shutdown" in str(said) else COUNTED_EARLY
    assert said[-1] == wanted, (
        f"run(key, tell) said {last} after {when}; expected {wanted!r}. {why}"
    )


@points(2, "says goodbye after Ctrl-C, and ends with exit code 0")
def test_says_goodbye(shop):
    """Ctrl-C comes, and the queue is empty."""
    program, _ = shop
    _must_say_goodbye(program, 0)


@points(2, "ends, too, when there are orders in the queue")
def test_ends_with_orders_left(shop):
    """Ctrl-C comes, and nobody has taken the orders."""
    program, orders = shop
    for _ in range(3):
        orders.put(BIG)
    _must_say_goodbye(program, 3)


@points(1, "lets clients say that an order is done, and wait for that")
def test_clients_can_say_done(shop, must_say_done):
    """A client takes an order, says that it is done, and waits for all."""
    _, orders = shop
    orders.put("tea")
    orders.get(timeout=1)
    must_say_done(orders)
