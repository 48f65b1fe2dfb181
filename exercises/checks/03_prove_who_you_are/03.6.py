"""03.6: each of seven stories is played with a real server, then compared."""

import hmac
import multiprocessing
import os
import queue
import secrets
import socket
from multiprocessing import connection, managers
from pathlib import Path

import psutil
import pytest

from labkit.grader.fixtures import CONTEXT, points, there, until

PREDICTS = "who_can"
WORDS = ("yes", "no")
HEARD = "the key of Ada's till is 4711"
OVERHEARD = []  # every message, in order


class Office(managers.BaseManager):
    """A manager whose server is the standard library's."""


_letters = queue.Queue()  # the server's own


def _get_letters():
    return _letters


Office.register("letters", there(_get_letters))


class Overheard(connection.Connection):
    """The client's end of a connection, with somebody who listens."""

    def _send_bytes(self, data):
        OVERHEARD.append(bytes(data))
        super()._send_bytes(data)

    def _recv_bytes(self, limit=None):
        data = super()._recv_bytes(limit)
        OVERHEARD.append(data.getvalue())
        return data


class RunsThere:
    """An item whose pickle names a function that its reader is to call."""

    def __reduce__(self):
        return os.getpid, ()


def prove(challenge, key):
    """Return the digest that a challenge asks for."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if len(message) == 20:
        return hmac.digest(key, message, "md5")
    return b"{sha256}" + hmac.digest(key, message, "sha256")


class Story:
    """A server, and everything that strangers and clients can do to it."""

    def __init__(self):
        self.key = secrets.token_bytes(32)
        self.office = Office(("127.0.0.1", 0), self.key, ctx=CONTEXT)
        self.office.start()
        self.address = self.office.address
        self.process = self.office._process

    def connect(self):
        """Open a connection of which every byte is heard."""
        plain = socket.create_connection(self.address, timeout=10)
        plain.settimeout(None)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Overheard(plain.detach())

    def log_in(self):
        """Shake hands as the holder of the key does."""
        wire = self.connect()
        wire.send_bytes(prove(wire.recv_bytes(), self.key))
        assert wire.recv_bytes() == b"#WELCOME#"
        wire.send_bytes(b"#CHALLENGE#" + secrets.token_bytes(20))
        wire.recv_bytes()
        wire.send_bytes(b"#WELCOME#")
        return wire

    def call(self, *message):
        """Ask the server one thing."""
        with self.log_in() as wire:
            wire.send(message)
            return wire.recv()

    def put_and_get(self, item):
        """Put an item, and get it back, by messages of our own."""
        _, (ident, _) = self.call(None, "create", ("letters",), {})
        with self.log_in() as wire:
            wire.send((None, "accept_connection", ("a thread",), {}))
            wire.recv()
            wire.send((ident, "put", (item,), {}))
            wire.recv()
            wire.send((ident, "get", (), {}))
            return wire.recv()[1]

    def told(self, digest):
        """Send a digest to a new challenge; return all that comes back."""
        with self.connect() as wire:
            wire.recv_bytes()
            wire.send_bytes(digest)
            came = [wire.recv_bytes()]
            while came[-1] != b"#WELCOME#":
                try:
                    came.append(wire.recv_bytes())
                except (EOFError, OSError):
                    break
            return b"".join(came)

    def threads_for(self, silent):
        """Return how many threads more some silent strangers cost."""
        process = psutil.Process(self.process.pid)
        before = process.num_threads()
        wires = [self.connect() for _ in range(silent)]
        for wire in wires:
            wire.recv_bytes()  # the challenge: a thread is there by now
        until(lambda: process.num_threads() > before, 1)
        more = process.num_threads() - before
        for wire in wires:
            wire.close()
        return more


@pytest.fixture(scope="module")
def story():
    """Lend one server to all checks; who ends it comes last."""
    story = Story()
    yield story
    story.process.kill()
    story.process.join()


def _compare(prediction, line, happened, why):
    prediction.must_be(line, "yes" if happened else "no", why)


@points(1, "knows what can be read on the way")
def test_eavesdropper_and_item(prediction, story):
    """Somebody listens while an item is put."""
    OVERHEARD.clear()
    story.put_and_get(HEARD)
    why = "The handshake proves who is there; what follows is a pickle, in clear text."
    happened = HEARD.encode() in b"".join(OVERHEARD)
    _compare(prediction, "an eavesdropper reads an item", happened, why)


@points(1, "knows whether the key travels")
def test_eavesdropper_and_key(prediction, story):
    """Somebody listens to a handshake."""
    OVERHEARD.clear()
    story.log_in().close()
    everything = b"".join(OVERHEARD)
    why = (
        "Only challenges and digests travel; a random key cannot be computed from them."
    )
    _compare(prediction, "an eavesdropper reads the key", story.key in everything, why)


@points(1, "knows what an overheard digest is worth")
def test_digest_again(prediction, story):
    """A stranger sends a digest that somebody overheard."""
    OVERHEARD.clear()
    story.log_in().close()
    welcome = b"#WELCOME#" in story.told(OVERHEARD[1])
    why = "Each connection has a challenge of its own, which asks for another digest."
    _compare(prediction, "an overheard digest opens a new connection", welcome, why)


@points(1, "knows what a plain server tells strangers")
def test_traceback(prediction, story):
    """A stranger sends any digest, and reads on."""
    folder = str(Path(multiprocessing.__file__).parent).encode()
    happened = folder in story.told(bytes(16)).replace(b"\\\\", b"\\")
    why = (
        "After #FAILURE# a plain server sends its own traceback, with its files' paths."
    )
    _compare(
        prediction, "a stranger learns where the server's Python is", happened, why
    )


@points(1, "knows what a silent stranger costs")
def test_silence(prediction, story):
    """A stranger connects, and says nothing."""
    why = "A plain server starts a thread before it knows who is there, and waits."
    _compare(
        prediction, "a silent stranger holds a thread", story.threads_for(12) >= 6, why
    )


@points(1, "knows what a pickle can do")
def test_code(prediction, story):
    """The holder of the key puts an item that names a function."""
    ran_in = story.put_and_get(RunsThere())
    why = "The server reads the pickle, and a pickle may name a function to be called."
    happened = ran_in == story.process.pid
    _compare(prediction, "the holder of the key runs code in the server", happened, why)


@points(1, "knows what the holder of a key may do")
def test_shutdown(prediction, story):
    """The holder of the key asks for the end."""
    wire = story.log_in()
    wire.send((None, "shutdown", (), {}))
    story.process.join(3)
    why = (
        "Whoever proved the key may call shutdown: to the server all holders are equal."
    )
    happened = not story.process.is_alive()
    _compare(prediction, "the holder of the key ends the server", happened, why)
