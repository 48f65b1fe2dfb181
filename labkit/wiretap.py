"""See every message between clients and a manager server.

This module can itself be called, so that ``wiretap`` is one thing whether it is taken
for a module or for the function::

    from labkit import connect, start_server, wiretap

    with start_server() as server, wiretap(server) as tap:
        tasks = connect(tap.address, server.authkey).get_task_queue()
        tasks.put("hello")
        print(tap)
"""

import sys
import weakref
from collections import Counter
from collections.abc import Callable
from os import PathLike, fspath
from types import ModuleType
from typing import Any, Protocol, Self, cast

from labkit._wiretap.conversations import Message
from labkit._wiretap.recordings import Recording
from labkit._wiretap.relay import Relay
from labkit._wiretap.tapviews import Sequence, Table
from labkit.errors import NoMessageError
from labkit.transport import Address, shown

__all__ = ["Message", "Wiretap", "wiretap"]

KEPT = 10_000  # messages; at 4,000 characters each, 40 MB at the very most


class HasAddress(Protocol):
    """A server or a manager."""

    @property
    def address(self) -> Any:
        """Where it listens."""


class Wiretap:
    """A relay between clients and a server that decodes what passes.

    Made by ``wiretap(server)``. A context manager: leaving the block hangs up every
    connection that goes through it; what was recorded stays.

    Parameters
    ----------
    server : ServerProcess, manager, tuple of (str, int), str or path
        Where the server listens: anything with an ``address``, a host and a port, or
        the path of a Unix socket.
    keep : int, default 10000
        Messages kept, at least 1; older ones are forgotten.

    Attributes
    ----------
    address : tuple of (str, int) or str
        Where clients connect instead: loopback, at a free port; for a Unix socket,
        another one, in a folder that only this user can enter.
    server_address : tuple of (str, int) or str
        Where it forwards to.

    Raises
    ------
    ValueError
        ``server`` is no address and has none; a manager has one once it has started
        or connected.

    Notes
    -----
    Bytes pass unchanged, between any mix of labkit's and the standard library's
    clients and servers. What one of them has received stands in ``messages`` already:
    there is nothing to wait for after a call. Only what passes on the tap's address
    is seen; a proxy keeps to the address that its manager connected to.

    Nothing that passes is ever unpickled: a class is shown by its name, a call that a
    pickle asks for as text. What makes this certain stands in :mod:`.pickles`.
    Of each message the first 64 KiB are looked at; bytes that are a pickle
    themselves, as labkit's items are on their way, are shown as ``pickled(...)``.

    Every message takes a way twice as long, and is decoded in this process. Where it
    was measured, on two busy cores, a call of 40 microseconds took 150 to 400 through
    the tap, and one with 1 MB of payload 1.5 to 3 times as long as without: never
    measure speed through a tap.

    All methods are safe for any number of threads.
    """

    def __init__(
        self, server: HasAddress | Address | PathLike[str], *, keep: int = KEPT
    ) -> None:
        if keep < 1:
            raise ValueError(f"keep is {keep}; give 1 or more")
        self.server_address = _address_of(server)
        self._recording = Recording(keep)
        relay = Relay(_reachable(self.server_address), self._recording)
        self.address: Address = relay.address
        # Also when nobody closes it: dropped, or the program ends.
        self._close = weakref.finalize(self, relay.close)

    @property
    def messages(self) -> list[Message]:
        """What has passed so far, in order; a new list each time."""
        return self._recording.messages()

    def wait_for(
        self, what: str | Callable[[Message], bool], timeout: float = 5.0
    ) -> Message:
        """Return the first message of a kind, waiting for it if needed.

        Parameters
        ----------
        what : str or callable
            A kind, such as ``"return"``, or a function that tells of a message
            whether it is the one.
        timeout : float, default 5.0
            Seconds to wait at most.

        Raises
        ------
        NoMessageError
            None came in time.
        """
        fits = (lambda m: m.kind == what) if isinstance(what, str) else what
        found = self._recording.wait_for(fits, timeout)
        if found is not None:
            return found
        kinds = Counter(message.kind for message in self.messages)
        passed = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
        sought = f"{what!r} message" if isinstance(what, str) else "message like that"
        raise NoMessageError(
            f"no {sought} passed within {timeout:g} s; passed so far: "
            f"{passed or 'nothing'}; let a client connect to {shown(self.address)}"
        )

    def clear(self) -> None:
        """Forget all messages; numbers start from 1 again, connections go on."""
        self._recording.clear()

    def table(self, first: int = 0, last: int | None = None) -> Table:
        """Return ``messages[first:last]`` as a table."""
        return Table(self.messages[first:last])

    def sequence(self, first: int = 0, last: int | None = None) -> Sequence:
        """Return ``messages[first:last]`` as a sequence diagram."""
        return Sequence(self.messages[first:last])

    def close(self) -> None:
        """Hang up every connection and stop listening; safe to call twice."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "" if self._close.alive else ", closed"
        return (
            f"<wiretap at {shown(self.address)} to {shown(self.server_address)}, "
            f"{len(self.messages)} messages{state}>"
        )

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))


def _address_of(server: Any) -> Address:
    address = getattr(server, "address", server)
    if isinstance(address, PathLike):
        address = fspath(address)
    if address is None or not isinstance(address, (str, tuple)):
        raise ValueError(
            f"{server!r} has no address; give a running server, a started manager, "
            "(host, port), or the path of a Unix socket"
        )
    return address


def _reachable(address: Address) -> Address:
    """Return where a server that listens everywhere can be reached from here."""
    match address:
        case ("0.0.0.0" | "", port):  # noqa: S104 - nobody listens here
            return "127.0.0.1", port
        case ("::", port):
            return "::1", port
    return address


class _Module(ModuleType):
    def __call__(
        self, server: HasAddress | Address | PathLike[str], *, keep: int = KEPT
    ) -> Wiretap:
        """Listen in on a server; see :class:`Wiretap`."""
        return Wiretap(server, keep=keep)


sys.modules[__name__].__class__ = _Module
wiretap = cast("_Module", sys.modules[__name__])
