"""10.2: each story's end, compared with the prediction."""

from labkit.grader.fixtures import points

PREDICTS = "what_happens"
WORDS = ("works", "refused", "silence", "no entry")


@points(3, "knows whom loopback joins")
def test_loopback(prediction):
    """127.0.0.1 is called from the shop, and from the cellar."""
    why = "Loopback joins the programs of one machine."
    story = "bound to 127.0.0.1, a client in the shop calls 127.0.0.1"
    prediction.must_be(story, "works", why)
    why = "The shop is there, but nothing listens at 10.77.0.1, and it says so."
    prediction.must_be("bound to 127.0.0.1, the cellar calls 10.77.0.1", "refused", why)
    why = "The cellar's 127.0.0.1 is the cellar itself, where nobody listens."
    prediction.must_be("bound to '', the cellar calls 127.0.0.1", "refused", why)


@points(2, "knows who is heard at every address, and who may come in")
def test_everywhere(prediction):
    """The server listens at all of the shop's addresses."""
    why = "'' means every address of the shop, and 10.77.0.1 is one."
    prediction.must_be("bound to '', the cellar calls 10.77.0.1", "works", why)
    why = "The cellar is heard, but its digest is wrong: AuthenticationError."
    prediction.must_be("bound to '', the cellar has another key", "no entry", why)


@points(2, "knows when nobody says anything")
def test_silence(prediction):
    """Something between the two machines drops every packet."""
    why = "A packet that is dropped never reaches the shop, so nobody can refuse it."
    prediction.must_be("bound to '', a firewall drops what comes", "silence", why)
    why = "Nobody closes the connection, and a plain client waits for ever."
    story = "a client waits in get(), the shop's cable is pulled"
    prediction.must_be(story, "silence", why)
