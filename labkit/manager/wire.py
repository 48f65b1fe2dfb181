"""The manager protocol on a socket: whole messages in, whole messages out.

Same bytes as the standard library: a 4-byte length, then a pickle. Different around
them: TCP_NODELAY on both sides (without it every message above 16 KiB and every
connect waits about 44 ms for a delayed acknowledgement), one write per message, IPv6,
and large buffers that travel uncopied.

References
----------
CPython ``Lib/multiprocessing/connection.py``, 3.8 to 3.14.
"""

import operator
import pickle
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

__all__ = [
    "SERIALIZER",
    "Address",
    "Connection",
    "Nearby",
    "Recipe",
    "family_of",
    "loads",
    "pack",
    "prepare",
    "ship",
    "shown",
    "unpack",
]

SERIALIZER = "labkit"  # our name in multiprocessing.managers.listener_client
HANDSHAKE_DEADLINE_S = 5.0
SILENCE_S = 30.0

Address = tuple[str, int] | str


# Addresses.


class Nearby(str):
    """The path of a second, quicker way to a server that is known by ``address``."""

    __slots__ = ("address",)
    address: Address

    def __new__(cls, path: str, address: Address) -> Self:
        """Return the path with the address that people know."""
        self = super().__new__(cls, path)
        self.address = address
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str, Address]]:
        return type(self), (str(self), self.address)


def shown(address: object) -> str:
    """Return the address as people write it: ``host:port``, or a path."""
    match address:
        case Nearby():
            return shown(address.address)
        case (str(host), int(port)):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(address)


def family_of(address: Address) -> socket.AddressFamily:
    """Return the socket family of an address, as the manager writes addresses.

    Parameters
    ----------
    address : tuple of (str, int) or str
        Host and port, IPv4 or IPv6, or the path of a Unix socket.

    Raises
    ------
    ValueError
        It is neither, or a Unix socket on a system without them.
    OSError
        The host name is unknown.
    """
    if isinstance(address, str):
        if not hasattr(socket, "AF_UNIX"):
            raise ValueError(
                f"{address!r} is the path of a Unix socket, which this system does "
                'not have; use ("127.0.0.1", 0)'
            )
        return socket.AF_UNIX
    match address:
        case (str(host), int(port)) if 0 <= port <= 65535:
            found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)
            families = {info[0] for info in found}
            return socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    raise ValueError(
        f"{address!r} is no address; give (host, port) with a port of 0 to 65535, "
        "or the path of a Unix socket"
    )


# Sockets.


class QuietSocket(socket.socket):
    """A socket that closes when it is dropped, as the standard library's connections.

    A bare socket warns instead, which is noise for somebody who drops a proxy.
    """

    def __del__(self) -> None:
        self.close()


def prepare(sock: socket.socket, silence_s: float = SILENCE_S) -> socket.socket:
    """Set the options that a request-and-answer protocol needs.

    Parameters
    ----------
    sock : socket.socket
    silence_s : float, default 30.0
        Seconds, 1 or more, after which a host that answers nothing counts as gone: a
        lost cable sends no end of file. On Linux this includes a program that leaves
        the rest of a large message unread for so long.
    """
    if sock.family == getattr(socket, "AF_UNIX", None):
        return sock
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {
        "TCP_NODELAY": 1,
        "TCP_KEEPIDLE": silence_s / 2,  # an idle line is left alone for so long,
        "TCP_KEEPALIVE": silence_s / 2,  # which macOS calls by this name,
        "TCP_KEEPINTVL": silence_s / 6,  # then asked three times
        "TCP_KEEPCNT": 3,
        # A line with data under way is not idle: Linux sends them again and again,
        # for a quarter of an hour, unless it is given a limit, in milliseconds.
        "TCP_USER_TIMEOUT": silence_s * 1000,
    }.items():
        if hasattr(socket, name):
            number = max(round(value), 1)
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), number)
    return sock


