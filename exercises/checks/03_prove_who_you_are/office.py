"""What 03.6 shares: a plain server, and what strangers and clients do to it.

A check imports it by ``importlib``, since the folder's name is no identifier; so does a
child process where children start empty.
"""

import hmac
import multiprocessing
import os
import queue
import secrets
import socket
import sys
import threading
import time
from multiprocessing import connection, managers

import psutil

HEARD = "the key of Ada's till is 4711"
OVERHEARD = []  # every message, in order


class Office(managers.BaseManager):
    """A manager whose server is the standard library's."""


_letters = queue.Queue()  # the server's own


def _get_letters():
    return _letters


Office.register("letters", _get_letters)


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
        # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
        context = multiprocessing.get_context(
            "fork" if sys.platform == "linux" else "spawn"
        )
        self.key = secrets.token_bytes(32)
        self.office = Office(("127.0.0.1", 0), self.key, ctx=context)
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
        before, pause = process.num_threads(), threading.Event()
        wires = [self.connect() for _ in range(silent)]
        for wire in wires:
            wire.recv_bytes()  # the challenge: a thread is there by now
        deadline = time.monotonic() + 1
        while process.num_threads() <= before and time.monotonic() < deadline:
            pause.wait(0.01)
        more = process.num_threads() - before
        for wire in wires:
            wire.close()
        return more
