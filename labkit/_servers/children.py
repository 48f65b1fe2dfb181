"""The server's process, seen from the process that started it."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from labkit import errors

__all__ = ["ServerChild"]

READY_WITHIN_S = 15.0
STOPPED_WITHIN_S = 2.0

# Tell glibc, where it is the C library, to keep up to 128 MiB that were freed: to
# get a page again costs the server more than to copy a large item through it.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}

_alive: "weakref.WeakSet[ServerChild]" = weakref.WeakSet()


class ServerChild:
    """One server process, which ends when its standard input ends.

    Parameters
    ----------
    name : str
        For error messages.
    settings : dict
        What it reads, a key included, from its standard input.
    command : sequence of str
        Its module and arguments, after ``python -m``.

    Attributes
    ----------
    process : subprocess.Popen
    ready : dict
        What the server reported when it was ready.
    log : collections.deque of str
        The last 200 lines it printed.

    Raises
    ------
    LabkitError
        What kept the server from starting.
    """

    def __init__(
        self,
        name: str,
        settings: dict[str, Any],
        command: Sequence[str] = ("labkit", "serve", "--supervised"),
    ) -> None:
        self.ready: dict[str, Any] = {}
        self.log: deque[str] = deque(maxlen=200)
        self._name, self._asking = name, threading.Lock()
        self._has_spoken = threading.Event()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.process = _spawn(command)
        _alive.add(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with contextlib.suppress(OSError):  # it ended at once; its output says why
            _pipe(self.process.stdin).write(json.dumps(settings) + "\n")
            _pipe(self.process.stdin).flush()
        in_time = self._has_spoken.wait(READY_WITHIN_S)
        if self.ready.get("event") != "ready":
            self.process.kill()
            self.stop()
            raise self._start_error(name, in_time)

    def _read(self) -> None:
        for line in _pipe(self.process.stdout):
            try:
                event = json.loads(line)
                kind = event["event"]
            except (ValueError, TypeError, KeyError):
                self.log.append(line.rstrip("\n"))
                continue
            if kind == "log":
                self.log.append(event["message"])
            elif kind == "answer":
                self._answers.put(event)
            else:
                self.ready = event
                self._has_spoken.set()
        self._has_spoken.set()
        self._answers.put({})

    def ask(self, call: str, *args: object) -> Any:
        """Order something over its standard input; return what it answers.

        Raises
        ------
        ServerStoppedError
            It has ended, or does not answer.
        """
        with (
            self._asking,
            contextlib.suppress(OSError, ValueError, KeyError, queue.Empty),
        ):
            order = json.dumps({"call": call, "args": args}) + "\n"
            _pipe(self.process.stdin).write(order)
            _pipe(self.process.stdin).flush()
            return self._answers.get(timeout=READY_WITHIN_S)["value"]
        self.process.kill()  # an answer that came later would be taken for the next
        raise errors.ServerStoppedError(
            f"{self._name} has ended, or does not answer; start it again"
        )

    def _start_error(self, name: str, in_time: bool) -> Exception:
        if self.ready.get("event") == "failed":
            kind = getattr(errors, self.ready["kind"], errors.ServerStartError)
            error: Exception = kind(self.ready["message"])
            return error
        if not in_time:
            return errors.ServerStartError(
                f"{name} was not ready after {READY_WITHIN_S:g} s; "
                "the machine may be overloaded: try again"
            )
        said = "\n".join(self.log) or "(nothing)"
        return errors.ServerStartError(
            f"{name} ended before it was ready; it said:\n{said}"
        )

    def stop(self) -> None:
        """End its input, and wait; after 2 seconds, kill it. Safe to call twice."""
        with contextlib.suppress(OSError):
            _pipe(self.process.stdin).close()
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(STOPPED_WITHIN_S)
        _pipe(self.process.stdout).close()
        _alive.discard(self)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - _spawn asks for pipes
    return stream


def _spawn(command: Sequence[str]) -> "subprocess.Popen[str]":
    # -P, and the folder of this very package in the path: a learner's queue.py
    # beside the notebook must not stand in for the standard library's.
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**_KEEP_MEMORY, **os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Out of reach of the Ctrl-C, or stop button, that is meant for this process.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _let_go() -> None:
    """Close, in a forked child, the pipes by which servers know their parent lives."""
    for child in list(_alive):
        with contextlib.suppress(OSError):
            os.close(_pipe(child.process.stdin).fileno())
    _alive.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
