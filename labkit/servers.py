"""A manager server in a background process, from a notebook or a program."""

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Self

from labkit._managers import keys
from labkit._servers.children import ServerChild
from labkit._servers.namesakes import Namesakes
from labkit.managers import QueueManager, QueueStats, connect
from labkit.transport import Address, Nearby, shown

__all__ = ["ServerProcess", "start_server"]

_running = Namesakes()


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
    journal : pathlib.Path or None
        The file that keeps its queues, if any.

    Notes
    -----
    However this process ends, even by SIGKILL, the server ends with it, for it
    watches a pipe that only this process holds.
    """

    def __init__(
        self, name: str, address: Address, authkey: bytes, journal: Path | None = None
    ) -> None:
        self.name = name
        self.journal = journal
        self.address = address
        self.authkey = keys.check_authkey(authkey)
        # A Unix socket is quicker than TCP on loopback; connect() takes it.
        self._folder = _private_folder() if isinstance(address, tuple) else None
        self._child: ServerChild
        self._start()

    def _start(self) -> None:
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "nearby": self._folder and str(self._folder / "lab"),
            "address": self.address,
            "authkey": bytes(self.authkey).hex(),
            "journal": None if self.journal is None else str(self.journal),
        }
        try:
            self._child = ServerChild(f"server {self.name!r}", settings)
        except BaseException:
            self._clean_up()
            raise
        _running.add(self)
        address = self._child.ready["address"]
        self.address = address if isinstance(address, str) else tuple(address)

    @property
    def log(self) -> str:
        """What the server printed last, up to 200 lines."""
        return "\n".join(self._child.log)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return int(self._child.ready["pid"])

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._child.process.poll() is None

    def connect(self, retry_for: float = 0.0) -> QueueManager:
        """Return a connected manager; see :func:`labkit.connect`.

        Where the system has Unix sockets it goes by one: it is quicker than TCP.
        """
        address = self.address
        if self._folder is not None and (self._folder / "lab").exists():
            address = Nearby(str(self._folder / "lab"), address)
        return connect(address, self.authkey, retry_for)

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
        self._child.stop()
        _running.discard(self)
        self._clean_up()

    def _clean_up(self) -> None:
        if self._folder is not None:  # a killed server leaves its socket there
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL): what it held is lost."""
        with contextlib.suppress(OSError):  # it ended before
            os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self.stop()

    def restart(self) -> None:
        """Stop it if it runs, and start it with the same address and key."""
        self.stop()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"running, pid {self.pid}" if self.is_alive() else "stopped"
        return f"<ServerProcess {self.name!r} at {shown(self.address)}, {state}>"


def start_server(
    address: Address = ("127.0.0.1", 0),
    authkey: bytes | None = None,
    *,
    name: str = "default",
    journal: str | Path | None = None,
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
    journal : str or pathlib.Path or None, default None
        File that keeps the queues, so that a server killed and started again with
        the same file loses nothing that ``put`` had answered.

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
    JournalError
        Another server uses the journal, or the file is no journal.
    ServerStartError
        The server ended, or said nothing, before it was ready.
    """
    key = keys.new_key() if authkey is None else keys.check_authkey(authkey)
    keys.check_strength(key, address)  # before an old server is stopped for this one
    _running.make_way(name)
    return ServerProcess(
        name, address, key, None if journal is None else Path(journal).resolve()
    )


def _private_folder() -> Path | None:
    """Return a new folder for a Unix socket; None where there are none."""
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        return None
    folder = Path(tempfile.mkdtemp(prefix="labkit-"))
    if len(str(folder)) < 90:  # of the 104 characters that the system allows
        return folder
    folder.rmdir()
    return None
