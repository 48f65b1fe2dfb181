"""One process at a time: a lock that the system gives back when its holder ends.

Standard library only, and readable by Python 3.6: see ``__main__``.
"""

__all__ = ["hold"]

import sys
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
def hold(path: Path, on_wait: Callable[[], None]) -> Iterator[IO[str]]:
    """Hold the lock of a path for the length of a ``with`` block.

    Parameters
    ----------
    path : pathlib.Path
        The lock's file, which is made when missing and stays; so is its folder.
    on_wait : callable
        Called once, without arguments, when another process holds the lock.

    Yields
    ------
    text file
        The open file. On Linux and macOS a child process that inherits it keeps the
        lock until it ends too.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lock:
        if not _take(lock, wait=False):
            on_wait()
            while not _take(lock, wait=True):
                pass  # Windows gives up every ten seconds
        yield lock
