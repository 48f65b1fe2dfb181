"""The servers of one kind that run from this process; none of them outlives it."""

import atexit
import sys
import weakref
from typing import Protocol

__all__ = ["Namesakes"]


class _Server(Protocol):
    name: str

    def stop(self) -> None: ...


class Namesakes:
    """Servers by name; in a notebook only one of a name runs at a time."""

    def __init__(self) -> None:
        self._running: weakref.WeakSet[_Server] = weakref.WeakSet()
        atexit.register(self._stop_all)

    def add(self, server: _Server) -> None:
        """Keep a server that has started, without keeping it from being collected."""
        self._running.add(server)

    def discard(self, server: _Server) -> None:
        """Forget a server that has stopped."""
        self._running.discard(server)

    def make_way(self, name: str) -> None:
        """Stop, in a notebook, the server of that name: its cell is run again."""
        if in_notebook():
            for old in [server for server in self._running if server.name == name]:
                old.stop()

    def _stop_all(self) -> None:
        for server in list(self._running):
            server.stop()


def in_notebook() -> bool:
    """Tell whether IPython runs here, where a cell may be run again."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
