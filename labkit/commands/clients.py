"""The commands' way to a server, labkit's or a plain one of the standard library."""

import argparse
import contextlib
import pickle
import queue
from collections.abc import Callable
from multiprocessing.managers import RemoteError
from typing import Any, TypeVar

from labkit import manager as managers
from labkit.errors import (
    LabkitError,
    NoServerError,
    NotAQueueServerError,
    NotOfferedError,
    OutcomeUnknownError,
    ServerStoppedError,
)
from labkit.manager import QueueManager, QueueProxy, keys

__all__ = ["Intake", "connect", "open_queue", "patiently"]

_T = TypeVar("_T")
_SHUT_DOWN: tuple[type[Exception], ...] = (
    (queue.ShutDown,) if hasattr(queue, "ShutDown") else ()  # from Python 3.13
)


def connect(options: argparse.Namespace) -> QueueManager:
    """Return a manager connected as the options say; raises as labkit.connect."""
    key = keys.read_key_file(options.key_file)
    return managers.connect(options.connect, key, options.retry_for)


def open_queue(manager: QueueManager, name: str) -> QueueProxy:
    """Return a queue by name; a plain server has ``tasks`` and ``results`` at best.

    Raises
    ------
    NotOfferedError
        The server has no such queue.
    ValueError
        It failed to make it.
    """
    named = {"tasks": manager.get_task_queue, "results": manager.get_result_queue}
    try:
        return named[name]() if name in named else manager.get_queue(name)
    except RemoteError as error:
        reason = str(error).rstrip("- \n").rpartition("\n")[2]
        raise ValueError(f"the server could not make {name!r}: {reason}") from None


def patiently(call: Callable[[], _T], retry_for: float, *, again: bool = False) -> _T:
    """Make a call, again and again if the server stops meanwhile.

    The waits for a server that is not there are the proxy's own.

    Parameters
    ----------
    call : callable
        The call, without arguments.
    retry_for : float
        Seconds, 0 or more, to go on; 0 calls once.
    again : bool, default False
        Whether it may be done twice, so that it is repeated too where nobody knows
        whether it was done.

    Raises
    ------
    ServerStoppedError
        The server is stopping, or has gone; nothing was done.
    OutcomeUnknownError
        The server went away, and it may have been done.
    """
    try:
        return _retrying(call, retry_for, again) if retry_for > 0 else call()
    except (NoServerError, NotAQueueServerError):
        # A server that is being killed may still answer, with half a handshake.
        raise ServerStoppedError(
            "the server has ended; start it again, and use --retry-for to wait for it"
        ) from None


def _retrying(call: Callable[[], _T], retry_for: float, again: bool) -> _T:
    import tenacity

    kinds = (ServerStoppedError, OutcomeUnknownError) if again else ServerStoppedError
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(kinds),
        stop=tenacity.stop_after_delay(retry_for),
        wait=tenacity.wait_random_exponential(multiplier=0.02, max=1.0),
        reraise=True,
    )
    return retrying(call)


class Intake:
    """The taking side of a queue: with receipts, or on a plain server without.

    Parameters
    ----------
    source : QueueProxy
        Where items come from.
    visibility_s : float, default 600.0
        Seconds until an item that is not done goes back to the queue. Longer than
        a slow reader needs: that of a dead one goes back at once.

    Attributes
    ----------
    has_receipts : bool
        False once the server turned out to host a plain ``queue.Queue``, where an
        item is lost if whoever took it dies.
    """

    def __init__(self, source: QueueProxy, visibility_s: float = 600.0) -> None:
        self.source = source
        self.visibility_s = visibility_s
        self.has_receipts = True

    def take(self, timeout: float) -> tuple[str | None, Any]:
        """Take an item, and a receipt where there are receipts.

        Raises
        ------
        queue.Empty
            No item came within ``timeout`` seconds.
        ServerStoppedError
            The server is stopping, or the queue was shut down.
        LabkitError
            As any call; or the item is of a class that this program lacks.
        """
        try:
            return self._take(timeout)
        except NotOfferedError:
            raise
        except _SHUT_DOWN:
            raise ServerStoppedError("the queue was shut down") from None
        except (ImportError, AttributeError, pickle.UnpicklingError) as error:
            raise LabkitError(
                f"an item cannot be read here ({type(error).__name__}: {error}); "
                "start this command where the item's class can be imported"
            ) from None

    def _take(self, timeout: float) -> tuple[str | None, Any]:
        if self.has_receipts:
            try:
                return self.source.receive(self.visibility_s, timeout=timeout)
            except NotOfferedError:
                self.has_receipts = False
        return None, self.source.get(timeout=timeout)

    def done(self, receipt: str | None) -> None:
        """Say that the item is done; ``ReceiptError`` says that it is too late."""
        if receipt is not None:
            self.source.ack(receipt)
            return
        # A multiprocessing.Queue keeps no account.
        with contextlib.suppress(NotOfferedError):
            self.source.task_done()

    def give_back(self, receipt: str | None, item: Any) -> None:
        """Return the item: to the head, or to the tail of a plain queue."""
        if receipt is not None:
            self.source.nack(receipt)
        else:
            self.source.put(item)
