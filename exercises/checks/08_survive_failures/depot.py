"""What the checks of this set share: labkit's server, and packers that get killed.

A check imports it by ``importlib``, since the folder's name is no identifier.
"""

import contextlib
import importlib
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from labkit._checks.rig import until
from labkit.manager import QueueManager

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("packer.py")
POSIX = os.name == "posix"
PATIENCE_S = 3.0
# What our own lines in a packer's output begin with; the rest is the answer's.
OURS = "@ "


class Depot:
    """A queue server of labkit's in a process of its own."""

    def __init__(self, address=("127.0.0.1", 0), authkey=None):
        # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
        context = multiprocessing.get_context(
            "fork" if sys.platform == "linux" else "spawn"
        )
        self.manager = QueueManager(address, authkey or os.urandom(16), ctx=context)
        self.manager.start()
        self.address = self.manager.address
        self.authkey = bytes(self.manager._authkey)
        self._names = (f"queue {number}" for number in itertools.count(1))

    def queue(self, holding=()):
        """Host a new queue; its proxy knows its ``name``."""
        name = next(self._names)
        proxy = self.manager.get_queue(name)
        proxy.name = name
        proxy.put_many(list(holding))
        return proxy

    def packer(self, answer, function, orders, **job):
        """Run a function of the answer, on that queue, in a process of its own."""
        place = {"address": self.address, "key": self.authkey.hex()}
        return Packer(
            {
                "answer": str(answer._path),
                "function": function,
                "queue": orders.name,
                **place,
                **job,
            }
        )

    def stop(self):
        """Stop it as SIGTERM does: whoever waits is told."""
        self.manager.shutdown()

    def kill(self):
        """End it at once, as a power cut would."""
        self.manager._process.kill()
        self.manager._process.join()


@pytest.fixture
def depot():
    """Lend a server."""
    depot = Depot()
    yield depot
    depot.kill()


def open_orders(orders):
    """Count what is not acknowledged: on a receipt, or back since a thread ended."""
    numbers = orders.stats()
    return numbers.unacked + numbers.depth


def _started():
    return subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )


class _Forked:
    """As the program started, but forked from this process: 10 ms instead of 200."""

    def __init__(self):
        reading, writing = os.pipe(), os.pipe()
        ends = (reading[0], writing[1], reading[1], writing[0])
        self._child = multiprocessing.get_context("fork").Process(
            target=_be_the_program, args=ends
        )
        self._child.start()
        for end in ends[:2]:
            os.close(end)
        self.stdin = os.fdopen(reading[1], "w", encoding="utf-8")
        self.stdout = os.fdopen(writing[0], encoding="utf-8", errors="replace")

    def poll(self):
        return self._child.exitcode

    def terminate(self):
        self._child.terminate()

    def kill(self):
        self._child.kill()

    def communicate(self):
        self._child.join()
        with contextlib.suppress(OSError):
            self.stdin.close()


def _be_the_program(stdin, stdout, *others):
    for end in others:
        os.close(end)
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.dup2(stdout, 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", 1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", closefd=False)
    shared = importlib.import_module("exercises.checks.08_survive_failures.packer")
    shared._main()


class Packer:
    """The answer in a process of its own, until it is killed."""

    def __init__(self, job):
        self.lines = []
        self._process = _Forked() if sys.platform == "linux" else _started()
        self._tell(json.dumps(job))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _tell(self, text):
        try:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended, which the check is going to see

    def calls(self):
        """Return what it has called on the queue so far."""
        begin = OURS + "call "
        return [x.removeprefix(begin) for x in self.lines if x.startswith(begin)]

    def said(self):
        """Return what the answer itself printed, errors included."""
        return "\n".join(x for x in self.lines if not x.startswith(OURS))

    def did(self, what):
        """Wait until it has done something; False if it has ended without it."""

        def done():
            return any(line.startswith(OURS + what) for line in self.lines)

        until(lambda: done() or not self._reader.is_alive())
        return done()

    def go_on(self):
        """Let the work at hand come to its end."""
        self._tell("go on")

    def terminate(self):
        """Send SIGTERM."""
        if POSIX:
            self._process.terminate()
        else:
            self._tell("terminate")

    def ends(self, within_s=PATIENCE_S):
        """Wait for its end; return its exit code, or None if it goes on."""
        until(lambda: self._process.poll() is not None, within_s)
        if self._process.poll() is not None:
            self._reader.join(1)
        return self._process.poll()

    def kill(self):
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.communicate()
