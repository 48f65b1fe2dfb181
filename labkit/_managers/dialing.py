"""Connect, and say in one sentence why it did not work."""

import errno
import socket
from collections.abc import Callable
from multiprocessing import AuthenticationError
from typing import TypeVar

from labkit._transport.wire import Wire
from labkit.errors import (
    LabkitError,
    NoServerError,
    NotAQueueServerError,
    ServerTimeoutError,
    WrongKeyError,
)
from labkit.transport import HANDSHAKE_DEADLINE_S, Address, Client, shown

__all__ = ["dial", "hung_up", "retrying"]

_T = TypeVar("_T")


def dial(
    address: Address, authkey: bytes, deadline_s: float = HANDSHAKE_DEADLINE_S
) -> Wire:
    """Open an authenticated connection to a manager server.

    Parameters
    ----------
    address : tuple of (str, int) or str
        Host and port, or the path of a Unix socket.
    authkey : bytes
        The server's key.
    deadline_s : float, default 5.0
        Seconds for all of it.

    Raises
    ------
    NoServerError
        Nobody listens there, or there is no such host.
    WrongKeyError
        The keys differ.
    NotAQueueServerError
        What listens there speaks something else, or hung up.
    ServerTimeoutError
        Nothing came back in time: the host is off or cut off, or what listens
        there is frozen, overloaded, or no manager.
    """
    try:
        return Client(address, authkey=authkey, deadline_s=deadline_s)
    except (AuthenticationError, EOFError, OSError) as error:
        raise _explained(error, shown(address), deadline_s) from None


def hung_up(address: Address) -> NoServerError:
    """Return the error of a server that closed the connection after the handshake."""
    return NoServerError(
        f"the server at {shown(address)} hung up: it is stopping, or was killed; "
        "start it again"
    )


# What happened, what that means, and what to do; the first that fits is told.
_NOT_OURS = (
    NotAQueueServerError,
    (
        "something listens at {where}, but it did not answer as a manager server does; "
        "check the port"
    ),
)
_NO_ANSWER = (
    ServerTimeoutError,
    (
        "{where} did not answer for {deadline_s:g} s: the host is off or cut off, a "
        "firewall drops what comes, or the address is another's; check them"
    ),
)
_MEANINGS: list[tuple[tuple[type[Exception], ...], tuple[type[LabkitError], str]]] = [
    (
        (TimeoutError,),
        (
            ServerTimeoutError,
            (
                "{where} accepted the connection and said nothing for "
                "{deadline_s:g} s; it is frozen or no queue server: look at the "
                "server, or start it again"
            ),
        ),
    ),
    (
        (ConnectionResetError, BrokenPipeError, EOFError),
        (
            NotAQueueServerError,
            (
                "{where} hung up during the handshake: the server is stopping, or it "
                "is no manager server; look at the server, and check the port"
            ),
        ),
    ),
    (
        (ConnectionRefusedError, FileNotFoundError, socket.gaierror),
        (
            NoServerError,
            "nobody listens at {where}; start the server first, or check the address",
        ),
    ),
    (
        (AuthenticationError,),
        (
            WrongKeyError,
            (
                "the server at {where} has another authkey; use the one it was started "
                "with, for example from its key file"
            ),
        ),
    ),
    (
        (OSError,),
        (
            NoServerError,
            "{where} cannot be reached ({error}); check the address and the network",
        ),
    ),
]


def _explained(error: Exception, where: str, deadline_s: float) -> LabkitError:
    kind: type[LabkitError]
    if "message" in str(error) or "expected a challenge" in str(error):
        kind, text = _NOT_OURS  # what Wire and handshake say of other protocols
    elif getattr(error, "errno", None) == errno.ETIMEDOUT:
        kind, text = _NO_ANSWER
    else:
        kind, text = next(said for kinds, said in _MEANINGS if isinstance(error, kinds))
    return kind(text.format(where=where, error=error, deadline_s=deadline_s))


def retrying(attempt: Callable[[], _T], retry_for: float) -> _T:
    """Call ``attempt`` until somebody answers, for ``retry_for`` seconds at most.

    Waits between tries grow from 20 ms to 1 s, each shortened at random, so that
    many clients do not come back in step.

    Raises
    ------
    LabkitError
        What the last try raised.
    """
    if retry_for <= 0:
        return attempt()
    import tenacity

    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(
            (NoServerError, NotAQueueServerError, ServerTimeoutError)
        ),
        stop=tenacity.stop_after_delay(retry_for),
        wait=tenacity.wait_random_exponential(multiplier=0.02, max=1.0),
        reraise=True,
    )
    return patient(attempt)
