"""A service in a child process: what lies between producers and consumers."""

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing import connection
from typing import Any

from labkit._throughput.adapters import SPAWN
from labkit._throughput.stations import end_with_parent
from labkit.errors import MeasurementError

__all__ = ["Host"]

_READY_WITHIN_S = 30.0
_ENDED_WITHIN_S = 1.0

_Pipe = connection.Connection


class Host:
    """A child process that serves until it is closed, or this process ends.

    Parameters
    ----------
    serve : callable
        An importable context manager: entering it starts the service and gives what
        clients need, leaving it ends the service.
    *args
        Its arguments; they travel to the child over a pipe.

    Attributes
    ----------
    spec : object
        What the service gave when it was ready.

    Raises
    ------
    MeasurementError
        The service did not start.
    """

    def __init__(
        self, serve: Callable[..., AbstractContextManager[Any]], *args: Any
    ) -> None:
        self._lifeline, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(
            target=_host, args=(serve, args, theirs), daemon=True
        )
        try:
            self._process.start()
            theirs.close()
            self.spec = self._first_word(serve.__name__)
        except BaseException:
            self.close()
            raise

    def _first_word(self, name: str) -> Any:
        reason = "it said nothing for 30 s"
        if self._lifeline.poll(_READY_WITHIN_S):
            try:
                ready, word = self._lifeline.recv()
            except EOFError:
                ready, word = False, "its process ended"
            if ready:
                return word
            reason = word
        raise MeasurementError(
            f"{name} did not start: {reason}; python -m labkit doctor looks at the "
            "machine"
        )

    def close(self) -> None:
        """End the service; safe to call twice."""
        self._lifeline.close()
        with contextlib.suppress(ValueError):  # closed before
            if self._process.pid is None:
                return
            self._process.join(_ENDED_WITHIN_S)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()
            self._process.close()


def _host(
    serve: Callable[..., AbstractContextManager[Any]],
    args: tuple[Any, ...],
    lifeline: "_Pipe[Any, Any]",
) -> None:
    end_with_parent()
    if hasattr(os, "setsid"):
        # As a server that somebody started elsewhere: Linux may share a busy
        # machine out by sessions, and ours must not be favoured over labkit's.
        os.setsid()
    try:
        with serve(*args) as spec:
            lifeline.send((True, spec))
            with contextlib.suppress(EOFError, OSError):
                lifeline.recv()  # until the other end is closed, by whatever
    except Exception as error:  # noqa: BLE001 - the parent tells people
        with contextlib.suppress(OSError):
            lifeline.send((False, f"{type(error).__name__}: {error}"))
