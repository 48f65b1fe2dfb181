"""What the tasks of this set share."""

import pytest

from labkit.grader.fixtures import ask


def _must_say_done(orders):
    advice = (
        "A multiprocessing.Queue has no task_done() and no join(); queue.Queue has."
    )
    for name in ("task_done", "join"):
        ask(f"orders.{name}()", lambda name=name: getattr(orders, name)(), advice)


@pytest.fixture
def must_say_done():
    """Lend a check that a client can say that an order is done, and wait for that."""
    return _must_say_done
