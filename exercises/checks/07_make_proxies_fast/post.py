"""What the checks of this set share: labkit's server, and a mailbox that counts.

A check imports it by ``importlib``, since the folder's name is no identifier.
"""

import itertools
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.manager import QueueManager

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("writer.py")
PATIENCE_S = 3.0
STUCK = 99  # the exit code of a program that did not end by itself


class Post:
    """A queue server of labkit's in a process of its own."""

    def __init__(self):
        # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
        context = multiprocessing.get_context(
            "fork" if sys.platform == "linux" else "spawn"
        )
        self._manager = QueueManager(authkey=os.urandom(16), ctx=context)
        self._manager.start()
        self._names = (f"mailbox {number}" for number in itertools.count(1))

    def mailbox(self):
        """Host a new queue; its proxy counts what is called on it."""
        name = next(self._names)
        return Mailbox(self._manager.get_queue(name), name)

    def program(self, answer, mailbox, **job):
        """Run writer.py, with the answer; return its output and its exit code."""
        job |= {
            "answer": str(answer._path),
            "address": self._manager.address,
            "key": bytes(self._manager._authkey).hex(),
            "mailbox": mailbox.name,
            "stuck": STUCK,
        }
        done = subprocess.run(
            [sys.executable, "-P", str(PROGRAM)],
            check=False,
            input=json.dumps(job),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return done.stdout, done.returncode

    def kill(self):
        """End the server."""
        self._manager._process.kill()
        self._manager._process.join()


@pytest.fixture
def post():
    """Lend a server."""
    post = Post()
    yield post
    post.kill()


class Mailbox:
    """A proxy that counts: each call of one of its methods is a round trip.

    Attributes
    ----------
    calls : list of tuple of (str, int)
        The method, and how many items it took along.
    """

    def __init__(self, proxy, name):
        self.name = name
        self.calls = []
        self._proxy = proxy

    def put(self, item, *args, **kwds):
        """Put an item."""
        self.calls.append(("put", 1))
        self._proxy.put(item, *args, **kwds)

    def put_many(self, items, *args, **kwds):
        """Put a list of items."""
        items = list(items)
        self.calls.append(("put_many", len(items)))
        self._proxy.put_many(items, *args, **kwds)

    def get_many(self, *args, **kwds):
        """Take what is there."""
        items = self._proxy.get_many(*args, **kwds)
        self.calls.append(("get_many", len(items)))
        return items

    # The checks look through these, which do not count.

    def qsize(self):
        """Return how many items wait."""
        return self._proxy.qsize()

    def empty(self):
        """Take out everything, and return it."""
        return self._proxy.get_many(10_000) if self._proxy.qsize() else []
