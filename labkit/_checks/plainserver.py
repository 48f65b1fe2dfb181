"""The fixture ``server`` of check files: a plain standard-library manager server.

Nothing of labkit's own server is in it: an answer is plain
:mod:`multiprocessing.managers` code, and is checked against exactly that.
"""

import itertools
import multiprocessing
import multiprocessing.connection
import os
import queue
import socket
import sys
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from multiprocessing.managers import BaseManager
from typing import Any

__all__ = ["QueueServer", "send_without_delay"]


class _Manager(BaseManager):
    """The manager of a checks' server."""


_hosted: dict[str, "queue.Queue[Any]"] = {}  # filled in the server process only


def _host(name: str, maxsize: int = 0) -> "queue.Queue[Any]":
    return _hosted.setdefault(name, queue.Queue(maxsize))


_Manager.register("get_queue", callable=_host)


def _context() -> BaseContext:
    # Forking takes 3 ms, and the process of the checks is small; elsewhere spawn
    # works, since everything above can be imported.
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


class QueueServer:
    """A plain standard-library manager server in a process of its own."""

    def __init__(self) -> None:
        self._manager = _Manager(
            address=("127.0.0.1", 0), authkey=os.urandom(16), ctx=_context()
        )
        self._manager.start()
        self._names = (f"queue {number}" for number in itertools.count(1))

    def queue(self, holding: Sequence[object] = (), maxsize: int = 0) -> Any:
        """Host a new queue.

        Parameters
        ----------
        holding : sequence
            Items that are in it from the start.
        maxsize : int
            As for ``queue.Queue``; 0 means no bound.

        Returns
        -------
        proxy of queue.Queue
        """
        proxy = self._manager.get_queue(next(self._names), maxsize)  # type: ignore[attr-defined]
        for item in holding:
            proxy.put(item)
        return proxy

    def kill(self) -> None:
        """End the server's process at once, as a power cut would. Idempotent."""
        process = self._manager._process  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public name
        process.kill()
        process.join()


def send_without_delay() -> None:
    """Set TCP_NODELAY on every connection that this process makes to a manager.

    Without it each connection costs three pauses of 44 ms (Nagle's algorithm against
    delayed acknowledgements), and a check would spend its second waiting for them.
    Only timing differs.
    """

    def prompt(address: tuple[str, int]) -> multiprocessing.connection.Connection:
        with socket.create_connection(address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return multiprocessing.connection.Connection(connection.detach())

    plain = multiprocessing.connection.SocketClient  # type: ignore[attr-defined]

    def dial(address: Any) -> Any:
        return prompt(address) if isinstance(address, tuple) else plain(address)

    multiprocessing.connection.SocketClient = dial  # type: ignore[attr-defined]
