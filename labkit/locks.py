"""One process at a time: a lock that the system gives back when its holder ends.

Standard library only, and readable by Python 3.6: see ``__main__``.
"""

__all__ = ["hold"]

import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def _take(lock: IO[str], *, wait: bool) -> bool:
        lock.seek(0)
        how = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK
        try:
            msvcrt.locking(lock.fileno(), how, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(lock: IO[str], *, wait: bool) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # some network folders have no locks: go on without
        return True


@contextmanager
def hold(
    path: Path, on_wait: Callable[[], None], patience_s: float | None = None
) -> Iterator[IO[str]]:
    """Hold the lock of a path for the length of a ``with`` block.

    Parameters
    ----------
    path : pathlib.Path
        The lock's file, which is made when missing and stays; so is its folder.
    on_wait : callable
        Called once, without arguments, when another process holds the lock.
    patience_s : float, optional
        How long to wait for the lock. By default as long as it takes.

    Yields
    ------
    text file
        The open file. On Linux and macOS a child process that inherits it keeps the
        lock until it ends too.

    Raises
    ------
    OSError
        If the file cannot be made.
    TimeoutError
        If another process still holds the lock when patience is at its end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lock:
        if not _take(lock, wait=False):
            on_wait()
            _await(lock, patience_s)
        yield lock


def _await(lock: IO[str], patience_s: float | None) -> None:
    if patience_s is None:
        while not _take(lock, wait=True):
            pass  # Windows gives up every ten seconds
        return
    end, pause = time.monotonic() + patience_s, threading.Event()
    while not _take(lock, wait=False):
        if time.monotonic() > end:
            reason = f"another program has held {lock.name} for {patience_s:g} s"
            raise TimeoutError(errno.ETIMEDOUT, reason)
        pause.wait(0.01)
