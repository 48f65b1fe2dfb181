"""Walls around a program that nobody trusts: bubblewrap, where it is there.

Inside there is no network, no other process to be seen or killed, no home and no shared
memory of anybody else; of the disk there are the system, Python, the kit, and what the
program is given. Each process may have so much memory and time, and there may be so
many processes; what all of them use together is not bounded.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from labkit.errors import GradingError

__all__ = ["confined", "require_walls"]

_KIT = Path(__file__).resolve().parent
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc")
_LIMITS = (
    "import resource as r; r.setrlimit(r.RLIMIT_AS, (2 << 30, 2 << 30)); "
    "r.setrlimit(r.RLIMIT_NPROC, (512, 512)); "
)


def _walls(*readable: Path) -> list[str]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--clearenv", "--setenv", "PATH", os.defpath]
    command += ["--setenv", "LANG", "C.UTF-8", "--setenv", "PYTHONUNBUFFERED", "1"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - a new one
    python = sorted({Path(sys.prefix), Path(sys.base_prefix), _KIT})
    for path in [*filter(Path.exists, map(Path, _SYSTEM)), *python, *readable]:
        command += ["--ro-bind", str(path), str(path)]
    return command


def confined(command: list[str], folder: str, readable: list[Path]) -> list[str]:
    """Return the command that runs Python code, the last of `command`, behind walls.

    Inside, it runs in the folder, which can be written to; these files can be read.
    """
    own = ["--bind", folder, folder, "--chdir", folder]
    return [*_walls(*readable), *own, "--", *command[:-1], _LIMITS + command[-1]]


@functools.cache
def require_walls() -> None:
    """Try once whether answers can be confined here; raise GradingError if not."""
    reason = "bubblewrap (bwrap) is not installed"
    if shutil.which("bwrap"):
        imports = "import labkit.grader.fixtures"  # compiled: behind walls nothing is
        subprocess.run([sys.executable, "-c", imports], check=False)
        trial = [*_walls(), "--", sys.executable, "-c", "pass"]
        done = subprocess.run(trial, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        reason = f"bubblewrap doesn't work here ({done.stderr.strip()[:200]})"
    raise GradingError(
        f"Answers of a class run behind walls, and {reason}. Install it, or grade "
        "in the container of deploy/, or give --unconfined: then each answer can do "
        "whatever you can."
    )
