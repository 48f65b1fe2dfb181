"""What earlier lessons left: processes, keys, files that hide Python's modules."""

__all__ = ["check_leftovers", "check_modules", "check_work", "leftovers"]

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labkit._doctor.findings import AFTER_SET_UP, Check
from labkit.supervised import MARK

if TYPE_CHECKING:
    import psutil

# In the command lines of processes that have no reason to live without their parent.
OURS = ("supervised.py", "labkit serve --supervised")
# Who adopts a process whose parent has gone.
ADOPTERS = {"init", "launchd", "systemd"}
# What a lesson imports beyond the standard library.
IMPORTED = {"distributed", "ipywidgets", "labkit", "matplotlib", "psutil", "pytest"}


def check_leftovers() -> Check:
    """Look for processes of the kit whose notebook or terminal has gone."""
    if importlib.util.find_spec("psutil") is None:
        return Check("processes", "warn", "not looked at yet", AFTER_SET_UP)
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
            ours = any(mark in words for mark in OURS) or MARK in process.environ()
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


def check_modules(root: Path) -> Check:
    """Look for files beside notebooks and programs that hide a module of Python's."""
    places = [root / "notebooks", root / "notebooks" / "work"]
    places += (root / "exercises" / "release").glob("*/")
    places += (root / "exercises" / "release").glob("*/work/")
    taken = sys.stdlib_module_names | IMPORTED
    hiding = [p for place in places for p in place.glob("*.py") if p.stem in taken]
    if hiding:
        found = f"{hiding[0]} hides the module {hiding[0].stem} from the lessons"
        return Check("modules", "FAIL", found, f"rename it to my_{hiding[0].name}")
    return Check("modules", "ok", "no file hides one of Python's")
