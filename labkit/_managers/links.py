"""A thread's connection to a server: replaced when it is dead, or out of step."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import process
from typing import Any

from labkit._managers.dialing import dial, hung_up, retrying
from labkit._transport.wire import Wire
from labkit.errors import LabkitError, OutcomeUnknownError
from labkit.transport import Address, shown

__all__ = ["Link", "Stream"]

# Doing these twice harms nobody. Also receive: what the lost connection took on a
# receipt goes back to the queue when the connection ends.
_REPEATABLE = frozenset(
    {"qsize", "empty", "full", "stats", "dead_letters_packed", "receive_packed"}
)
_Request = tuple[str, str, tuple[Any, ...], dict[str, Any]]


class Link:
    """Carry a proxy's calls, each over its own thread's connection.

    Parameters
    ----------
    address : tuple of (str, int) or str
        The server's.
    authkey : bytes
        The server's.
    local : multiprocessing.util.ForkAwareLocal
        Holds each thread's connection; shared by the proxies of one manager.
    retry_for : float
        Seconds that a lost connection is tried again.
    """

    def __init__(
        self, address: Address, authkey: bytes, local: Any, retry_for: float
    ) -> None:
        self.address = address
        self.authkey = authkey
        self.retry_for = retry_for
        self._local = local

    def call(self, request: _Request, pieces: Sequence[bytes] = ()) -> tuple[str, Any]:
        """Send a request and return the kind and the value of its answer.

        Parameters
        ----------
        request : tuple
            Ident, method, arguments, keywords.
        pieces : sequence of bytes, optional
            What is sent in place of the one buffer in it.

        Raises
        ------
        LabkitError
            The server cannot be reached; nothing was sent.
        OutcomeUnknownError
            The connection ended after the request was sent, and repeating it might
            do it twice.
        """
        wire = self._wire()  # where this fails, nothing was sent
        try:
            return self._exchange(wire, request, pieces)
        except (EOFError, OSError) as error:
            if request[1] not in _REPEATABLE:
                raise self.outcome_unknown(request[1]) from error
        try:
            return self._exchange(self._wire(), request, pieces)
        except LabkitError:
            raise
        except (EOFError, OSError) as error:
            raise self.outcome_unknown(request[1]) from error

    def hang_up(self) -> None:
        """Close this thread's connection, if there is one."""
        wire: Wire | None = getattr(self._local, "connection", None)
        if wire is not None:
            del self._local.connection
            wire.close()

    def _exchange(
        self, wire: Wire, request: _Request, pieces: Sequence[bytes]
    ) -> tuple[str, Any]:
        # Interrupted, the call must end on the server too, or it would take an item
        # for nobody: so hang up at once. Should a second interrupt prevent that,
        # busy stays set, and the next call hangs up.
        wire.busy = True
        try:
            if pieces:
                wire.send_beside(request, pieces)
            else:
                wire.send(request)
            answer: tuple[str, Any] = wire.recv()
        except BaseException:
            self.hang_up()
            raise
        wire.busy = False
        return answer

    def _wire(self) -> Wire:
        """Return this thread's connection, a new one if it is out of step or dead."""
        wire: Wire | None = getattr(self._local, "connection", None)
        if wire is not None:
            if not wire.busy and not wire.is_gone():
                return wire
            self.hang_up()
        wire = self._local.connection = self.dial()
        return wire

    def dial(self) -> Wire:
        """Return a new connection that is ready for calls; of nobody's thread yet.

        Raises
        ------
        LabkitError
            The server cannot be reached, for as long as it is tried.
        """
        return retrying(self._dial, self.retry_for)

    def _dial(self) -> Wire:
        wire = dial(self.address, self.authkey)
        name = f"{process.current_process().name}|{threading.current_thread().name}"
        try:
            wire.send((None, "accept_connection", (name,), {}))
            wire.recv()
        except (EOFError, OSError):
            wire.close()
            raise hung_up(self.address) from None
        return wire

    def outcome_unknown(self, methodname: str) -> OutcomeUnknownError:
        """Return the error of a call that was sent and never answered."""
        name = methodname.removesuffix("_packed")
        return OutcomeUnknownError(
            f"the connection to {shown(self.address)} ended during {name}(): the "
            "server may or may not have done it; look at the queue, or use receive() "
            "and ack(), before you do it again"
        )


class Stream:
    """Calls to one queue over a connection of their own, asked ahead of the answers.

    Parameters
    ----------
    link : Link
        Where to connect to.
    ident : str
        The queue's.

    Raises
    ------
    LabkitError
        The server cannot be reached.

    Notes
    -----
    For one thread at a time. Once an error or an interrupt was raised here, it is
    unknown which answer comes next: close it.
    """

    def __init__(self, link: Link, ident: str) -> None:
        self._link = link
        self._ident = ident
        self._wire = link.dial()
        self._asked = ""

    def ask(
        self, method: str, args: tuple[Any, ...], pieces: Sequence[bytes] = ()
    ) -> None:
        """Send a call; the answers are heard in the order of the calls."""
        self._asked = method
        request: _Request = (self._ident, method, args, {})
        with self._explained():
            if pieces:
                self._wire.send_beside(request, pieces)
            else:
                self._wire.send(request)

    def hear(self) -> tuple[str, Any]:
        """Return the kind and the value of the next answer.

        Raises
        ------
        OutcomeUnknownError
            The connection ended.
        """
        with self._explained():
            answer: tuple[str, Any] = self._wire.recv()
        return answer

    def finish(self) -> None:
        """Say that nothing more is asked; answers can still be heard."""
        with self._explained():
            self._wire.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._wire.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            raise self._link.outcome_unknown(self._asked) from error
