"""Forward connections byte by byte, and let somebody listen."""

import contextlib
import selectors
import socket
import tempfile
import threading
from pathlib import Path
from typing import Protocol

from labkit.conversations import TO_CLIENT, TO_SERVER
from labkit.transport import Address, Listener, family_of, prepare

__all__ = ["Listening", "Relay"]

_CHUNK = 1 << 18  # bytes read at once; no more than this waits in a direction
_PAUSE_S = 0.05  # when the system has no descriptor left
_UNIX_CONNECT_S = 1.0  # a selector cannot wait for a Unix socket's full backlog


class Listening(Protocol):
    """Somebody who is told what passes; called in the relay's thread."""

    def hear(self, connection: int, direction: str, chunk: bytes) -> None:
        """Take bytes that were forwarded; empty when the direction has ended."""

    def refused(self, connection: int, error: OSError) -> None:
        """Learn that the server could not be reached."""


class _Way:
    """One direction of a connection."""

    def __init__(self, name: str, source: socket.socket, to: socket.socket) -> None:
        self.name = name
        self.source = source
        self.to = to
        self.pending = memoryview(b"")  # read, and not yet accepted by the other side
        self.ended = False


class _Link:
    """One connection: the client's socket, ours to the server, and both ways."""

    def __init__(
        self, number: int, client: socket.socket, server: socket.socket
    ) -> None:
        self.number = number
        self.client = client
        self.server = server
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
    listening : Listening
        Who is told of everything; must not block.

    Attributes
    ----------
    address : tuple of (str, int) or str
        Where clients connect.

    Notes
    -----
    Bytes are forwarded first and told afterwards. A direction that its reader does
    not empty is not read either, so that little waits here. An end of file is
    passed on in its direction; the other goes on until it ends too.
    """

    def __init__(self, target: Address, listening: Listening) -> None:
        self._family = family_of(target)
        self._target = target
        self._listening = listening
        self._folder: tempfile.TemporaryDirectory[str] | None = None
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
        self._listener.close()
        self._selector.close()
        self._bell.close()
        self._rope.close()
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
        server = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            link = _Link(self._count, prepare(client), prepare(server))
            client.setblocking(False)
            self._dial(server)
        except OSError as error:
            self._listening.refused(self._count, error)
            client.close()
            server.close()
            return
        self._links.add(link)
        self._watch(link)

    def _dial(self, server: socket.socket) -> None:
        if isinstance(self._target, str):
            server.settimeout(_UNIX_CONNECT_S)
            server.connect(self._target)
        server.setblocking(False)
        if not isinstance(self._target, str):
            with contextlib.suppress(BlockingIOError):
                server.connect(self._target)

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
            error = OSError(number, "cannot connect")
            self._listening.refused(link.number, error)
            raise error
        link.is_connecting = False

    def _carry(self, link: _Link, way: _Way) -> None:
        chunk = way.source.recv(_CHUNK)
        if chunk:
            way.pending = memoryview(chunk)
        else:
            way.ended = True
        with contextlib.suppress(BlockingIOError):
            self._push(way)
        self._listening.hear(link.number, way.name, chunk)

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
                self._listening.hear(link.number, way.name, b"")
