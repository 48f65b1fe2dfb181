"""Pass connections on to a server, and let somebody hear what goes by."""

import contextlib
import itertools
import socket
import socketserver
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from labkit.manager.wire import Address, family_of, prepare
from labkit.tap.decode import TO_CLIENT, TO_SERVER

_CHUNK = 1 << 18  # bytes read at once; no more than this waits in a direction
_LOOK_S = 0.05  # how often it looks whether it shall end
_REACH_S = 5.0


class Relay(socketserver.ThreadingTCPServer):
    """Listen on loopback and pass each connection on, with a thread for each direction.

    ``hear(connection, direction, chunks)`` gets each direction to its end; a chunk is
    passed on when the next one is asked for.
    """

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self,
        target: Address,
        hear: Callable[[int, str, Iterator[bytes]], object],
        refuse: Callable[[int, OSError], object],
    ) -> None:
        self._target, self._hear, self._refuse = target, hear, refuse
        self._family = family_of(target)
        self._numbers = itertools.count(1)
        self._closing = threading.Event()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._folder = contextlib.ExitStack()
        where: Any = ("127.0.0.1", 0)
        if isinstance(target, str):
            folder = tempfile.TemporaryDirectory(prefix="labkit-tap-")
            where = f"{self._folder.enter_context(folder)}/socket"
            self.address_family = self._family
        super().__init__(where, socketserver.BaseRequestHandler)
        self.address: Any = self.server_address
        self._thread = threading.Thread(
            target=self.serve_forever, args=[_LOOK_S], daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Hang up every connection and stop listening. Safe to call twice."""
        self._closing.set()
        for sock in list(self._open):
            _hang_up(sock)
        self.shutdown()
        self._thread.join()
        self.server_close()
        self._folder.close()

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Pass a connection on, in its own thread."""
        number = next(self._numbers)
        with socket.socket(self._family) as server:
            self._open.update((request, server))
            if self._closing.is_set():
                return
            try:
                # A Unix socket waits for its turn only where it has no deadline.
                deadline = None if isinstance(self._target, str) else _REACH_S
                prepare(server).settimeout(deadline)
                server.connect(self._target)
                server.settimeout(None)
            except OSError as error:
                self._refuse(number, error)
                return
            work = (number, TO_CLIENT, _chunks(server, prepare(request)))
            back = threading.Thread(target=self._hear, args=work, daemon=True)
            back.start()
            self._hear(number, TO_SERVER, _chunks(request, server))
            back.join()


def _chunks(source: socket.socket, to: socket.socket) -> Iterator[bytes]:
    """Yield what comes, and then pass it on: who has it finds it recorded."""
    try:
        while chunk := source.recv(_CHUNK):
            yield chunk
            to.sendall(chunk)
        to.shutdown(socket.SHUT_WR)  # the other direction goes on until it ends, too
    except OSError:
        _hang_up(source)
        _hang_up(to)


def _hang_up(sock: socket.socket) -> None:
    # Not closed: another thread waits for it, and a forked child may hold a copy.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
