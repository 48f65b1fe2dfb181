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
import struct
import time
from collections.abc import Callable
from multiprocessing import AuthenticationError
from pathlib import Path
from typing import Any

from labkit.manager import wire
from labkit.manager.handshake import FAILURE, LONGEST, server_side

__all__ = ["Acceptor", "Listener"]

_LENGTH = struct.Struct("!i")
BACKLOG = 1024  # the standard library's 16, up to 3.12, loses clients of a burst
MAX_PENDING = 1024  # beyond, the one that has waited longest is dropped
MIN_STAY_S = 0.25  # but nobody is dropped sooner than an honest client needs
PAUSE_S = 0.05  # without accepting, when the system has no descriptor left


class Listener:
    """A bound and listening socket; the acceptor does the accepting."""

    def __init__(self, address: wire.Address, backlog: int = BACKLOG) -> None:
        family = wire.family_of(address)
        self._path = Path(address) if isinstance(address, str) else None
        if self._path is not None and self._is_abandoned():
            self._path.unlink()
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            elif self._path is None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(max(backlog, BACKLOG))
            self.sock = socket.socket(fileno=sock.detach())
        name = self.sock.getsockname()
        self.address: wire.Address = name if isinstance(name, str) else name[:2]

    def _is_abandoned(self) -> bool:
        # A killed server leaves its socket file behind; nobody answers there.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._path)) == errno.ECONNREFUSED

    def close(self) -> None:
        """Stop listening; the address is free again at once."""
        if self.sock.fileno() >= 0:
            self.sock.close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)


class _Pending:
    """A connection whose handshake is not finished."""

    def __init__(self, sock: socket.socket, authkey: bytes) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.since = time.monotonic()
        self._handshake = server_side(authkey)
        self._received = bytearray()
        self._wanted = _LENGTH.size
        self._send(next(self._handshake))

    def _send(self, message: bytes) -> None:
        # A few dozen bytes always fit an idle socket's buffer; if they do not, the
        # peer does not read, and BlockingIOError drops it.
        packet = _LENGTH.pack(len(message)) + message
        if self.sock.send(packet) != len(packet):
            raise BlockingIOError

    def read(self) -> bool:
        """Read what there is; return True once the handshake is finished.

        Never reads past the message at hand: what follows belongs to the server.
        """
        with contextlib.suppress(BlockingIOError, InterruptedError):
            while piece := self.sock.recv(self._wanted - len(self._received)):
                self._received += piece
                if len(self._received) == self._wanted and self._is_done():
                    return True
            raise EOFError
        return False

    def _is_done(self) -> bool:
        if self._wanted == _LENGTH.size:
            (size,) = _LENGTH.unpack(self._received)
            if not 0 < size <= LONGEST:
                raise OSError("bad message length")
            self._wanted += size
            return False
        message = bytes(self._received[_LENGTH.size :])
        self._received.clear()
        self._wanted = _LENGTH.size
        try:
            self._send(self._handshake.send(message))
        except StopIteration:
            return True
        except AuthenticationError:
            self._send(FAILURE)
            raise
        return False


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
        # In the order of their arrival, so the first is also the first to run out.
        self._pending: dict[socket.socket, _Pending] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._stopping = False

    def stop(self) -> None:
        """Make :meth:`run` return; safe from any thread and signal handler."""
        self._stopping = True
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
            while not self._stopping:
                pause = MIN_STAY_S if self._pending else None
                for key, _ in self._selector.select(pause):
                    if key.fileobj is self._wakeup:
                        self._wakeup.recv(64)
                    elif key.data is None:
                        self._accept(key.fileobj)
                    elif key.fileobj in self._pending:  # not dropped just now
                        self._read(key.data)
                self._drop_the_late()
        finally:
            self.close()

    def close(self) -> None:
        """Close every socket here; the handed over ones are the server's."""
        for listener in self.listeners:
            listener.close()
        for sock in (*self._pending, self._wakeup, self._waker):
            sock.close()
        self._pending.clear()
        self._selector.close()

    def _accept(self, listener: Any) -> None:
        try:
            if len(self._pending) >= MAX_PENDING:
                raise OSError("no room")  # noqa: TRY301 - as if the system had none
            sock, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:
            # No descriptor, or no room, is left. Wait for one rather than spin.
            time.sleep(PAUSE_S)
            return
        try:
            wire.prepare(sock, self.silence_s)
            pending = _Pending(sock, self.authkey)
        except Exception:  # noqa: BLE001 - as below
            sock.close()
            return
        self._pending[sock] = pending
        wire.closed_in_children.add(sock)
        self._selector.register(sock, selectors.EVENT_READ, pending)

    def _read(self, pending: _Pending) -> None:
        try:
            if not pending.read():
                return
        except Exception:  # noqa: BLE001 - whatever one client does is its own affair
            self._drop(pending)
            return
        self._forget(pending)
        pending.sock.setblocking(True)
        self.admit(wire.QuietSocket(fileno=pending.sock.detach()))

    def _drop_the_late(self) -> None:
        now = time.monotonic()
        while self._pending:
            first = next(iter(self._pending.values()))
            stay = (
                MIN_STAY_S
                if len(self._pending) >= MAX_PENDING
                else wire.HANDSHAKE_DEADLINE_S
            )
            if now < first.since + stay:
                return
            self._drop(first)

    def _forget(self, pending: _Pending) -> None:
        self._selector.unregister(pending.sock)
        del self._pending[pending.sock]

    def _drop(self, pending: _Pending) -> None:
        self._forget(pending)
        pending.sock.close()
