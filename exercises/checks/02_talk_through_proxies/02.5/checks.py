"""02.5: what a client sends before its first answer, as a wiretap sees it."""

import importlib
import itertools

import pytest

shared = importlib.import_module("exercises.checks.02_talk_through_proxies.warehouse")
warehouse = shared.warehouse

STEPS = ("connect", "orders", "first qsize", "second qsize")
WHY = {
    "dummy": "connect() asks dummy(), to see whether a server is there.",
    "create": "There is nothing to count or to call before create() has made it.",
    "incref": "create() told the client which object it got; incref() says that the "
    "proxy needs it.",
    "decref": "decref() gives back the reference that create() took, as soon as the "
    "proxy has its own.",
    "accept_connection": "The first call of a thread opens a connection.",
    "qsize": "A call needs a connection that was accepted.",
}


@pytest.fixture(scope="module")
def seen(warehouse):
    """Play the client behind a tap; return the messages, and connections per step."""
    counts = [0]

    def count():
        counts.append(len({message.connection for message in tap.messages}))

    with warehouse.tapped() as (tap, manager):
        manager.connect()
        count()
        proxy = manager.orders("a queue")
        count()
        for _ in range(2):
            proxy.qsize()
            count()
        opened = [after - before for before, after in itertools.pairwise(counts)]
        yield shared.asked(tap)[: len(WHY)], dict(zip(STEPS, opened, strict=True))


def test_order(answer, seen):
    """The six messages, in the order in which a tap saw them."""
    truth, _ = seen
    call = answer.call("in_order")
    said = call.returns("It only has to return a list.")
    assert isinstance(said, list), f"{call} returned {said!r}; expected a list."
    assert sorted(map(str, said)) == sorted(truth), (
        f"{call} returned {said}; expected each of the six messages once."
    )
    for place, (yours, real) in enumerate(zip(said, truth, strict=True), 1):
        assert yours == real, (
            f"Message {place}: you said {yours}, and on the wire it was {real}. "
            f"{WHY[real]}"
        )


def test_connections(answer, seen):
    """How many connections each step of the client opens."""
    _, truth = seen
    call = answer.call("connections")
    said = call.returns("It only has to return a dictionary.")
    assert isinstance(said, dict), f"{call} returned {said!r}; expected a dictionary."
    why = {
        "connect": "dummy() has a connection to itself.",
        "orders": "create(), incref() and decref() have one each.",
        "first qsize": "The connection for the calls of this thread is new.",
        "second qsize": "The connection stays open: the next call uses it.",
    }
    for step, opened in truth.items():
        assert step in said, f"{call} says nothing of {step!r}; keep the task's words."
        assert said[step] == opened, (
            f"{step!r}: you said {said[step]!r}, and it opened {opened}. {why[step]}"
        )
