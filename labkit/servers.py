"""A manager server in a background process, from a notebook or a program."""

import atexit
import contextlib
import io
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import Any, Self

from labkit import errors, supervised
from labkit.manager import Address, QueueManager, QueueStats, connect, keys, shown
from labkit.manager.wire import Nearby

_READY_WITHIN_S = 15.0
_STOPPED_WITHIN_S = 2.0

_running: "weakref.WeakSet[ServerProcess]" = weakref.WeakSet()


class ServerProcess:
    """A queue server in its own process: :func:`start_server`. It is ready at once.

    A context manager that stops it. However this process ends, even by SIGKILL, the
    server ends with it.

    Parameters
    ----------
    address : tuple of (str, int) or str, default ("127.0.0.1", 0)
        Where to listen: host and port, 0 for a free one, or a Unix socket's path.
    authkey : bytes or None, default None
        The key clients must hold; ``None`` makes 32 random bytes.
    name : str, default "default"
        In a notebook, a running server of the same name is stopped first, so that
        a cell can be run again.
    journal : str or pathlib.Path or None, default None
        File that keeps the queues, so that a server killed and started again with
        the same file loses nothing that ``put`` had answered.

    Attributes
    ----------
    address, authkey, name, journal
        As given, but with the real port, and a key whose text form does not show it.
    pid : int
        Its process id, or the one it had.

    Raises
    ------
    KeyTypeError
        ``authkey`` is not ``bytes``.
    WeakKeyError
        The key is too weak for an address that other machines can reach.
    AddressInUseError
        Another program listens there.
    JournalError
        Another server uses the journal, or the file is no journal.
    ServerStartError
        The server ended, or said nothing, before it was ready.
    """

    _process: Any

    def __init__(
        self,
        address: Address = ("127.0.0.1", 0),
        authkey: bytes | None = None,
        *,
        name: str = "default",
        journal: str | Path | None = None,
    ) -> None:
        # Under its own name: a traceback that shows locals must not show the key.
        authkey = keys.new_key() if authkey is None else keys.check_authkey(authkey)
        keys.check_strength(authkey, address)  # before it takes an old server's place
        self.name, self.address, self.authkey = name, address, authkey
        self.journal = None if journal is None else Path(journal).resolve()
        for old in list(_running) if _in_notebook() else ():  # a cell is run again
            if old.name == name:
                old.stop()
        # A Unix socket is quicker than TCP on loopback; connect() takes it.
        self._folder = _private_folder() if isinstance(address, tuple) else None
        self._serve()

    def _serve(self) -> None:
        if self._folder:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "address": self.address,
            "authkey": bytes(self.authkey).hex(),
            "journal": self.journal and str(self.journal),
            "nearby": self._folder and str(self._folder / "lab"),
        }
        self._log: deque[str] = deque(maxlen=200)
        self._process = supervised.start("labkit", "serve", "--supervised")
        answer: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(answer,), daemon=True)
        self._reader.start()
        try:
            with contextlib.suppress(OSError):  # it ended; its output says why
                self._process.stdin.write(json.dumps(settings).encode() + b"\n")
            said: dict[str, Any] = {}
            with contextlib.suppress(queue.Empty):
                said = json.loads(answer.get(timeout=_READY_WITHIN_S))
        except BaseException:
            self.kill()
            raise
        if "pid" not in said:
            self.kill()
            kind = getattr(errors, said.get("labkit", ""), errors.ServerStartError)
            late = f"ended, or was not ready within {_READY_WITHIN_S:g} s; it said:"
            last = f"server {self.name!r} {late}\n{self.log or '(nothing)'}"
            raise kind(said.get("message", last))
        address, self.pid = said["labkit"], said["pid"]
        self.address = address if isinstance(address, str) else tuple(address)
        _running.add(self)

    def _read(self, answer: "queue.SimpleQueue[bytes]") -> None:
        """Read its first line for the starter, and the others for the log."""
        with io.BufferedReader(self._process.stdout) as lines:
            for line in lines:
                if line.startswith(b'{"labkit":'):
                    answer.put(line)
                else:
                    self._log.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        answer.put(b"{}")

    def connect(self, retry_for: float = 0.0) -> QueueManager:
        """Return a connected manager; see :func:`labkit.connect`.

        Where the system has Unix sockets it goes by one: it is quicker than TCP.
        """
        if not self._folder or not (self._folder / "lab").exists():
            return connect(self.address, self.authkey, retry_for)
        near = Nearby(self._folder / "lab")
        near.address = self.address
        return connect(near, self.authkey, retry_for)

    def stats(self) -> dict[str, QueueStats]:
        """Return the numbers of every queue, by name.

        ``"tasks"`` is the queue of ``get_task_queue()``, ``"results"`` that of
        ``get_result_queue()``.
        """
        return dict(self.connect().client.ask("all_stats"))

    @property
    def log(self) -> str:
        """What the server printed last, up to 200 lines."""
        return "\n".join(self._log)

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def write_key_file(self, path: str | Path) -> Path:
        """Write the key where another program can read it, and only its owner.

        Parameters
        ----------
        path : str or pathlib.Path
            Replaced if it exists; hexadecimal text, mode 0600.
        """
        return keys.write_key_file(path, self.authkey)

    def stop(self) -> None:
        """End it: calls under way are answered, waiting ones get a clear error.

        Safe to call twice. A server that does not end in 2 seconds is killed.
        """
        self._process.stdin.close()
        try:
            self._process.wait(_STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_STOPPED_WITHIN_S)
        _running.discard(self)
        if self._folder:  # a killed server leaves its socket there
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL): what it held is lost."""
        self._process.kill()
        self.stop()

    def restart(self) -> None:
        """Stop it if it runs, and start it with the same address and key."""
        self.stop()
        self._serve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"running, pid {self.pid}" if self.is_alive() else "stopped"
        return f"<ServerProcess {self.name!r} at {shown(self.address)}, {state}>"


start_server = ServerProcess


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


@atexit.register
def _stop_all() -> None:
    for server in list(_running):
        server.stop()


def _private_folder() -> Path | None:
    """Return a new folder for a Unix socket; None where there are none."""
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        return None
    for old in Path(tempfile.gettempdir()).glob("labkit-server-[0-9]*-*"):
        try:
            os.kill(int(old.name.split("-")[2]), 0)
        except ProcessLookupError:  # its starter has gone
            with socket.socket(socket.AF_UNIX) as sock:
                if sock.connect_ex(str(old / "lab")):  # and its server
                    shutil.rmtree(old, ignore_errors=True)
        except OSError:  # somebody else's
            pass
    folder = Path(tempfile.mkdtemp(prefix=f"labkit-server-{os.getpid()}-"))
    if len(str(folder)) < 90:  # of the 104 characters that the system allows
        return folder
    folder.rmdir()
    return None
