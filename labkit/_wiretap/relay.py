"""Forward connections byte by byte, and have what passes recorded."""

import contextlib
import os
import selectors
import socket
import tempfile
import threading
from pathlib import Path

from labkit._wiretap.conversations import TO_CLIENT, TO_SERVER
from labkit._wiretap.recordings import Recording
from labkit.transport import Address, Listener, family_of, prepare

__all__ = ["Relay"]

_CHUNK = 1 << 18  # bytes read at once; no more than this waits in a direction
_PAUSE_S = 0.02  # when no descriptor is left, or the server's backlog is full
_TRIES = 50  # to reach a Unix socket


class _Way:
    """One direction of a connection."""

    def __init__(self, name: str, source: socket.socket, to: socket.socket) -> None:
        self.name = name
        self.source = source
        self.to = to
        self.pending = memoryview(b"")  # read, and not yet accepted by the other side
        self.ended = False


class _Link:
    """One connection: the client's socket, ours to the server, both ways."""

    def __init__(
        self, number: int, client: socket.socket, server: socket.socket
    ) -> None:
        self.number, self.client, self.server = number, client, server
        self.up = _Way(TO_SERVER, client, server)
        self.down = _Way(TO_CLIENT, server, client)
        self.is_connecting = True
        self.watched: dict[socket.socket, int] = {client: 0, server: 0}

    def wanted(self) -> dict[socket.socket, int]:
        """Return the events to watch for on each socket."""
        if self.is_connecting:
            return {self.client: 0, self.server: selectors.EVENT_WRITE}
        events = {self.client: 0, self.server: 0}
        for way in (self.up, self.down):
            if way.pending:
                events[way.to] |= selectors.EVENT_WRITE
            elif not way.ended:
                events[way.source] |= selectors.EVENT_READ
        return events

    def is_over(self) -> bool:
        """Tell whether both sides have ended and everything has arrived."""
        return all(way.ended and not way.pending for way in (self.up, self.down))


class Relay:
    """Listen on loopback and forward each connection to a server, in one thread.

    Parameters
    ----------
    target : tuple of (str, int) or str
        The server's address. For a Unix socket the relay listens on one too, in a
        folder that only this user can enter.
    recording : Recording
        Told of everything, in the relay's thread.

    Attributes
    ----------
    address : tuple of (str, int) or str
        Where clients connect.

    Notes
    -----
    A direction that its reader does not empty is not read either, so that little
    waits here. An end of file is passed on in its direction; the other goes on until
    it ends too.
    """

    def __init__(self, target: Address, recording: Recording) -> None:
        self._family = family_of(target)
        self._target = target
        self._recording = recording
        self._folder = None
        where: Address = ("127.0.0.1", 0)
        if isinstance(target, str):
            self._folder = tempfile.TemporaryDirectory(prefix="labkit-tap-")
            where = str(Path(self._folder.name) / "socket")
        self._listener = Listener(where)
        self.address = self._listener.address
        self._listener.sock.setblocking(False)
        self._links: set[_Link] = set()
        self._count = 0
        self._bell, self._rope = socket.socketpair()
        self._closing = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up every connection and stop listening; safe to call twice."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._rope.send(b"!")
        self._thread.join()

    def _run(self) -> None:
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self._listener.sock, selectors.EVENT_READ, self._accept)
        try:
            while not self._closing.is_set():
                for key, events in self._selector.select():
                    if isinstance(key.data, _Link):
                        self._attend(key.data, key.fileobj, events)
                    elif key.data is not None:
                        key.data()
        finally:
            self._close_all()

    def _close_all(self) -> None:
        for link in list(self._links):
            self._hang_up(link)
        for thing in (self._listener, self._selector, self._bell, self._rope):
            thing.close()
        if self._folder is not None:
            self._folder.cleanup()

    # A connection's life.

    def _accept(self) -> None:
        try:
            client, _ = self._listener.sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:  # no descriptor is left: wait rather than spin
            self._closing.wait(_PAUSE_S)
            return
        self._count += 1
        try:
            self._join(client)
        except OSError as error:
            self._recording.refused(self._count, error)
            client.close()

    def _join(self, client: socket.socket) -> None:
        server = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            link = _Link(self._count, prepare(client), prepare(server))
            client.setblocking(False)
            self._dial(server)
        except OSError:
            server.close()
            raise
        self._links.add(link)
        self._watch(link)

    def _dial(self, server: socket.socket) -> None:
        server.setblocking(False)
        for _ in range(_TRIES):
            try:
                server.connect(self._target)
            except BlockingIOError:
                if isinstance(self._target, str):  # full, which no selector waits for
                    self._closing.wait(_PAUSE_S)
                    continue
            return
        raise TimeoutError("it accepts no connection")

    def _attend(self, link: _Link, sock: object, events: int) -> None:
        # Another socket of the same round may have hung up the link.
        if link not in self._links:
            return
        try:
            if link.is_connecting:
                self._finish_dialing(link)
            if events & selectors.EVENT_WRITE:
                self._push(link.up if sock is link.server else link.down)
            if events & selectors.EVENT_READ:
                self._carry(link, link.up if sock is link.client else link.down)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._hang_up(link)
            return
        if link.is_over():
            self._hang_up(link)
        else:
            self._watch(link)

    def _finish_dialing(self, link: _Link) -> None:
        number = link.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            error = OSError(number, os.strerror(number))
            self._recording.refused(link.number, error)
            raise error
        link.is_connecting = False

    def _carry(self, link: _Link, way: _Way) -> None:
        chunk = way.source.recv(_CHUNK)
        if chunk:
            way.pending = memoryview(chunk)
        else:
            way.ended = True
        # Forwarded first, to lose no time; who received it finds it heard all the same,
        # for whoever asks what was heard takes the lock.
        with self._recording.lock:
            with contextlib.suppress(BlockingIOError):
                self._push(way)
            self._recording.hear(link.number, way.name, chunk)

    def _push(self, way: _Way) -> None:
        if way.pending:
            way.pending = way.pending[way.to.send(way.pending) :]
        if way.ended and not way.pending:
            with contextlib.suppress(OSError):
                way.to.shutdown(socket.SHUT_WR)

    def _watch(self, link: _Link) -> None:
        for sock, events in link.wanted().items():
            before, link.watched[sock] = link.watched[sock], events
            if before == events:
                continue
            if not before:
                self._selector.register(sock, events, link)
            elif not events:
                self._selector.unregister(sock)
            else:
                self._selector.modify(sock, events, link)

    def _hang_up(self, link: _Link) -> None:
        self._links.discard(link)
        for sock, events in link.watched.items():
            if events:
                self._selector.unregister(sock)
            # A forked child may hold a copy; this ends the connection all the same.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for way in (link.up, link.down):
            if not way.ended:
                self._recording.hear(link.number, way.name, b"")
