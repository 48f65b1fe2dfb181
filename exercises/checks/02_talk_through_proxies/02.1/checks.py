"""02.1: what is added to a list in a remote ledger arrives there."""

import importlib

shared = importlib.import_module("exercises.checks.02_talk_through_proxies.warehouse")
warehouse = shared.warehouse

ADDED = "ledger[name] is a copy, and what is appended to a copy stays here"


def _note(answer, ledger, name, thing):
    call = answer.call("note", ledger=ledger, name=name, thing=thing)
    call.returns(shared.NO_WAIT)
    return call, ledger.copy()


def test_known_customer(answer, warehouse):
    """Ada has a list already; Bob has one, too."""
    ledger = warehouse.ledger({"Ada": ["tea"], "Bob": ["milk"]})
    call, content = _note(answer, ledger, "Ada", "sugar")
    got = content.get("Ada")
    why = ADDED if got == ["tea"] else "Send the old things and the new one"
    assert got == ["tea", "sugar"], (
        f"After {call} Ada's entry in the server was {got!r}; expected "
        f"['tea', 'sugar']. {why}: assign a whole list to ledger[name]."
    )
    assert content == {"Ada": ["tea", "sugar"], "Bob": ["milk"]}, (
        f"After {call} the ledger was {content}; expected Bob's entry as before. "
        "Change one entry only."
    )


def test_new_customer(answer, warehouse):
    """Nobody has noted anything for Cleo."""
    ledger = warehouse.ledger({"Ada": ["tea"]})
    call, content = _note(answer, ledger, "Cleo", "salt")
    got = content.get("Cleo")
    assert got == ["salt"], (
        f"After {call} Cleo's entry in the server was {got!r}; expected ['salt']. "
        "A customer without an entry starts with an empty list."
    )


def test_same_thing_twice(answer, warehouse):
    """Ada wants tea twice."""
    ledger = warehouse.ledger({"Ada": []})
    _note(answer, ledger, "Ada", "tea")
    call, content = _note(answer, ledger, "Ada", "tea")
    assert content["Ada"] == ["tea", "tea"], (
        f"After a second {call} Ada's entry in the server was {content['Ada']!r}; "
        "expected ['tea', 'tea']: each call adds one thing."
    )
