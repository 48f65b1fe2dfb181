"""Walls around an answer of a class: bubblewrap, where it is there.

Inside there is no network, no other process to be seen or killed, no home and no shared
memory of anybody else; of the disk there are the system, Python, the kit, and the one
task that is checked. Each process may have so much memory and time, and there may be so
many processes; what all of them use together is not bounded.
"""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

from labkit.errors import GradingError
from labkit.grader.runner import Confinement
from labkit.grader.tasks import Task

__all__ = ["confined", "require_walls"]

_KIT = Path(__file__).resolve().parents[1]
_MEMORY_BYTES = 2 << 30
_PROCESSES = 512
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc")


def _walls(*more: str) -> list[str]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - a new one
    python = {sys.prefix, sys.base_prefix, str(_KIT)}
    for path in [*filter(Path.exists, map(Path, _SYSTEM)), *sorted(python)]:
        command += ["--ro-bind", str(path), str(path)]
    return [*command, *more]


def confined(task: Task) -> Confinement:
    """Return what puts walls around a command that checks this task.

    Parameters
    ----------
    task : Task
        Its files can be read inside, and no other of the exercises.
    """

    def confine(command: list[str], folder: Path) -> list[str]:
        limits = (
            f"import resource as r; r.setrlimit(r.RLIMIT_AS, ({_MEMORY_BYTES},) * 2); "
            f"r.setrlimit(r.RLIMIT_NPROC, ({_PROCESSES},) * 2); "
        )
        seen = [*map(str, task.files)]
        walls = [word for path in seen for word in ("--ro-bind", path, path)]
        walls += ["--bind", str(folder), str(folder), "--chdir", str(folder / "work")]
        return [*_walls(*walls), "--", *command[:-1], limits + command[-1]]

    return confine


@functools.cache
def require_walls() -> None:
    """Try once whether answers can be confined on this machine.

    Raises
    ------
    GradingError
        There is no bubblewrap, or the system doesn't let it work.
    """
    if shutil.which("bwrap") is None:
        reason = "bubblewrap (bwrap) is not installed"
    else:
        done = subprocess.run(
            [*_walls(), "--", sys.executable, "-c", "pass"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return
        reason = f"bubblewrap doesn't work here ({done.stderr.strip()[:200]})"
    raise GradingError(
        f"Answers of a class run behind walls, and {reason}. Install it, or grade "
        "in the container of deploy/, or give --unconfined: then each answer can do "
        "whatever you can."
    )
