"""10.2: each story's end, compared with the prediction."""

from labkit.grader.fixtures import points

PREDICTS = "what_happens"
WORDS = ("works", "refused", "silence", "no entry")


@points(1, "knows who reaches loopback")
def test_loopback_inside(prediction):
    """Knows who reaches loopback."""
    why = "Loopback joins the programs of one machine."
    prediction.must_be(
        "bound to 127.0.0.1, a client in the shop calls 127.0.0.1", "works", why
    )


@points(1, "knows who does not reach loopback")
def test_loopback_outside(prediction):
    """Knows who does not reach loopback."""
    why = "The shop is there; nothing of it listens at 10.77.0.1, and it says so."
    prediction.must_be("bound to 127.0.0.1, the cellar calls 10.77.0.1", "refused", why)


@points(1, "knows whose loopback 127.0.0.1 is")
def test_own_loopback(prediction):
    """Knows whose loopback 127.0.0.1 is."""
    why = "The cellar's 127.0.0.1 is the cellar itself, where nobody listens."
    prediction.must_be("bound to '', the cellar calls 127.0.0.1", "refused", why)


@points(1, "knows what the empty address means")
def test_everywhere(prediction):
    """Knows what the empty address means."""
    why = "'' means every address of the shop, and 10.77.0.1 is one."
    prediction.must_be("bound to '', the cellar calls 10.77.0.1", "works", why)


@points(1, "knows how a firewall sounds")
def test_firewall(prediction):
    """Knows how a firewall sounds."""
    why = "What is dropped never comes to the shop, so nobody can say no."
    prediction.must_be("bound to '', a firewall drops what comes", "silence", why)


@points(1, "knows how a wrong key sounds")
def test_key(prediction):
    """Knows how a wrong key sounds."""
    why = "It is heard, and its digest is wrong: AuthenticationError."
    prediction.must_be("bound to '', the cellar has another key", "no entry", why)


@points(1, "knows how a pulled cable sounds")
def test_cable(prediction):
    """Knows how a pulled cable sounds."""
    why = "Nobody closes the connection, and a plain client waits for ever."
    prediction.must_be(
        "a client waits in get(), the shop's cable is pulled", "silence", why
    )
