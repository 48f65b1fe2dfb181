"""Let the operating system hold an answer: limits, and Linux's Landlock.

Both bind this process and all it starts from now on, and cannot be taken back. Where
the system has neither, nothing is done, and no error is raised: the answer then has
the rights of whoever grades it.
"""

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["confine", "landlock", "limit"]

_PROCESSES = 4_000  # more than any answer needs, and than a machine can bear
_MEMORY_BYTES = 8_000_000_000  # of addresses, most of them never used

# Landlock (linux/landlock.h): numbers of the system calls, and of the rights.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_NO_NEW_PRIVILEGES = 38
_READ = 0b1101  # execute, read a file, list a folder
_LIST = 0b1000
_ALL = 0x7FFF  # everything there is to do to files since version 3
_SIGNALS = 2  # no signal to a process outside: since version 6
_BELOW = 1  # a rule for all that lies below a folder


def limit(largest_file: int) -> None:
    """Set limits for this process and what it starts, where the system has them.

    Parameters
    ----------
    largest_file : int
        Size in bytes beyond which no file grows; 0 for no limit.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        "RLIMIT_FSIZE": largest_file or resource.RLIM_INFINITY,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": _PROCESSES,
        "RLIMIT_AS": _MEMORY_BYTES,
    }
    for name, value in wanted.items():
        number = getattr(resource, name, None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        if hard == resource.RLIM_INFINITY or value < hard:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(number, (value, value))


def landlock() -> int:
    """Return the version of Landlock that the system has; -1 or 0 without one."""
    if sys.platform != "linux":
        return 0
    import ctypes

    return int(ctypes.CDLL(None).syscall(_CREATE, None, 0, 1))


def confine(
    writable: Iterable[str], readable: Iterable[str], listable: Iterable[str] = ()
) -> bool:
    """Close every file to this process but those that are named (Linux).

    Parameters
    ----------
    writable : iterable of str
        Folders in which everything stays allowed.
    readable : iterable of str
        Folders and files that may be read, besides Python's own and the system's.
    listable : iterable of str
        Folders of which the names may be seen, and no more.

    Returns
    -------
    bool
        False if the system has no Landlock, of version 3 or later.
    """
    if (version := landlock()) < 3:
        return False
    import ctypes

    libc = ctypes.CDLL(None)
    signals = _SIGNALS if version >= 6 else 0
    rights = (ctypes.c_uint64 * 3)(_ALL, 0, signals)
    size = 24 if version >= 6 else 8
    ruleset = libc.syscall(_CREATE, rights, size, 0)
    if ruleset < 0:
        return False
    system = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys"]
    system += ["/opt", "/nix", "/snap"]
    for path in {*system, *readable, *_python()}:
        _allow(libc, ruleset, path, _READ)
    for path in listable:
        _allow(libc, ruleset, path, _LIST)
    for path in {"/dev", *writable}:
        _allow(libc, ruleset, path, _ALL)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    closed = bool(libc.syscall(_RESTRICT, ruleset, 0) == 0)
    os.close(ruleset)
    return closed


def _allow(libc: object, ruleset: int, path: str, rights: int) -> None:
    """Add one rule; what is not there needs none."""
    import ctypes

    class Rule(ctypes.Structure):
        _pack_ = 1
        _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))

    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = Rule(rights if os.path.isdir(path) else rights & ~_LIST, folder)  # noqa: PTH112
        libc.syscall(_ADD, ruleset, _BELOW, ctypes.byref(rule), 0)  # type: ignore[attr-defined]
        os.close(folder)


def _python() -> set[str]:
    """Return the folders that this Python is made of."""
    home = str(Path(__file__).resolve().parents[1])
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    real = {os.path.realpath(sys.executable).rpartition("/bin/")[0]}
    # Packages may lie elsewhere; the checkout itself has more than the kit in it.
    paths = {p for p in sys.path if not home.startswith(os.path.realpath(p or "."))}
    return prefixes | real | paths | {home}
