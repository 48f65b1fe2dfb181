"""02.2: each expression is evaluated behind a wiretap, then compared."""

import pytest

from labkit import wiretap
from labkit.grader.fixtures import points

PREDICTS = "what_happens"
WORDS = ("asks", "stays", "fails")


@pytest.fixture
def must_be(prediction, server):
    """Return a function that evaluates expressions, and compares what happened."""
    with wiretap(server.manager) as tap:
        client = server.client(tap.address)
        names = {
            "orders": client.get_queue("one queue"),
            "again": client.get_queue("one queue"),
            "ledger": client.dict({"Ada": ["tea"]}),
        }

        def asked():
            return sum(message.kind in {"request", "call"} for message in tap.messages)

        def evaluate(expression):
            calls = asked()
            try:
                eval(expression, dict(names))
            except (AttributeError, TypeError):
                happened = "fails"
            else:
                happened = "stays"
            return "asks" if asked() > calls else happened

        def compare(reasons):
            for expression, why in reasons.items():
                prediction.must_be(expression, evaluate(expression), why)

        yield compare


@points(1, "knows what a method call does, and an attribute")
def test_methods(must_be):
    """Public methods of the referents, and an attribute."""
    must_be({
        "orders.qsize()": "A call of a public method is a message.",
        "ledger['Ada']": "It calls __getitem__, which a DictProxy forwards.",
        "orders.maxsize": "A proxy has the methods of its referent, no attributes.",
    })  # fmt: skip


@points(2, "knows whose length and whose truth can be asked for")
def test_length(must_be):
    """The same questions to an empty queue and to a dictionary."""
    must_be({
        "len(orders)": "len() needs __len__: does an AutoProxy forward such a name?",
        "len(ledger)": "What a proxy forwards is what it exposes: look at DictProxy.",
        "bool(orders)": "Without __len__ every object is true, even a proxy of an empty "
        "queue.",
        "bool(ledger)": "bool() uses len() where there is one.",
    })  # fmt: skip


@points(1, "knows what a proxy is equal to")
def test_equality(must_be):
    """Two proxies of one queue; a dictionary with the same content."""
    why = "Is == among the methods that a proxy forwards?"
    must_be({"orders == again": why, "ledger == {'Ada': ['tea']}": why})


@points(1, "tells str() from repr()")
def test_words(must_be):
    """The two texts of a proxy."""
    must_be({
        "str(orders)": "One of the two describes the referent, which is in the server.",
        "repr(orders)": "One of the two describes the proxy itself.",
    })  # fmt: skip
