"""03.6: each of seven stories is played with a real server, then compared."""

import multiprocessing
import os
from multiprocessing import connection
from pathlib import Path

import psutil
import pytest

from labkit.grader.fixtures import client_of, points, until

PREDICTS = "who_can"
WORDS = ("yes", "no")
ITEM = "the key of Ada's till is 4711"
OVERHEARD = []  # every message, in order


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
    """An item whose pickle names a function for its reader to call."""

    def __reduce__(self):
        return os.getpid, ()


@pytest.fixture
def office(serve, monkeypatch):
    """Lend a server; all that its clients send and receive is overheard."""
    office = serve()
    OVERHEARD.clear()
    monkeypatch.setattr(connection, "Connection", Overheard)
    return office


@pytest.fixture
def must_be(prediction):
    """Lend a function that compares what happened with the prediction."""
    return lambda line, happened, why: prediction.must_be(
        line, "yes" if happened else "no", why
    )


def _letters_of(office):
    return client_of(office.address, office.authkey, "get_orders").get_orders()


def _told(office, digest):
    """Send a digest to a new challenge; return all that the server answers."""
    with connection.Client(office.address) as wire:
        wire.recv_bytes()
        wire.send_bytes(digest)
        came = [wire.recv_bytes()]
        while came[-1] != b"#WELCOME#":
            try:
                came.append(wire.recv_bytes())
            except (EOFError, OSError):
                break
        return b"".join(came)


@points(1, "knows what can be read on the way")
def test_eavesdropper_and_item(must_be, office):
    """Somebody listens while an item is put."""
    _letters_of(office).put(ITEM)
    why = "The handshake proves who is there; what follows is a pickle, in clear text."
    happened = ITEM.encode() in b"".join(OVERHEARD)
    must_be("an eavesdropper reads an item", happened, why)


@points(2, "knows what the handshake shows")
def test_eavesdropper_and_key(must_be, office):
    """Somebody listens to a handshake, and sends its digest again."""
    connection.Client(office.address, authkey=office.authkey).close()
    why = (
        "Only challenges and digests travel; nobody can compute a random key from them."
    )
    happened = office.authkey in b"".join(OVERHEARD)
    must_be("an eavesdropper reads the key", happened, why)
    happened = b"#WELCOME#" in _told(office, OVERHEARD[1])
    why = "Each connection has its own challenge, which asks for another digest."
    must_be("an overheard digest opens a new connection", happened, why)


@points(1, "knows what a plain server tells strangers")
def test_traceback(must_be, office):
    """A stranger sends any digest, and reads on."""
    folder = str(Path(multiprocessing.__file__).parent).encode()
    happened = folder in _told(office, bytes(16)).replace(b"\\\\", b"\\")
    why = (
        "After #FAILURE# a plain server sends its own traceback, with its files' paths."
    )
    must_be("a stranger learns where the server's Python is", happened, why)


@points(1, "knows what a silent stranger costs")
def test_silence(must_be, office):
    """Twelve strangers connect, and say nothing."""
    process = psutil.Process(office.process.pid)
    before = process.num_threads()
    wires = [connection.Client(office.address) for _ in range(12)]
    happened = until(lambda: process.num_threads() >= before + 6, 1)
    for wire in wires:
        wire.close()
    why = "A plain server starts a thread before it knows who is there, and waits."
    must_be("a silent stranger holds a thread", happened, why)


@points(2, "knows what the holder of a key may do")
def test_holder(must_be, office):
    """The holder of the key puts an item that names a function, then asks for the end."""
    letters = _letters_of(office)
    letters.put(RunsThere())
    happened = letters.get() == office.process.pid
    why = "The server reads the pickle, and a pickle may name a function to be called."
    must_be("the holder of the key runs code in the server", happened, why)
    with connection.Client(office.address, authkey=office.authkey) as wire:
        wire.send((None, "shutdown", (), {}))
        office.process.join(3)
    why = (
        "Anyone who has the key may call shutdown: to the server all holders are equal."
    )
    happened = not office.process.is_alive()
    must_be("the holder of the key ends the server", happened, why)
