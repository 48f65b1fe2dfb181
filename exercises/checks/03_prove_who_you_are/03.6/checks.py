"""03.6: each of seven stories is played with a real server, then compared."""

import importlib
import multiprocessing
from pathlib import Path

import pytest

shared = importlib.import_module("exercises.checks.03_prove_who_you_are.office")
OVERHEARD = shared.OVERHEARD


@pytest.fixture(scope="module")
def story():
    """Lend one server to all checks; who ends it comes last."""
    story = shared.Story()
    yield story
    story.process.kill()
    story.process.join()


def _compare(answer, line, happened, why):
    said = answer.call("who_can").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"who_can() returned {said!r}; expected the dictionary of the task."
    )
    assert line in said, f"who_can() says nothing of {line!r}; keep the task's words."
    truth = "yes" if happened else "no"
    assert said[line] in ("yes", "no"), (
        f"{line!r}: you said {said[line]!r}; expected 'yes' or 'no'."
    )
    assert said[line] == truth, (
        f"{line!r}: you said {said[line]!r}, and it was {truth!r}. {why}"
    )


def test_eavesdropper_and_item(answer, story):
    """Somebody listens while an item is put."""
    OVERHEARD.clear()
    story.put_and_get(shared.HEARD)
    why = "The handshake proves who is there; what follows is a pickle, in clear text."
    happened = shared.HEARD.encode() in b"".join(OVERHEARD)
    _compare(answer, "an eavesdropper reads an item", happened, why)


def test_eavesdropper_and_key(answer, story):
    """Somebody listens to a handshake."""
    OVERHEARD.clear()
    story.log_in().close()
    everything = b"".join(OVERHEARD)
    why = (
        "Only challenges and digests travel; a random key cannot be computed from them."
    )
    _compare(answer, "an eavesdropper reads the key", story.key in everything, why)


def test_digest_again(answer, story):
    """A stranger sends a digest that somebody overheard."""
    OVERHEARD.clear()
    story.log_in().close()
    welcome = b"#WELCOME#" in story.told(OVERHEARD[1])
    why = "Each connection has a challenge of its own, which asks for another digest."
    _compare(answer, "an overheard digest opens a new connection", welcome, why)


def test_traceback(answer, story):
    """A stranger sends any digest, and reads on."""
    folder = str(Path(multiprocessing.__file__).parent).encode()
    happened = folder in story.told(bytes(16)).replace(b"\\\\", b"\\")
    why = (
        "After #FAILURE# a plain server sends its own traceback, with its files' paths."
    )
    _compare(answer, "a stranger learns where the server's Python is", happened, why)


def test_silence(answer, story):
    """A stranger connects, and says nothing."""
    why = "A plain server starts a thread before it knows who is there, and waits."
    _compare(
        answer, "a silent stranger holds a thread", story.threads_for(12) >= 6, why
    )


def test_code(answer, story):
    """The holder of the key puts an item that names a function."""
    ran_in = story.put_and_get(shared.RunsThere())
    why = "The server reads the pickle, and a pickle may name a function to be called."
    happened = ran_in == story.process.pid
    _compare(answer, "the holder of the key runs code in the server", happened, why)


def test_shutdown(answer, story):
    """The holder of the key asks for the end."""
    wire = story.log_in()
    wire.send((None, "shutdown", (), {}))
    story.process.join(3)
    why = (
        "Whoever proved the key may call shutdown: to the server all holders are equal."
    )
    happened = not story.process.is_alive()
    _compare(answer, "the holder of the key ends the server", happened, why)
