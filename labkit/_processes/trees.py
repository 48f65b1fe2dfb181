"""Find whole trees of processes, and end them.

Imported by the supervisor of every background program, so it imports little; psutil
only where the operating system is not Linux.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator

MARKER = "LABKIT_GUARD"  # the environment variable that names a program's guard


def _processes() -> Iterator[tuple[int, int]]:
    # Linux only. A zombie has neither children nor anything left to end.
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            fields = _read(f"/proc/{entry.name}/stat").rpartition(b")")[2].split()
            if fields and fields[0] not in b"ZX":
                yield int(entry.name), int(fields[1])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would slow the start
            return file.read()
    except OSError:  # it ended since it was listed, or belongs to somebody else
        return b""


def descendants(root: int, spare: Collection[int] = ()) -> set[int]:
    """List the processes that descend from one (Linux).

    Parameters
    ----------
    root : int
        The process id whose children, their children and so on are wanted.
    spare : collection of int
        Processes that are left out, with all that descend from them.

    Returns
    -------
    set of int
        Process ids, without `root` and without zombies.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [root]
    while waiting:
        new = [pid for pid in children.pop(waiting.pop(), []) if pid not in spare]
        found.update(new)
        waiting += new
    return found


def marked(mark: str) -> set[int]:
    """List the processes whose environment carries a guard's mark.

    Parameters
    ----------
    mark : str
        The value of the variable ``LABKIT_GUARD``.

    Returns
    -------
    set of int
        Process ids, without the caller's own and its parent's.
    """
    if sys.platform == "linux":
        wanted = f"{MARKER}={mark}".encode()
        found = {
            pid
            for pid, _ in _processes()
            if wanted in _read(f"/proc/{pid}/environ").split(b"\0")
        }
    else:
        import psutil

        found = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARKER) == mark:
                    found.add(process.pid)
    # The parent: in a virtual environment on Windows, python.exe is a launcher that
    # runs Python as its child, with the same environment.
    return found - {os.getpid(), os.getppid()}


def end_processes(find: Callable[[], set[int]]) -> None:
    """End every process that a search finds, also those forked meanwhile.

    Parameters
    ----------
    find : callable
        Takes nothing, returns the process ids to end at this moment.
    """
    freeze = getattr(signal, "SIGSTOP", signal.SIGTERM)
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end
    frozen: set[int] = set()
    # Frozen first: a process that is stopped cannot fork away from the next look.
    while new := find() - frozen:
        for pid in new:
            _send(pid, freeze)
        frozen |= new
    for pid in frozen:
        _send(pid, kill)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):  # it has ended, or is not ours to signal
        os.kill(pid, number)
