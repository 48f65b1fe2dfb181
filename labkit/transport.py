"""Listener and client of the manager protocol, registered as "labkit".

Same bytes on the wire as the standard library: a 4-byte length, then a pickle.
Different around them: TCP_NODELAY on both sides (without it every message above
16 KiB and every connect waits about 44 ms for a delayed acknowledgement), one
write per message, IPv6, a deadline on the handshake, a backlog that fits a burst.

References
----------
CPython ``Lib/multiprocessing/connection.py`` and ``managers.py``, 3.11 to 3.14.
"""

import contextlib
import errno
import socket
import time
from multiprocessing import AuthenticationError, managers
from pathlib import Path
from typing import Self

from labkit._transport.handshake import FAILURE, LONGEST, client_side
from labkit._transport.wire import QuietSocket, Wire

__all__ = [
    "SERIALIZER",
    "Address",
    "Client",
    "Listener",
    "Nearby",
    "family_of",
    "shown",
]

SERIALIZER = "labkit"
HANDSHAKE_DEADLINE_S = 5.0
SILENCE_S = 30.0
BACKLOG = 1024  # the standard library's 16, up to 3.12, loses clients of a burst

Address = tuple[str, int] | str


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
                f"{address!r} is a Unix socket path, which this system has not; "
                'use ("127.0.0.1", 0)'
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


def prepare(sock: socket.socket, silence_s: float = SILENCE_S) -> socket.socket:
    """Set the options that a request-and-answer protocol needs.

    Parameters
    ----------
    sock : socket.socket
    silence_s : float, default 30.0
        Seconds, 1 or more, after which a host that answers nothing counts as gone: a
        lost cable sends no end of file. On Linux also a program that leaves the rest
        of a large message unread for so long.
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
        # for a quarter of an hour, unless it is told otherwise, in milliseconds.
        "TCP_USER_TIMEOUT": silence_s * 1000,
    }.items():
        if hasattr(socket, name):
            number = max(round(value), 1)
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), number)
    return sock


class Listener:
    """A bound and listening socket; the server's doorman does the accepting.

    Parameters
    ----------
    address : tuple of (str, int) or str
        Port 0 lets the system choose.
    backlog : int, default 1024
        Connections the system holds until they are accepted. A smaller number,
        as the standard library asks for, is raised to the default.
    """

    def __init__(self, address: Address, backlog: int = BACKLOG) -> None:
        family = family_of(address)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self._path: Path | None = None
        try:
            if family == getattr(socket, "AF_UNIX", None):
                self._path = Path(str(address))
            elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._bind(address)
            self.sock.listen(max(backlog, BACKLOG))
        except BaseException:
            self.sock.close()
            raise
        name = self.sock.getsockname()
        self.address: Address = name if isinstance(name, str) else name[:2]

    def _bind(self, address: Address) -> None:
        try:
            self.sock.bind(address)
        except OSError as error:
            # A killed server leaves its socket file behind; nobody answers there.
            if self._path is None or error.errno != errno.EADDRINUSE:
                raise
            with socket.socket(self.sock.family, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(address) != errno.ECONNREFUSED:
                    raise
            self._path.unlink()
            self.sock.bind(address)

    def close(self) -> None:
        """Stop listening; the address is free again at once."""
        if self.sock.fileno() >= 0:
            self.sock.close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)


def Client(  # noqa: N802 - the name the standard library's registry expects
    address: Address,
    family: str | None = None,
    authkey: bytes | None = None,
    deadline_s: float = HANDSHAKE_DEADLINE_S,
) -> Wire:
    """Connect to a manager server, the standard library's or labkit's.

    Parameters
    ----------
    address : tuple of (str, int) or str
        Where the server listens.
    family : str or None
        Ignored; the address tells.
    authkey : bytes or None
        ``None`` skips the handshake.
    deadline_s : float, default 5.0
        Seconds for connecting and for the handshake together.

    Raises
    ------
    multiprocessing.AuthenticationError
        The keys differ.
    EOFError, OSError
        Nobody listens, or what listens does not speak the protocol in time.
    """
    del family
    until = time.monotonic() + deadline_s
    sock = QuietSocket(family_of(address), socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline_s)
        _reach(sock, address)
        wire = Wire(prepare(sock), reuse=True)
        if authkey is not None:
            _shake_hands(wire, authkey, until)
        sock.settimeout(None)
    except BaseException:
        sock.close()
        raise
    return wire


def _reach(sock: socket.socket, address: Address) -> None:
    try:
        sock.connect(address)
    except TimeoutError:  # with a number, to tell it from one in the handshake
        raise TimeoutError(errno.ETIMEDOUT, "no answer") from None


def _shake_hands(wire: Wire, authkey: bytes, until: float) -> None:
    talk = client_side(authkey)
    message = next(talk)
    try:
        while True:
            if message:
                wire.send_bytes(message)
            wire.sock.settimeout(max(until - time.monotonic(), 0.001))
            message = talk.send(bytes(wire.recv_bytes(LONGEST)))
    except StopIteration as done:
        wire.send_bytes(done.value)
    except AuthenticationError:
        with contextlib.suppress(OSError):
            wire.send_bytes(FAILURE)
        raise


# The hook by which BaseManager(serializer="labkit") finds this module.
managers.listener_client[SERIALIZER] = (Listener, Client)  # type: ignore[attr-defined]
