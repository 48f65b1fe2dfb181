"""02.5: what a client sends before its first answer, as a wiretap sees it."""

import itertools

import pytest

from labkit import wiretap
from labkit.grader.fixtures import points, shown

PREDICTS = "connections"
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


def _asked(tap):
    """Return the names of what was asked of the server, in order."""
    texts = (m.text for m in tap.messages if m.kind in {"request", "call"})
    return [text.partition("(")[0] for text in texts]


@pytest.fixture
def seen(server):
    """Play the client behind a tap; return the messages, and connections per step."""
    counts = [0]

    def count():
        counts.append(len({message.connection for message in tap.messages}))

    with wiretap(server.manager) as tap:
        client = server.client(tap.address)
        count()
        proxy = client.get_queue("a queue")
        count()
        for _ in range(2):
            proxy.qsize()
            count()
        opened = [after - before for before, after in itertools.pairwise(counts)]
        yield _asked(tap)[: len(WHY)], dict(zip(STEPS, opened, strict=True))


@points(2, "puts the messages in the order of the wire")
def test_order(answer, seen):
    """The six messages, in the order in which a tap saw them."""
    truth, _ = seen
    call = answer.call("in_order")
    said = call.returns("It only has to return a list.")
    assert isinstance(said, list | tuple), (
        f"{call} returned {shown(said)}; expected a list."
    )
    assert sorted(map(str, said)) == sorted(truth), (
        f"{call} returned {shown(said)}; expected each of the six messages once."
    )
    for place, (yours, real) in enumerate(zip(said, truth, strict=True), 1):
        assert yours == real, (
            f"Message {place}: you said {shown(yours)}, and on the wire it was another. "
            f"{WHY.get(yours, '')}"
        )


@points(2, "knows what opens a connection")
def test_connections(prediction, seen):
    """How many connections each step of the client opens."""
    why = {
        "connect": "dummy() has a connection to itself.",
        "orders": "create(), incref() and decref() have one each.",
        "first qsize": "The connection for the calls of this thread is new.",
        "second qsize": "The connection stays open: the next call uses it.",
    }
    for step, opened in seen[1].items():
        prediction.must_be(step, opened, why[step])
