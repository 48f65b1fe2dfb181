"""One connection of the manager protocol: a 4-byte length, then a pickle."""

import pickle
import select
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["QuietSocket", "Wire", "opened"]

_LENGTH = struct.Struct("!i")
_LONG_LENGTH = struct.Struct("!Q")
_READ_SIZE = 1 << 16
_PIECE = 1 << 26  # a length header alone never makes us ask for more memory
_AT_ONCE = 256  # pieces in one system call; the systems' limit is 1,024
_ROOM = 1 << 24  # bytes that a wire keeps for large messages, at most
_FULL_STOP = ord(".")  # the last byte of every pickle
_HANG_UP = getattr(select, "POLLRDHUP", 0)  # Linux's; elsewhere an end shows later
_MOST_BESIDE = 255  # buffers in a message; their number is one byte
_JOIN_BELOW = 1 << 16  # bytes; below, one copy is cheaper than a second buffer


class QuietSocket(socket.socket):
    """A socket that closes when it is dropped, as the standard library's connections.

    A bare socket warns instead, which is noise for somebody who drops a proxy.
    """

    def __del__(self) -> None:
        self.close()


class Wire:
    """One connection: whole messages in, whole messages out.

    Has the methods of ``multiprocessing.connection.Connection`` that managers use.

    Parameters
    ----------
    sock : socket.socket
        Connected; the wire owns it from now on.
    reuse : bool, default False
        Whether large messages are read into one and the same memory. New memory
        costs more than the copy, for the system must clear each page of it. Then
        what :meth:`recv_bytes` returned is good only until the next message.

    Attributes
    ----------
    busy : bool
        A request was sent whose answer has not been read to its end. Such a wire
        is out of step and must be thrown away.
    """

    __slots__ = ("_has_news", "_left", "_room", "_was_large", "busy", "sock")

    def __init__(self, sock: socket.socket, reuse: bool = False) -> None:
        self.sock = sock
        self._room = bytearray() if reuse else None
        self._left = b""
        self._was_large = False
        self._has_news = _news_of(sock)
        self.busy = False

    @property
    def closed(self) -> bool:
        """Whether this side has closed it."""
        return self.sock.fileno() < 0

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self.sock.fileno()

    def close(self) -> None:
        """Close this side; safe to call twice."""
        self.sock.close()

    def is_gone(self) -> bool:
        """Tell whether the other side has closed or vanished, without waiting."""
        news = self._has_news()
        if news and news[0][1] & _HANG_UP:
            return True  # also where something it sent before is still to be read
        if self._left or not news:
            return False
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def send(self, obj: Any) -> None:
        """Send one object as a pickle."""
        self.send_bytes(pickle.dumps(obj))

    def send_beside(self, obj: Any, pieces: Sequence[bytes] = ()) -> None:
        """Send one object, the buffers in it uncopied, to a peer that is labkit's.

        Every ``pickle.PickleBuffer`` in it travels behind the pickle, in the same
        message: pickle, buffers, their lengths, their number. A pickle ends with a
        full stop and such a message does not, so the peer can tell.

        Parameters
        ----------
        obj : object
            Can be pickled.
        pieces : sequence of bytes, optional
            What to send, one after the other, in place of its only buffer.
        """
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(obj, protocol=5, buffer_callback=buffers.append)
        if not buffers:
            self.send_bytes(head)
            return
        if len(buffers) > _MOST_BESIDE:
            self.send_bytes(pickle.dumps(obj, protocol=5))
            return
        views: list[Any] = [buffer.raw() for buffer in buffers]
        lengths = [len(view) for view in views]
        if pieces:
            views, lengths = list(pieces), [sum(map(len, pieces))]
        sizes = b"".join(map(_LONG_LENGTH.pack, lengths))
        self._send_pieces([head, *views, sizes + bytes([len(lengths), 0])])

    def recv(self) -> Any:
        """Receive one object; EOFError when the other side has closed."""
        return opened(self.recv_bytes())

    def send_bytes(self, body: bytes) -> None:
        """Send one message: its length, then its bytes."""
        if len(body) < _JOIN_BELOW:
            self.sock.sendall(_LENGTH.pack(len(body)) + body)
        else:
            self._send_pieces([body])

    def _send_pieces(self, pieces: list[Any]) -> None:
        size = sum(map(len, pieces))
        if size > 0x7FFFFFFF:
            header = _LENGTH.pack(-1) + _LONG_LENGTH.pack(size)
        else:
            header = _LENGTH.pack(size)
        rest = [memoryview(piece) for piece in (header, *pieces) if len(piece)]
        rest.reverse()  # to take pieces off the end, which is quick
        while rest:
            sent = _send_some(self.sock, rest[: -_AT_ONCE - 1 : -1])
            while rest and sent >= len(rest[-1]):
                sent -= len(rest.pop())
            if sent:
                rest[-1] = rest[-1][sent:]

    def recv_bytes(self, maxlength: int | None = None) -> memoryview:
        """Receive one message, of any length or of ``maxlength`` bytes at most.

        Raises
        ------
        EOFError
            The other side has closed between two messages.
        OSError
            It has closed within one, or the message is longer than ``maxlength``.
        """
        # After a large message another is likely: then its body is read in one
        # piece into its place. Else one read gets header and body together.
        data = self._left or self.sock.recv(4 if self._was_large else _READ_SIZE)
        if not data:
            raise EOFError("the other side has closed the connection")
        data = self._at_least(4, data)
        (size,) = _LENGTH.unpack_from(data)
        start = 4
        if size == -1:
            data = self._at_least(12, data)
            (size,) = _LONG_LENGTH.unpack_from(data, 4)
            start = 12
        if size < 0 or (maxlength is not None and size > maxlength):
            raise OSError(f"bad message length: {size} bytes")
        self._was_large = size > _READ_SIZE
        end = start + size
        self._left = data[end:]
        if len(data) == start:
            return self._body(size)
        return memoryview(self._at_least(end, data))[start:end]

    def _body(self, size: int) -> memoryview:
        """Return the next ``size`` bytes, read in one piece into their place."""
        if self._room is None or size > _ROOM:
            return memoryview(self._at_least(size, b""))
        if len(self._room) < size:
            self._room = bytearray(size)
        body = memoryview(self._room)[:size]
        done = 0
        while done < size:
            came = self.sock.recv_into(body[done:], 0, socket.MSG_WAITALL)
            if not came:
                raise OSError("the connection ended within a message")
            done += came
        return body

    def _at_least(self, size: int, data: bytes) -> bytes:
        """Return ``data`` and what follows it, ``size`` bytes or more."""
        if len(data) >= size:
            return data
        pieces = [data] if data else []
        missing = size - len(data)
        while missing:
            piece = self.sock.recv(min(missing, _PIECE), socket.MSG_WAITALL)
            if not piece:
                raise OSError("the connection ended within a message")
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def opened(message: memoryview) -> Any:
    """Return the object in a message, whether or not buffers lie beside it.

    Raises
    ------
    Exception
        Whatever unpickling raises.
    """
    if not len(message) or message[-1] == _FULL_STOP:
        return pickle.loads(message)  # noqa: S301 - the protocol is pickles
    count = message[-2]
    end = len(message) - 2 - 8 * count
    sizes = [_LONG_LENGTH.unpack_from(message, end + 8 * n)[0] for n in range(count)]
    start = end - sum(sizes)
    if start < 0:
        raise pickle.UnpicklingError("the message is shorter than it says")
    buffers = []
    where = start
    for size in sizes:
        buffers.append(message[where : where + size])
        where += size
    return pickle.loads(message[:start], buffers=buffers)  # noqa: S301 - as above


def _send_some(sock: socket.socket, views: list[memoryview]) -> int:
    """Send a part of the views; return how many bytes."""
    if hasattr(sock, "sendmsg"):
        return sock.sendmsg(views)
    return sock.send(views[0])  # Windows


def _news_of(sock: socket.socket) -> Callable[[], list[tuple[int, int]]]:
    """Return a quick test, made once, for data or an end to be read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: [(0, 0) for _ in select.select([sock], [], [], 0)[0]]
    poller = select.poll()
    poller.register(sock, select.POLLIN | _HANG_UP)
    return lambda: poller.poll(0)
