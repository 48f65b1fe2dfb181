"""02.6: each line is run with a connected manager of a real server, then compared."""

import importlib
import pickle

import pytest

shared = importlib.import_module("exercises.checks.02_talk_through_proxies.warehouse")

GONE = ", the server gone"


class _Story:
    """A client of a server that can be ended."""

    def __init__(self):
        self._warehouse = shared.Warehouse()
        manager = self._warehouse.manager
        self.connected = shared.Manager(manager.address, manager._authkey)
        self.connected.connect()
        self.orders = self.connected.orders("one queue")
        self.orders.qsize()
        self._over = False

    def play(self, line):
        """Run a line; say whether it works."""
        code = line.removesuffix(GONE)
        if code != line:
            self.end()
        names = {"connected": self.connected, "orders": self.orders, "pickle": pickle}
        try:
            exec(code, names)
        except Exception:  # noqa: BLE001 - that it fails is all that counts
            return "fails"
        return "works"

    def end(self):
        """End the server, once."""
        if not self._over:
            self._warehouse.kill()
            self._over = True


@pytest.fixture(scope="module")
def story():
    """Lend one story to all checks; those of its end come last."""
    story = _Story()
    yield story
    story.end()


def _compare(answer, story, reasons):
    call = answer.call("what_works")
    said = call.returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"{call} returned {said!r}; expected the dictionary of the task."
    )
    for line, why in reasons.items():
        assert line in said, f"{call} says nothing of {line}; keep the task's words."
        assert said[line] in ("works", "fails"), (
            f"{line}: you said {said[line]!r}; expected 'works' or 'fails'."
        )
        truth = story.play(line)
        assert said[line] == truth, (
            f"{line}: you said {said[line]!r}, and it {truth}. {why}"
        )


def test_import(answer, story):
    """The class that tutorials import."""
    why = "The class is one that each program writes for itself, from BaseManager."
    _compare(answer, story, {"from multiprocessing.managers import QueueManager": why})


def test_end(answer, story):
    """Two ways to end a server, tried by a client."""
    why = "Only start() gives a manager its shutdown(), for a server of its own."
    _compare(
        answer,
        story,
        {
            "connected.shutdown()": why,
            "with connected: pass": f"It ends with that. {why}",
        },
    )


def test_pickle(answer, story):
    """A proxy, written down and read again."""
    why = (
        "The pickle has the address and not the key: who reads it uses the key of its "
        "own process, multiprocessing.current_process().authkey."
    )
    _compare(answer, story, {"pickle.loads(pickle.dumps(orders))": why})


def test_gone(answer, story):
    """A proxy without its server."""
    reasons = {
        "orders.qsize()" + GONE: "A call is a message, and nobody is there to get it.",
        "str(orders)" + GONE: "str() asks, catches the error, and says so in its text.",
        "bool(orders)" + GONE: "It asks nobody, so it misses nobody.",
    }
    _compare(answer, story, reasons)
