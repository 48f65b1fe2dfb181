"""Pass connections on to a server, and let somebody hear what goes by."""

import contextlib
import itertools
import socket
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from labkit.manager import Address, Listener, family_of, prepare
from labkit.tap.decode import TO_CLIENT, TO_SERVER

__all__ = ["Relay"]

_CHUNK = 1 << 18  # bytes read at once; no more than this waits in a direction
_PAUSE_S = 0.02  # when no descriptor is left, or a Unix socket's backlog is full
_REACH_S = 5.0


class Relay:
    """Listen on loopback and pass each connection on, with a thread for each direction.

    For a server at a Unix socket it listens at one too, in a folder that only this
    user can enter. ``address`` is where clients connect.

    ``hear(connection, direction, chunks)`` gets each direction to its end, in its
    thread; a chunk is passed on when the next one is asked for. ``refuse(connection,
    error)`` learns that the server could not be reached.
    """

    def __init__(
        self,
        target: Address,
        hear: Callable[[int, str, Iterator[bytes]], object],
        refuse: Callable[[int, OSError], object],
    ) -> None:
        self._target, self._hear, self._refuse = target, hear, refuse
        self._family = family_of(target)
        self._things = contextlib.ExitStack()
        where: Address = ("127.0.0.1", 0)
        if isinstance(target, str):
            folder = tempfile.TemporaryDirectory(prefix="labkit-tap-")
            where = str(Path(self._things.enter_context(folder)) / "socket")
        listener = self._things.enter_context(contextlib.closing(Listener(where)))
        self.address, self._door = listener.address, listener.sock
        self._closing = threading.Event()
        # May be taken twice: whichever thread drops a tap that nobody holds closes it.
        self._lock = threading.RLock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Hang up every connection and stop listening, without waiting for it."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            for sock in list(self._open):
                _hang_up(sock)
        # Nothing but a connection wakes accept() on every system.
        with contextlib.suppress(OSError), socket.socket(self._door.family) as bell:
            bell.connect(self.address)

    def close(self) -> None:
        """Hang up, stop listening, and wait until nobody can connect any more."""
        self.stop()
        if self._accepting is not threading.current_thread():
            self._accepting.join()

    def _accept(self) -> None:
        numbers = itertools.count(1)
        with self._things:
            while not self._closing.is_set():
                try:
                    client, _ = self._door.accept()
                except OSError:  # no descriptor is left, or a client that has gone
                    self._closing.wait(_PAUSE_S)
                else:
                    work = (client, next(numbers))
                    threading.Thread(target=self._serve, args=work, daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        with client, socket.socket(self._family) as server:
            with self._lock:
                self._open.update((client, server))
            try:
                self._reach(server)
            except OSError as error:
                if not self._closing.is_set():
                    self._refuse(number, error)
                return
            prepare(client)
            work = (number, TO_CLIENT, _chunks(server, client))
            back = threading.Thread(target=self._hear, args=work, daemon=True)
            back.start()
            self._hear(number, TO_SERVER, _chunks(client, server))
            back.join()

    def _reach(self, server: socket.socket) -> None:
        prepare(server).settimeout(_REACH_S)
        for _ in range(round(_REACH_S / _PAUSE_S)):
            if self._closing.is_set():
                raise ConnectionAbortedError("the tap is closed")
            with contextlib.suppress(BlockingIOError):
                server.connect(self._target)
                server.settimeout(None)
                return
            self._closing.wait(_PAUSE_S)
        raise TimeoutError("it accepts no connection")


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
