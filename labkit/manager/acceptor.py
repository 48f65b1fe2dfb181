"""Who gets in: one thread accepts every connection and checks its key.

The standard library starts a thread for each connection before it knows who is
there. Clients that say nothing then cost a thread each, for ever. Here a connection
is *pending* until it has proved that it holds the key: it costs one descriptor, in
one selector, for as long as the deadline allows.
"""

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Callable, Generator, Iterator
from multiprocessing import AuthenticationError
from pathlib import Path
from typing import Any

from labkit.manager import wire
from labkit.manager.handshake import FAILURE, LONGEST, server_side

BACKLOG = 1024  # the standard library's 16, up to 3.12, loses clients of a burst
MAX_PENDING = 1024  # beyond, the one that has waited longest is dropped
MIN_STAY_S = 0.25  # but nobody is dropped sooner than an honest client needs
PAUSE_S = 0.05  # without accepting, when the system has no descriptor left


class Listener:
    """A bound and listening socket; the acceptor does the accepting."""

    def __init__(self, address: wire.Address, backlog: int = BACKLOG) -> None:
        self.sock = wire.QuietSocket(wire.family_of(address), socket.SOCK_STREAM)
        self._path = Path(address) if isinstance(address, str) else None
        if self._path is not None:
            with socket.socket(socket.AF_UNIX) as probe:
                # A killed server leaves its socket file behind; nobody answers there.
                if probe.connect_ex(address) == errno.ECONNREFUSED:
                    self._path.unlink()
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(address)
        self.sock.listen(max(backlog, BACKLOG))
        name = self.sock.getsockname()
        self.address: wire.Address = name if isinstance(name, str) else name[:2]

    def close(self) -> None:
        """Stop listening; the address is free again at once."""
        if self.sock.fileno() >= 0:
            self.sock.close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)


class Acceptor:
    """Accept connections, run their handshakes side by side, hand over the honest.

    Each authenticated socket, blocking, goes to ``admit``, which must not block.
    """

    def __init__(
        self,
        listeners: list[Listener],
        authkey: bytes,
        admit: Callable[[socket.socket], None],
    ) -> None:
        self.listeners = listeners
        self.authkey = authkey
        self.admit = admit
        self.silence_s = wire.SILENCE_S  # then a client whose host is silent is gone
        # With the time of their arrival, in its order: the first runs out first.
        self._pending: dict[socket.socket, float] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def stop(self) -> None:
        """Make :meth:`run` return; safe from any thread and signal handler."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def run(self) -> None:
        """Accept connections until :meth:`stop`."""
        for sock in (self._wakeup, *(listener.sock for listener in self.listeners)):
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ)
            wire.closed_in_children.add(sock)
        wire.closed_in_children.update((self._waker, self._selector))
        try:
            while True:
                pause = MIN_STAY_S if self._pending else None
                for key, _ in self._selector.select(pause):
                    if key.fileobj is self._wakeup:
                        return
                    if key.data is None:
                        self._accept(key.fileobj)
                    elif key.fileobj in self._pending:  # not dropped just now
                        self._go_on(key.fileobj, key.data)
                self._drop_the_late()
        finally:  # those that were handed over are the server's to close
            for listener in self.listeners:
                listener.close()
            for sock in (*self._pending, self._wakeup, self._waker):
                sock.close()
            self._selector.close()

    def _accept(self, listener: Any) -> None:
        try:
            if len(self._pending) >= MAX_PENDING:
                raise OSError("no room")  # noqa: TRY301 - as if the system had none
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            # No descriptor, or no room, is left. Wait for one rather than spin.
            time.sleep(PAUSE_S)
            return
        sock.setblocking(False)
        steps = self._shake_hands(sock)
        self._pending[sock] = time.monotonic()
        wire.closed_in_children.add(sock)
        self._selector.register(sock, selectors.EVENT_READ, steps)
        self._go_on(sock, steps)

    def _go_on(self, sock: Any, steps: Iterator[bool]) -> None:
        try:
            is_done = next(steps, True)
        except Exception:  # noqa: BLE001 - whatever one client does is its own affair
            self._drop(sock)
            return
        if is_done:
            self._forget(sock)
            sock.setblocking(True)
            self.admit(wire.QuietSocket(fileno=sock.detach()))

    def _shake_hands(self, sock: socket.socket) -> Iterator[bool]:
        """Speak the server's part; yield False where it has to wait for the client."""
        wire.prepare(sock, self.silence_s)
        handshake = server_side(self.authkey)
        message = next(handshake)
        while True:
            _send(sock, message)
            (size,) = wire.LENGTH.unpack((yield from _exactly(sock, wire.LENGTH.size)))
            if not 0 < size <= LONGEST:
                raise OSError("bad message length")
            answer = yield from _exactly(sock, size)
            try:
                message = handshake.send(answer)
            except StopIteration:
                return
            except AuthenticationError:
                _send(sock, FAILURE)
                raise

    def _drop_the_late(self) -> None:
        while self._pending:
            first, since = next(iter(self._pending.items()))
            is_full = len(self._pending) >= MAX_PENDING
            stay_s = MIN_STAY_S if is_full else wire.HANDSHAKE_DEADLINE_S
            if time.monotonic() < since + stay_s:
                return
            self._drop(first)

    def _forget(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        del self._pending[sock]

    def _drop(self, sock: socket.socket) -> None:
        self._forget(sock)
        sock.close()


def _send(sock: socket.socket, message: bytes) -> None:
    # A few dozen bytes always fit an idle socket's buffer; if they do not, the
    # peer does not read, and BlockingIOError drops it.
    packet = wire.LENGTH.pack(len(message)) + message
    if sock.send(packet) != len(packet):
        raise BlockingIOError


def _exactly(sock: socket.socket, size: int) -> Generator[bool, None, bytes]:
    # Never past the message at hand: what follows belongs to the server.
    data = b""
    while len(data) < size:
        try:
            piece = sock.recv(size - len(data))
        except BlockingIOError:
            yield False
            continue
        if not piece:
            raise EOFError
        data += piece
    return data
