"""02.2: each expression is evaluated behind a wiretap, then compared."""

import importlib

import pytest

shared = importlib.import_module("exercises.checks.02_talk_through_proxies.warehouse")
warehouse = shared.warehouse

WORDS = ("asks", "stays", "fails")


@pytest.fixture(scope="module")
def outcome(warehouse):
    """Return a function that evaluates an expression, and says what happened."""
    with warehouse.tapped() as (tap, manager):
        manager.connect()
        names = {
            "orders": manager.orders("one queue"),
            "again": manager.orders("one queue"),
            "ledger": manager.ledger({"Ada": ["tea"]}),
        }

        def evaluate(expression):
            calls = len(shared.asked(tap))
            try:
                eval(expression, dict(names))
            except (AttributeError, TypeError):
                happened = "fails"
            else:
                happened = "stays"
            return "asks" if len(shared.asked(tap)) > calls else happened

        yield evaluate


def _compare(answer, outcome, reasons):
    call = answer.call("what_happens")
    said = call.returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"{call} returned {said!r}; expected the dictionary of the task."
    )
    for expression, why in reasons.items():
        assert expression in said, (
            f"{call} says nothing of {expression}; keep the task's words."
        )
        assert said[expression] in WORDS, (
            f"{expression}: you said {said[expression]!r}; expected 'asks', 'stays' or "
            "'fails'."
        )
        truth = outcome(expression)
        assert said[expression] == truth, (
            f"{expression}: you said {said[expression]!r}, and it {truth}. {why}"
        )


def test_methods(answer, outcome):
    """Public methods of the referents, and an attribute."""
    reasons = {
        "orders.qsize()": "A call of a public method is a message.",
        "ledger['Ada']": "It calls __getitem__, which a DictProxy forwards.",
        "orders.maxsize": "A proxy has the methods of its referent, no attributes.",
    }
    _compare(answer, outcome, reasons)


def test_length(answer, outcome):
    """The same question to a queue and to a dictionary."""
    reasons = {
        "len(orders)": "len() needs __len__, and an AutoProxy forwards public names "
        "only.",
        "len(ledger)": "A DictProxy exposes __len__.",
    }
    _compare(answer, outcome, reasons)


def test_truth(answer, outcome):
    """An empty queue, and a dictionary."""
    reasons = {
        "bool(orders)": "Without __len__ every object is true, also a proxy of an "
        "empty queue.",
        "bool(ledger)": "bool() uses len() where there is one, and here that asks.",
    }
    _compare(answer, outcome, reasons)


def test_equality(answer, outcome):
    """Two proxies of one queue; a dictionary with the same content."""
    reasons = {
        "orders == again": "A proxy does not forward ==: it is equal to itself alone.",
        "ledger == {'Ada': ['tea']}": "A proxy does not forward ==, whatever is behind "
        "it: it is False.",
    }
    _compare(answer, outcome, reasons)


def test_words(answer, outcome):
    """The two texts of a proxy."""
    reasons = {
        "str(orders)": "str() asks the server for the repr of the referent.",
        "repr(orders)": "repr() describes the proxy, not the referent.",
    }
    _compare(answer, outcome, reasons)
