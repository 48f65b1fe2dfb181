"""A manager server in a background process, from a notebook or a program."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from labkit import errors, keys
from labkit.managers import QueueManager, QueueStats, connect
from labkit.transport import Address, shown

__all__ = ["ServerProcess", "start_server"]

READY_WITHIN_S = 15.0
STOPPED_WITHIN_S = 2.0

_running: "weakref.WeakSet[ServerProcess]" = weakref.WeakSet()


class ServerProcess:
    """A queue server that runs in a process of its own, until you stop it.

    Made by :func:`start_server`. A context manager: leaving the block stops it.

    Attributes
    ----------
    name : str
        For people, and to replace a server of the same name in a notebook.
    address : tuple of (str, int) or str
        Where it listens, with the real port.
    authkey : bytes
        Its key; its text form does not show it.

    Notes
    -----
    However this process ends, even by SIGKILL, the server ends with it, for it
    watches a pipe that only this process holds.
    """

    def __init__(self, name: str, address: Address, authkey: bytes) -> None:
        self.name = name
        self.address = address
        self.authkey = keys.check_authkey(authkey)
        self._log: deque[str] = deque(maxlen=200)
        self._start()

    def _start(self) -> None:
        self._ready: dict[str, Any] = {}
        self._has_spoken = threading.Event()
        self._process = _spawn()
        self._reader = threading.Thread(
            target=self._read, args=(self._process,), daemon=True
        )
        self._reader.start()
        _running.add(self)
        settings = {"address": self.address, "authkey": bytes(self.authkey).hex()}
        with contextlib.suppress(OSError):  # it ended at once; _read knows why
            assert self._process.stdin is not None  # noqa: S101 - for the type checker
            self._process.stdin.write(json.dumps(settings) + "\n")
            self._process.stdin.flush()
        in_time = self._has_spoken.wait(READY_WITHIN_S)
        if self._ready.get("event") != "ready":
            self.kill()
            raise self._start_error(in_time)
        address = self._ready["address"]
        self.address = address if isinstance(address, str) else tuple(address)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        for line in process.stdout:
            try:
                event = json.loads(line)
                kind = event["event"]
            except (ValueError, TypeError, KeyError):
                self._log.append(line.rstrip("\n"))
                continue
            if kind == "log":
                self._log.append(event["message"])
            else:
                self._ready = event
                self._has_spoken.set()
        self._has_spoken.set()

    def _start_error(self, in_time: bool) -> Exception:
        if self._ready.get("event") == "failed":
            kind = getattr(errors, self._ready["kind"], errors.ServerStartError)
            error: Exception = kind(self._ready["message"])
            return error
        if not in_time:
            return errors.ServerStartError(
                f"server {self.name!r} was not ready after {READY_WITHIN_S:g} s; "
                "the machine may be overloaded: try again"
            )
        return errors.ServerStartError(
            f"server {self.name!r} ended before it was ready; it said:\n{self.log}"
        )

    @property
    def log(self) -> str:
        """What the server printed last, up to 200 lines."""
        return "\n".join(self._log)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def connect(self, retry_for: float = 0.0) -> QueueManager:
        """Return a connected manager; see :func:`labkit.connect`."""
        return connect(self.address, self.authkey, retry_for)

    def stats(self) -> dict[str, QueueStats]:
        """Return the numbers of every queue, by name.

        ``"tasks"`` is the queue of ``get_task_queue()``, ``"results"`` that of
        ``get_result_queue()``.
        """
        numbers: dict[str, QueueStats] = self.connect().ask("all_stats")
        return numbers

    def write_key_file(self, path: str | Path) -> Path:
        """Write the key where another program can read it, and only its owner.

        Parameters
        ----------
        path : str or pathlib.Path
            Replaced if it exists; hexadecimal text, mode 0600.
        """
        return keys.write_key_file(path, self.authkey)

    def stop(self) -> None:
        """Stop it: calls under way are answered, waiting ones get a clear error.

        Safe to call twice. A server that does not end in 2 seconds is killed.
        """
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOPPED_WITHIN_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        _running.discard(self)

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL): what it held is lost."""
        self._process.kill()
        self.stop()

    def restart(self) -> None:
        """Stop it if it runs, and start it with the same address and key."""
        self.stop()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"running, pid {self.pid}" if self.is_alive() else "stopped"
        return f"<ServerProcess {self.name!r} at {shown(self.address)}, {state}>"


def start_server(
    address: Address = ("127.0.0.1", 0),
    authkey: bytes | None = None,
    *,
    name: str = "default",
) -> ServerProcess:
    """Start a queue server in a background process; it is ready on return.

    Parameters
    ----------
    address : tuple of (str, int) or str, default ("127.0.0.1", 0)
        Where to listen: host and port, 0 for a free one, or a Unix socket's path.
    authkey : bytes or None, default None
        The key clients must hold; ``None`` makes 32 random bytes.
    name : str, default "default"
        In a notebook, a running server of the same name is stopped first, so that
        a cell can be run again.

    Returns
    -------
    ServerProcess

    Raises
    ------
    KeyTypeError
        ``authkey`` is not ``bytes``.
    WeakKeyError
        The key is too weak for an address that other machines can reach.
    AddressInUseError
        Another program listens there.
    ServerStartError
        The server ended, or said nothing, before it was ready.
    """
    key = keys.new_key() if authkey is None else keys.check_authkey(authkey)
    if _in_notebook():
        for old in [server for server in _running if server.name == name]:
            old.stop()
    return ServerProcess(name, address, key)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def _spawn() -> "subprocess.Popen[str]":
    # -P, and the folder of this very package in the path: a learner's queue.py
    # beside the notebook must not stand in for the standard library's.
    here = str(Path(__file__).resolve().parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "labkit", "serve", "--supervised"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Out of reach of the Ctrl-C, or stop button, that is meant for this process.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _stop_all() -> None:
    for server in list(_running):
        server.stop()


def _forget_all() -> None:
    """Close, in a forked child, the pipes by which the servers know their parent."""
    for server in list(_running):
        stdin = server._process.stdin  # noqa: SLF001 - of this module
        if stdin is not None:
            with contextlib.suppress(OSError):
                os.close(stdin.fileno())
    _running.clear()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
