"""10.2: each story's end, compared with the prediction."""

WORDS = ("works", "refused", "silence", "no entry")


def _compare(answer, story, truth, why):
    said = answer.call("what_happens").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"what_happens() returned {said!r}; expected the dictionary of the task."
    )
    assert story in said, (
        f"what_happens() says nothing of the story {story!r}; keep the task's words."
    )
    assert said[story] in WORDS, (
        f"{story!r}: you said {said[story]!r}; expected one of {', '.join(WORDS)}."
    )
    assert said[story] == truth, (
        f"{story!r}: you said {said[story]!r}, and it is {truth!r}. {why}"
    )


def test_loopback_inside(answer):
    """Knows who reaches loopback."""
    why = "Loopback joins the programs of one machine."
    _compare(
        answer, "bound to 127.0.0.1, a client in the shop calls 127.0.0.1", "works", why
    )


def test_loopback_outside(answer):
    """Knows who does not reach loopback."""
    why = "The shop is there; nothing of it listens at 10.77.0.1, and it says so."
    _compare(answer, "bound to 127.0.0.1, the cellar calls 10.77.0.1", "refused", why)


def test_own_loopback(answer):
    """Knows whose loopback 127.0.0.1 is."""
    why = "The cellar's 127.0.0.1 is the cellar itself, where nobody listens."
    _compare(answer, "bound to '', the cellar calls 127.0.0.1", "refused", why)


def test_everywhere(answer):
    """Knows what the empty address means."""
    why = "'' means every address of the shop, and 10.77.0.1 is one."
    _compare(answer, "bound to '', the cellar calls 10.77.0.1", "works", why)


def test_firewall(answer):
    """Knows how a firewall sounds."""
    why = "What is dropped never comes to the shop, so nobody can say no."
    _compare(answer, "bound to '', a firewall drops what comes", "silence", why)


def test_key(answer):
    """Knows how a wrong key sounds."""
    why = "It is heard, and its digest is wrong: AuthenticationError."
    _compare(answer, "bound to '', the cellar has another key", "no entry", why)


def test_cable(answer):
    """Knows how a pulled cable sounds."""
    why = "Nobody closes the connection, and a plain client waits for ever."
    _compare(
        answer, "a client waits in get(), the shop's cable is pulled", "silence", why
    )
