"""A thread's connection to a server: replaced when it is dead, or out of step."""

import threading
from collections.abc import Sequence
from multiprocessing import process
from typing import Any

from labkit.dialing import dial, hung_up, retrying
from labkit.errors import LabkitError, OutcomeUnknownError
from labkit.transport import Address, shown
from labkit.wire import Wire

__all__ = ["Link"]

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
                raise self._outcome_unknown(request[1]) from error
        try:
            return self._exchange(self._wire(), request, pieces)
        except LabkitError:
            raise
        except (EOFError, OSError) as error:
            raise self._outcome_unknown(request[1]) from error

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
        wire = retrying(self._dial, self.retry_for)
        self._local.connection = wire
        return wire

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

    def _outcome_unknown(self, methodname: str) -> OutcomeUnknownError:
        name = methodname.removesuffix("_packed")
        return OutcomeUnknownError(
            f"the connection to {shown(self.address)} ended during {name}(): the "
            "server may or may not have done it; look at the queue, or use receive() "
            "and ack(), before you do it again"
        )
