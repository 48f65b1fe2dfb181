"""One connection of the manager protocol: a 4-byte length, then a pickle."""

import pickle
import select
import socket
import struct
from collections.abc import Callable
from typing import Any

__all__ = ["QuietSocket", "Wire"]

_LENGTH = struct.Struct("!i")
_LONG_LENGTH = struct.Struct("!Q")
_READ_SIZE = 1 << 16
_PIECE = 1 << 20  # a length header alone never makes us allocate more than this
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

    Attributes
    ----------
    busy : bool
        A request was sent whose answer has not been read to its end. Such a wire
        is out of step and must be thrown away.
    """

    __slots__ = ("_has_news", "_left", "busy", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._left = b""
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
        if self._left or not self._has_news():
            return False
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def send(self, obj: Any) -> None:
        """Send one object as a pickle."""
        self.send_bytes(pickle.dumps(obj))

    def recv(self) -> Any:
        """Receive one object; EOFError when the other side has closed."""
        return pickle.loads(self.recv_bytes())  # noqa: S301 - the protocol is pickles

    def send_bytes(self, body: bytes) -> None:
        """Send one message: its length, then its bytes."""
        size = len(body)
        if size > 0x7FFFFFFF:
            header = _LENGTH.pack(-1) + _LONG_LENGTH.pack(size)
        else:
            header = _LENGTH.pack(size)
        if size < _JOIN_BELOW:
            self.sock.sendall(header + body)
        else:
            self.sock.sendall(header)
            self.sock.sendall(body)

    def recv_bytes(self, maxlength: int | None = None) -> bytes | memoryview:
        """Receive one message, of any length or of ``maxlength`` bytes at most.

        Raises
        ------
        EOFError
            The other side has closed between two messages.
        OSError
            It has closed within one, or the message is longer than ``maxlength``.
        """
        data: bytes | bytearray = self._left or self._read(_READ_SIZE)
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
        end = start + size
        if len(data) < end:
            data = self._at_least(end, data)
        self._left = bytes(data[end:])
        return memoryview(data)[start:end]

    def _read(self, size: int) -> bytes:
        return self.sock.recv(size)

    def _at_least(self, size: int, data: bytes | bytearray) -> bytes | bytearray:
        if len(data) >= size:
            return data
        grown = bytearray(data)
        while len(grown) < size:
            piece = self._read(min(size - len(grown), _PIECE))
            if not piece:
                raise OSError("the connection ended within a message")
            grown += piece
        return grown


def _news_of(sock: socket.socket) -> Callable[[], object]:
    """Return a quick test, made once, for data or an end to be read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([sock], [], [], 0)[0]
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return lambda: poller.poll(0)