# Messages.

_LENGTH = struct.Struct("!i")
_LONG_LENGTH = struct.Struct("!Q")
_READ_SIZE = 1 << 16
_PIECE = 1 << 26  # a length header alone never makes us ask for more memory
_AT_ONCE = 256  # buffers in one system call; the systems' limit is 1,024
_ROOM = 1 << 24  # bytes that a connection keeps for large messages, at most
_FULL_STOP = ord(".")  # the last byte of every pickle
_HANG_UP = getattr(select, "POLLRDHUP", 0)  # Linux's; elsewhere an end shows later
_MOST_BUFFERS = 255  # in a message; their number is one byte
_JOIN_BELOW = 1 << 16  # bytes; below, one copy is cheaper than a second buffer


class Connection:
    """One connection of the manager protocol.

    Has the methods of ``multiprocessing.connection.Connection`` that managers use.

    Parameters
    ----------
    sock : socket.socket
        Connected; the connection owns it from now on.
    reuse : bool, default False
        Whether large messages are read into one and the same memory. New memory
        costs more than the copy, for the system must clear each page of it. Then
        what :meth:`recv_bytes` returned is good only until the next message.

    Attributes
    ----------
    busy : bool
        A request was sent whose answer has not been read to its end. Such a
        connection is out of step and must be thrown away.
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
            return True  # even where something it sent before is still to be read
        if self._left or not news:
            return False
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def send(self, obj: Any) -> None:
        """Send one object as a pickle."""
        self.send_bytes(pickle.dumps(obj))

    def send_with_buffers(self, obj: Any) -> None:
        """Send one object, the buffers in it uncopied, to a peer that is labkit's.

        Every ``pickle.PickleBuffer`` in it travels behind the pickle, in the same
        message: pickle, buffers, their lengths, their number. A pickle ends with a
        full stop and such a message does not, so the peer can tell.
        """
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(obj, protocol=5, buffer_callback=buffers.append)
        if not buffers:
            self.send_bytes(head)
        elif len(buffers) > _MOST_BUFFERS:
            self.send_bytes(pickle.dumps(obj, protocol=5))
        else:
            views = [buffer.raw() for buffer in buffers]
            sizes = b"".join(_LONG_LENGTH.pack(len(view)) for view in views)
            self._send_pieces([head, *views, sizes + bytes([len(views), 0])])

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

    def recv(self) -> Any:
        """Receive one object; EOFError when the other side has closed."""
        return loads(self.recv_bytes())

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


def loads(message: memoryview) -> Any:
    """Return the object in a message, with the buffers behind it if there are any.

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


# Parcels: items on their way. The server keeps them as they came, unopened.

BESIDE_FROM = 1 << 15  # bytes; below, a copy is cheaper than a buffer of its own

pack = pickle.dumps  # of a list of items


def ship(blob: bytes | memoryview) -> Any:
    """Return a pickled list ready to be sent: a large one goes behind the message."""
    return blob if len(blob) < BESIDE_FROM else pickle.PickleBuffer(blob)


def unpack(parcel: Any) -> list[Any]:
    """Return the items of a parcel: a pickled list, or a part of one."""
    if type(parcel) is tuple:
        blob, first, stop = parcel
        return pickle.loads(blob)[first:stop]  # type: ignore[no-any-return]  # noqa: S301
    return pickle.loads(parcel)  # type: ignore[no-any-return]  # noqa: S301 - see loads


@dataclass(slots=True)
class Recipe:
    """An item whose class is not known here, on its way to a plain client.

    It is pickled as instructions: unpickle the list, and take this item of it. So
    each item that is taken alone carries its whole batch.
    """

    blob: bytes | memoryview
    index: int | None

    def __reduce__(self) -> tuple[Any, ...]:
        if self.index is None:
            return pickle.loads, (bytes(self.blob),)
        return operator.getitem, (Recipe(self.blob, None), self.index)
