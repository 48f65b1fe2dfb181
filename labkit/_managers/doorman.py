"""Who gets in: one thread accepts every connection and checks its key.

The standard library starts a thread for each connection before it knows who is
there. Strangers that say nothing then cost a thread each, for ever. Here they cost
one descriptor each, in one selector, for as long as the deadline allows.
"""

import collections
import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable
from multiprocessing import AuthenticationError

from labkit._transport.handshake import FAILURE, LONGEST, server_side
from labkit._transport.wire import QuietSocket
from labkit.transport import HANDSHAKE_DEADLINE_S, SILENCE_S, Listener, prepare

__all__ = ["Doorman"]

_LENGTH = struct.Struct("!i")
MAX_WAITING = 1024  # strangers at the door; beyond, the one who waits longest goes
MIN_STAY_S = 0.25  # but nobody is sent away sooner than an honest client needs
PAUSE_S = 0.05  # without accepting, when the system has no descriptor left


class _Stranger:
    """A connection whose handshake is not finished."""

    def __init__(self, sock: socket.socket, authkey: bytes, deadline_s: float) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.since = time.monotonic()
        self.until = self.since + deadline_s
        self._talk = server_side(authkey)
        self._came = bytearray()
        self._wanted = _LENGTH.size
        self._send(next(self._talk))

    def _send(self, message: bytes) -> None:
        # A few dozen bytes always fit an idle socket's buffer; if they do not, the
        # peer does not read, and BlockingIOError sends it away.
        packet = _LENGTH.pack(len(message)) + message
        if self.sock.send(packet) != len(packet):
            raise BlockingIOError

    def listen(self) -> bool:
        """Read what has come; return True once the handshake is finished.

        Never reads past the message at hand: what follows belongs to the server.
        """
        with contextlib.suppress(BlockingIOError, InterruptedError):
            while piece := self.sock.recv(self._wanted - len(self._came)):
                self._came += piece
                if len(self._came) == self._wanted and self._is_done():
                    return True
            raise EOFError
        return False

    def _is_done(self) -> bool:
        if self._wanted == _LENGTH.size:
            (size,) = _LENGTH.unpack(self._came)
            if not 0 < size <= LONGEST:
                raise OSError("bad message length")
            self._wanted += size
            return False
        message = bytes(self._came[_LENGTH.size :])
        self._came.clear()
        self._wanted = _LENGTH.size
        try:
            self._send(self._talk.send(message))
        except StopIteration:
            return True
        except AuthenticationError:
            self._send(FAILURE)
            raise
        return False


class Doorman:
    """Accept connections, run their handshakes side by side, hand over the honest.

    Parameters
    ----------
    listeners : list of Listener
        Closed when :meth:`run` returns.
    authkey : bytes
        The key of this server.
    admit : callable
        Called with each authenticated, blocking socket, in the thread of
        :meth:`run`; it must not block.
    deadline_s : float, default 5.0
        Seconds that a stranger has to prove who it is.

    Attributes
    ----------
    silence_s : float
        Seconds after which a client whose host answers nothing counts as gone; what
        it had received goes back to its queue then.
    """

    def __init__(
        self,
        listeners: list[Listener],
        authkey: bytes,
        admit: Callable[[socket.socket], None],
        deadline_s: float = HANDSHAKE_DEADLINE_S,
    ) -> None:
        self.listeners = listeners
        self.authkey = authkey
        self.admit = admit
        self.deadline_s = deadline_s
        self.silence_s = SILENCE_S
        # In the order of their coming, so the first is also the first to run out.
        self._waiting: collections.OrderedDict[socket.socket, _Stranger]
        self._waiting = collections.OrderedDict()
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._is_open = False  # whether the listeners are in the selector
        self._closed_until = 0.0
        self._stopping = False

    def stop(self) -> None:
        """Make :meth:`run` return; safe from any thread and signal handler."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    def run(self) -> None:
        """Serve the door until :meth:`stop`."""
        for listener in self.listeners:
            listener.sock.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        try:
            while not self._stopping:
                self._open_or_close()
                for key, _ in self._selector.select(self._nap()):
                    if isinstance(key.data, Listener):
                        self._accept(key.data)
                    elif key.fileobj in self._waiting:  # not sent away just now
                        self._hear(key.data)
                self._send_away_the_late()
        finally:
            for listener in self.listeners:
                listener.close()
            for stranger in list(self._waiting.values()):
                self._send_away(stranger)
            self._selector.close()
            self._bell.close()
            self._rope.close()

    def _nap(self) -> float | None:
        now = time.monotonic()
        ends = [self._closed_until] if self._closed_until > now else []
        if self._waiting:
            first = next(iter(self._waiting.values()))
            full = len(self._waiting) >= MAX_WAITING
            ends.append(first.since + MIN_STAY_S if full else first.until)
        return max(min(ends) - now, 0.0) if ends else None

    def _open_or_close(self) -> None:
        full = len(self._waiting) >= MAX_WAITING
        want = not full and time.monotonic() >= self._closed_until
        if want != self._is_open:
            for listener in self.listeners:
                if want:
                    self._selector.register(
                        listener.sock, selectors.EVENT_READ, listener
                    )
                else:
                    self._selector.unregister(listener.sock)
        self._is_open = want

    def _accept(self, listener: Listener) -> None:
        try:
            sock, _ = listener.sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:
            # No descriptor is left. Make room, and wait rather than spin.
            if self._waiting:
                self._send_away(next(iter(self._waiting.values())))
            self._closed_until = time.monotonic() + PAUSE_S
            return
        try:
            prepare(sock, self.silence_s)
            stranger = _Stranger(sock, self.authkey, self.deadline_s)
        except OSError:
            sock.close()
            return
        self._waiting[sock] = stranger
        self._selector.register(sock, selectors.EVENT_READ, stranger)

    def _hear(self, stranger: _Stranger) -> None:
        try:
            if not stranger.listen():
                return
        except (AuthenticationError, EOFError, OSError):
            self._send_away(stranger)
            return
        self._forget(stranger)
        stranger.sock.setblocking(True)
        self.admit(QuietSocket(fileno=stranger.sock.detach()))

    def _send_away_the_late(self) -> None:
        now = time.monotonic()
        while self._waiting:
            first = next(iter(self._waiting.values()))
            stay = MIN_STAY_S if len(self._waiting) >= MAX_WAITING else self.deadline_s
            if now < first.since + stay:
                return
            self._send_away(first)

    def _forget(self, stranger: _Stranger) -> None:
        self._selector.unregister(stranger.sock)
        del self._waiting[stranger.sock]

    def _send_away(self, stranger: _Stranger) -> None:
        self._forget(stranger)
        stranger.sock.close()
