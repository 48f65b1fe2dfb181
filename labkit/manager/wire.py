"""The manager protocol on a socket: whole messages in, whole messages out.

The bytes are those of CPython's ``Lib/multiprocessing/connection.py``, 3.8 to 3.14: a
4-byte length, then a pickle. What is different around them: TCP_NODELAY on both sides
(without it every message above 16 KiB and every connect waits about 44 ms for a delayed
acknowledgement), one write per message, IPv6.
"""

import contextlib
import copyreg
import functools
import os
import pickle
import select
import socket
import struct
import weakref
from collections import ChainMap
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

SERIALIZER = "labkit"  # our name in multiprocessing.managers.listener_client
HANDSHAKE_DEADLINE_S = 5.0
SILENCE_S = 30.0

Address = tuple[str, int] | str  # host and port, or the path of a Unix socket


# Addresses and sockets.


class Nearby(str):
    """The path of a second, quicker way to a server that is known by ``address``."""

    __slots__ = ("address",)
    address: Address


def shown(address: object) -> str:
    """Return the address as people write it: ``host:port``, or a path."""
    match address:
        case Nearby():
            return shown(address.address)
        case (str(host), int(port)):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(address)


def family_of(address: Address) -> socket.AddressFamily:
    """Return the socket family of an address; ValueError where there is none."""
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


# What a forked child must not keep: else the peer of a killed process sees no end.
closed_in_children: "weakref.WeakSet[Any]" = weakref.WeakSet()


def _close_in_child() -> None:
    for one in list(closed_in_children):
        with contextlib.suppress(Exception):
            one.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class QuietSocket(socket.socket):
    """A socket that closes when it is dropped, as the standard library's connections.

    A bare socket warns instead, which is noise for somebody who drops a proxy.
    """

    def __del__(self) -> None:
        self.close()


def prepare(sock: socket.socket, silence_s: float = SILENCE_S) -> socket.socket:
    """Set the options that a request-and-answer protocol needs.

    After so many seconds, 1 or more, a silent host counts as gone: a lost cable sends
    no end of file.
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

LENGTH = struct.Struct("!i")
_LONG_LENGTH = struct.Struct("!Q")
_READ_SIZE = 1 << 12  # bytes; most messages are small, and a larger buffer costs time
_JOIN_BELOW = 1 << 16  # bytes; below, one copy is cheaper than a second write
_PIECE = 1 << 26  # a length header alone never makes us ask for more memory
_HANG_UP = getattr(select, "POLLRDHUP", 0)  # Linux's; elsewhere an end shows later


@functools.cache
def _keep_memory() -> None:
    """Let glibc keep what is freed: getting a page again costs more than a copy does.

    Only in a process with connections: direct queues are measured as they are.
    """
    bytes(31 << 20)


class Connection:
    """One connection of the manager protocol, which owns its socket.

    Has the methods of ``multiprocessing.connection.Connection`` that managers use.
    While it is ``busy``, a request was sent whose answer has not been read to its end:
    interrupted then, it is out of step and must be thrown away.
    """

    __slots__ = ("_left", "_poll", "busy", "sock")

    def __init__(self, sock: socket.socket, busy: bool = False) -> None:
        self.sock = sock
        self._left: bytes | bytearray = b""  # what was read of the next message
        self._poll = _poll_of(sock)
        closed_in_children.add(sock)
        self.busy = busy
        _keep_memory()

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self.sock.fileno()

    def close(self) -> None:
        """Close this side; safe to call twice."""
        self.sock.close()

    def is_gone(self) -> bool:
        """Tell whether either side has closed, or vanished, without waiting."""
        if self.sock.fileno() < 0:
            return True
        news = self._poll(0)
        if news and news[0][1] & _HANG_UP:
            return True  # even where something it sent before is still to be read
        if self._left or not news:
            return False
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def send(self, obj: Any, simple: bool = False) -> None:
        """Send one object as a pickle, quicker if it is small and of simple types."""
        if simple:
            return self.send_bytes(pickle.dumps(obj, 5))
        pieces = _Pieces()
        _Pickler(pieces, protocol=5).dump(obj)
        return self.send_bytes(*pieces)

    def send_bytes(self, data: bytes, *more: bytes) -> None:
        """Send one message: its length, then its bytes, in one write if it is small."""
        size = len(data)
        if size < _JOIN_BELOW and not more:
            self.sock.sendall(LENGTH.pack(size) + data)
            return
        size += sum(memoryview(piece).nbytes for piece in more)
        header = LENGTH.pack(-1) + _LONG_LENGTH.pack(size) if size > 0x7FFFFFFF else b""
        for piece in (header or LENGTH.pack(size), data, *more):
            self.sock.sendall(piece)

    def recv(self) -> Any:
        """Receive one object; EOFError when the other side has closed."""
        return loads(self.recv_bytes())

    def recv_bytes(self, maxlength: int | None = None) -> memoryview:
        """Receive one message, of any length or of ``maxlength`` bytes at most.

        The other side closes between two messages: EOFError; within one: OSError.
        """
        data: bytes | bytearray = self._left or self.sock.recv(_READ_SIZE)
        if not data:
            raise EOFError("the other side has closed the connection")
        start = 4
        if len(data) < start:
            data = self._filled(start, data)
        (size,) = LENGTH.unpack_from(data)
        if size == -1:
            start = 12
            data = self._filled(start, data) if len(data) < start else data
            (size,) = _LONG_LENGTH.unpack_from(data, 4)
        if size < 0 or (maxlength is not None and size > maxlength):
            raise OSError(f"bad message length: {size} bytes")
        end = start + size
        self._left = data[end:]
        if len(data) >= end:
            return memoryview(data)[start:end]
        return memoryview(self._filled(size, data[start:]))

    def _filled(self, size: int, data: bytes | bytearray) -> bytearray:
        """Return ``data`` and what follows it, ``size`` bytes in all."""
        whole = bytearray(data)
        done = len(data)
        while done < size:
            if done == len(whole):
                whole += bytes(min(size - done, _PIECE))
            with memoryview(whole) as view:
                count = self.sock.recv_into(view[done:], 0, socket.MSG_WAITALL)
            if not count:
                raise OSError("the connection ended within a message")
            done += count
        return whole


class _Pickler(pickle.Pickler):
    """Pickles what multiprocessing can: sockets and the views of a dict, too."""

    dispatch_table: Any = ChainMap(  # noqa: RUF012 - shared, and never changed here
        ForkingPickler._extra_reducers,  # type: ignore[attr-defined]  # noqa: SLF001
        copyreg.dispatch_table,
    )


class _Pieces(list[bytes]):
    """What a pickler writes: large bytes are a piece, uncopied."""

    write = list.append


def dumps(obj: Any) -> bytes:
    """Return the pickle of an object, for any Python from 3.8 on."""
    pieces = _Pieces()
    _Pickler(pieces, protocol=5).dump(obj)
    return b"".join(pieces)


loads = pickle.loads


def _poll_of(sock: socket.socket) -> Callable[[int], list[tuple[int, int]]]:
    """Return a quick test, made once, for data or an end to be read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda _: [(0, 0) for _ in select.select([sock], [], [], 0)[0]]
    poller = select.poll()
    poller.register(sock, select.POLLIN | _HANG_UP)
    return poller.poll
