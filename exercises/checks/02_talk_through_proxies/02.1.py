"""02.1: what is added to a list in a remote ledger arrives there."""

from labkit.grader.fixtures import points, shown

ADDED = "ledger[name] is a copy, and what is appended to a copy stays here"


def _note(answer, ledger, name, thing):
    call = answer.call("note", ledger=ledger, name=name, thing=thing)
    call.returns("Nothing here has to wait.")
    return call, ledger.copy()


@points(2, "adds a thing to a list that is there")
def test_known_customer(answer, server):
    """Ada has a list already; Bob has one, too."""
    ledger = server.manager.dict({"Ada": ["tea"], "Bob": ["milk"]})
    call, content = _note(answer, ledger, "Ada", "sugar")
    got = content.get("Ada")
    why = ADDED if got == ["tea"] else "Send the old things and the new one"
    assert got == ["tea", "sugar"], (
        f"After {call} Ada's entry in the server was {shown(got)}; expected "
        f"['tea', 'sugar']. {why}: assign a whole list to ledger[name]."
    )
    assert content == {"Ada": ["tea", "sugar"], "Bob": ["milk"]}, (
        f"After {call} the ledger was {content}; expected Bob's entry as before. "
        "Change one entry only."
    )


@points(1, "makes an entry for a new customer")
def test_new_customer(answer, server):
    """Nobody has noted anything for Cleo."""
    ledger = server.manager.dict({"Ada": ["tea"]})
    call, content = _note(answer, ledger, "Cleo", "salt")
    got = content.get("Cleo")
    assert got == ["salt"], (
        f"After {call} Cleo's entry in the server was {shown(got)}; expected ['salt']. "
        "A customer without an entry starts with an empty list."
    )


@points(1, "adds one thing for each call")
def test_same_thing_twice(answer, server):
    """Ada wants tea twice."""
    ledger = server.manager.dict({"Ada": []})
    _note(answer, ledger, "Ada", "tea")
    call, content = _note(answer, ledger, "Ada", "tea")
    assert content["Ada"] == ["tea", "tea"], (
        f"After a second {call} Ada's entry in the server was {shown(content['Ada'])}; "
        "expected ['tea', 'tea']: each call adds one thing."
    )
