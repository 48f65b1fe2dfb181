"""Tell whether this machine is fit for the kit, and what is left over from before.

It changes nothing, and asks nothing outside the machine. In a notebook, call doctor().

    python3 -m labkit doctor
"""

import contextlib
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

from labkit import setup
from labkit.commands import common
from labkit.supervised import MARK

_Seen = tuple[str, str, str]  # the state, what was found, what to do about it
ROOM_MB = 200  # to work in, once the packages are there
LESSON_MB = 350  # lesson 05: JupyterLab 140, the kernel 100, its programs 100
COMFORT_MB = 1000  # lesson 11 takes 650, the browser's page the rest
CGROUP = Path("/sys/fs/cgroup")  # in a container on Linux, its own
ADOPTERS = {"init", "launchd", "systemd"}  # of processes whose parent has gone
IMPORTED = {"distributed", "ipywidgets", "labkit", "matplotlib", "psutil", "pytest"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, what was found, and what to do about it.

    ``state`` is ``"ok"``, ``"warn"`` (the kit works, with a limit) or ``"FAIL"``.
    """

    name: str
    state: str
    found: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.found}: {self.todo}" if self.todo else self.found


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at, in order; shows itself as a table."""

    checks: tuple[Check, ...]

    @property
    def fit(self) -> bool:
        """Whether no check failed."""
        return all(check.state != "FAIL" for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence for all of it."""
        states = {check.state for check in self.checks}
        if "FAIL" in states:
            return "This machine is not fit yet: see to what says FAIL."
        limits = ", within the limits that say warn" if "warn" in states else ""
        return f"This machine is fit for the kit{limits}."

    def __repr__(self) -> str:
        rows = [f"{check.state:<4}  {check.name:<9}  {check}" for check in self.checks]
        return "\n".join([*rows, self.verdict])

    def _repr_html_(self) -> str:
        left, rows = 'style="text-align:left"', {True: "", False: ""}
        for check in self.checks:
            rows[check.state == "ok"] += (
                f'<tr><td><b>{check.state}</b></td><th scope="row" {left}>{check.name}'
                f"</th><td {left}>{escape(str(check))}</td></tr>"
            )
        return (
            f"<p><b>{self.verdict}</b></p><table>{rows[False]}</table><details><summary>"
            f"What is fine</summary><table>{rows[True]}</table></details>"
        )


def doctor() -> Diagnosis:
    """Check whether this machine is fit for the kit; takes well under a second.

    Examples
    --------
    >>> doctor().fit
    True
    """
    checks = []
    for look in CHECKS:
        try:
            state, found, todo = look()
        except ImportError:  # psutil: the doctor also runs before the set-up
            state, found, todo = "warn", "not looked at", "ask again after the set-up"
        name = look.__name__.removeprefix("_")
        checks.append(Check(name, state, found, "" if state == "ok" else todo))
    return Diagnosis(tuple(checks))


def _folder() -> Path:
    folder = setup.lessons()
    return folder if os.access(folder, os.W_OK) or setup.is_checkout() else Path.cwd()


def _packages() -> _Seen:
    python = f"for Python {sys.version.split()[0]} at {sys.executable}"
    if not (missing := setup.lacking()):
        return "ok", f"all that lessons need are installed {python}", ""
    todo = f"{setup.LABKIT} lab installs them, in .venv"
    return "FAIL", f"missing {', '.join(missing)} {python}", todo


def _disk() -> _Seen:
    needed_mb = setup.NEEDED_MB if setup.lacking() else ROOM_MB
    free_mb = shutil.disk_usage(_folder()).free // 1_000_000
    state = "FAIL" if free_mb < needed_mb else "ok"
    return state, f"{free_mb:,} MB free, {needed_mb} MB needed", "make room on it"


def _folders() -> _Seen:
    todo = "copy the kit to a folder of your own and work there"
    places = {_folder() / n: todo for n in ("notebooks", "exercises", ".labkit")}
    with contextlib.suppress(ImportError):
        from jupyter_core import paths

        for kind in ("runtime", "config"):
            place = Path(getattr(paths, f"jupyter_{kind}_dir")())
            places[place] = f"let JUPYTER_{kind.upper()}_DIR name a folder of your own"
    for place, todo in places.items():
        there = next(p for p in (place, *place.parents) if p.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            return "FAIL", f"{place} is read-only", todo
    return "ok", "lessons and Jupyter may write", ""


def _memory() -> _Seen:
    import psutil

    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # "max": a container without a limit
        files = [CGROUP / f"memory.{name}" for name in ("max", "current", "stat")]
        limit, used, stat = (file.read_text() for file in files)
        cached = stat.partition("inactive_file ")[2].split()[0]  # freed when needed
        free = min(free, max(int(limit) - int(used) + int(cached), 0))
    mb = free // 1_000_000
    state = "ok" if mb >= COMFORT_MB else "warn" if mb >= LESSON_MB else "FAIL"
    needs = f"a lesson takes {LESSON_MB} to 650, a browser as much again"
    todo = "end other programs and kernels (in JupyterLab: Kernel, Shut Down All)"
    return state, f"{mb:,} MB free, {needs}", todo


def _loopback() -> _Seen:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 5).close()
    except OSError as error:
        todo = "allow it in the firewall, or end programs with many connections"
        return "FAIL", f"127.0.0.1 does not work ({error})", todo
    return "ok", "programs reach each other at 127.0.0.1", ""


def _processes() -> _Seen:
    import psutil

    left = []  # the kit's own, whose notebook or terminal has gone
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = " ".join(process.cmdline())
            if "labkit serve --supervised" in words or MARK in process.environ():
                parent = process.parent()
                if parent is None or parent.name() in ADOPTERS:
                    left.append(str(process.pid))
    if not left:
        return "ok", "none is left running", ""
    kill, pids = "taskkill /F /PID" if os.name == "nt" else "kill", " ".join(left)
    return "warn", f"left running: {pids}", f"{kill} {pids}"


def _work() -> _Seen:
    folders = (_folder() / "notebooks", _folder() / "exercises")
    for path in (file for folder in folders for file in folder.rglob("*.py")):
        if path.stem in sys.stdlib_module_names | IMPORTED:
            found = f"{path} hides the module {path.stem} from the lessons"
            return "FAIL", found, f"rename it to my_{path.name}"
    return "ok", "no file of yours hides a module of Python's", ""


CHECKS = (_packages, _disk, _folders, _memory, _loopback, _processes, _work)


def run(_: common.Options) -> int:
    """Print the diagnosis; return 0 when the machine is fit, 1 when it is not."""
    if setup.lacking() and setup.is_ready():  # commands run in .venv: ask about that
        return setup.hand_over([str(setup.PYTHON), "-m", "labkit", "doctor"])
    found = doctor()
    common.show(str(found))
    return common.DONE if found.fit else common.FAILED
