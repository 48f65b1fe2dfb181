"""The single checks of the doctor: each looks at one thing and says what to do.

None of them changes anything or asks anything outside the machine.
"""

__all__ = ["Check"]

import importlib.metadata
import importlib.util
import multiprocessing
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labkit import bootstrap
from labkit._processes.trees import MARKER

if TYPE_CHECKING:
    import psutil

State = Literal["ok", "warn", "FAIL"]

LOOPBACK_S = 5.0
# In the command lines of processes that have no reason to live without their parent.
OURS = ("labkit._processes.supervisor", "labkit serve --supervised")
# Who adopts a process whose parent has gone.
ADOPTERS = {"init", "launchd", "systemd"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    state: State
    """``"ok"``; ``"warn"``: the kit works, with a limit; ``"FAIL"``: it does not."""
    found: str
    """What was found, with the value."""
    todo: str = ""
    """The one thing to do; empty when the state is ``"ok"``."""


def check_python() -> Check:
    """Say which Python runs; one that is too old never gets this far."""
    return Check("Python", "ok", f"{sys.version.split()[0]} at {sys.executable}")


def check_packages(root: Path, lacking: list[str]) -> Check:
    """Compare the packages with the needed and the tested versions."""
    if lacking:
        todo = "python3 -m labkit lab makes .venv and installs them there"
        return Check("packages", "FAIL", f"missing {', '.join(lacking)}", todo)
    lines = (root / "constraints.txt").read_text(encoding="utf-8").split()
    tested = dict(line.split("==") for line in lines)
    names = [line.partition(">=")[0] for line in bootstrap.requirements(root, ())]
    found = {name: importlib.metadata.version(name) for name in names}
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    other = [name for name in names if _major(found[name]) != _major(tested[name])]
    if other:
        todo = f"constraints.txt has the tested versions of {', '.join(other)}"
        return Check("packages", "warn", versions, todo)
    return Check("packages", "ok", versions)


def _major(version: str) -> str:
    return version.partition(".")[0]


def check_venv(*, needed: bool) -> Check:
    """Tell whether this Python can make the kit's own environment."""
    missing = [n for n in ("venv", "ensurepip") if importlib.util.find_spec(n) is None]
    if not missing:
        return Check("venv", "ok", "this Python can make environments")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    todo = f"on Debian and Ubuntu: sudo apt install {package}"
    state: State = "FAIL" if needed else "warn"
    return Check("venv", state, f"no module {' or '.join(missing)}", todo)


def check_disk(root: Path, needed_mb: int) -> Check:
    """Compare the free room on the kit's disk with what is needed."""
    free_mb = shutil.disk_usage(root).free // 1_000_000
    found = f"{free_mb} MB free, {needed_mb} MB needed"
    if free_mb < needed_mb:
        return Check("disk", "FAIL", found, "make room on it")
    return Check("disk", "ok", found)


def check_loopback() -> Check:
    """Send one byte to ourselves, as a server and its clients do."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), LOOPBACK_S) as client,
        ):
            server.settimeout(LOOPBACK_S)
            peer, _ = server.accept()
            with peer:
                client.sendall(b"!")
                peer.settimeout(LOOPBACK_S)
                arrived = peer.recv(1) == b"!"
    except OSError as problem:
        todo = "allow Python on 127.0.0.1 in the firewall or security program"
        return Check("loopback", "FAIL", f"127.0.0.1 does not work ({problem})", todo)
    return Check("loopback", "ok" if arrived else "FAIL", "127.0.0.1 answers")


def check_start_method() -> Check:
    """Say how this system starts processes, without choosing a method for good."""
    default, *others = multiprocessing.get_all_start_methods()
    also = f", also {' and '.join(others)}" if others else ""
    return Check("start method", "ok", f"{default}{also}")


def check_leftovers() -> Check:
    """Look for processes of the kit whose notebook or terminal has gone."""
    if importlib.util.find_spec("psutil") is None:
        return Check("processes", "warn", "not looked at", "this needs psutil")
    pids = " ".join(map(str, sorted(leftovers())))
    if not pids:
        return Check("processes", "ok", "nothing is left running")
    command = "taskkill /F /PID" if sys.platform == "win32" else "kill"
    found = f"left running from earlier: {pids}"
    return Check("processes", "warn", found, f"{command} {pids}")


def leftovers() -> Iterator[int]:
    """Yield the process ids of the kit's programs that nobody owns any more."""
    import psutil  # not at the top: the doctor also runs where it is missing

    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            ours = any(mark in words for mark in OURS) or MARKER in process.environ()
            if ours and ((parent := process.parent()) is None or is_adopter(parent)):
                yield process.pid
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or belongs to somebody else


def is_adopter(process: "psutil.Process") -> bool:
    """Tell whether a process takes in those whose parent has gone."""
    return process.pid == 1 or process.name() in ADOPTERS


def check_work(root: Path) -> Check:
    """Look at what lessons and exercises left in their ``work`` folders."""
    places = (root / "notebooks", root / "exercises")
    files = [
        path for place in places for path in place.rglob("work/*") if path.is_file()
    ]
    keys = [path for path in files if path.suffix == ".key"]
    found = f"{len(files)} files of yours in work folders"
    if keys:
        todo = f"delete the keys of servers that have ended, such as {keys[0]}"
        return Check("work", "warn", f"{found}, {len(keys)} of them keys", todo)
    return Check("work", "ok", found)


def check_git() -> Check:
    """Say whether git is there, which nothing but an update of the kit needs."""
    path = shutil.which("git")
    if path is None:
        return Check("git", "warn", "not found", "only needed to update the kit")
    return Check("git", "ok", path)
