"""Every supported Python at hand: this one, pyenv's, and those on the path."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def pythons() -> dict[str, str]:
    """Return the interpreters found, newest last, by version such as ``"3.12"``."""
    found = {f"3.{sys.version_info[1]}": sys.executable}
    if os.name == "nt":  # others have other names there
        return found
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for path in root.glob("versions/3.*/bin/python"):
        minor = re.match(r"3\.(\d+)\.\d+([abrc]+\d+)?$", path.parts[-3])
        if minor and int(minor[1]) > 10:
            found.setdefault(f"3.{minor[1]}", str(path))
    for minor in range(11, 20):
        path = shutil.which(f"python3.{minor}")
        if f"3.{minor}" not in found and path and _runs(path):
            found[f"3.{minor}"] = path
    return dict(sorted(found.items(), key=lambda item: int(item[0][2:])))


def oldest_and_newest() -> list[str]:
    """Return one or two versions."""
    versions = list(pythons())
    return sorted({versions[0], versions[-1]}, key=versions.index)


def _runs(python: str) -> bool:
    """Tell a real Python from a name that pyenv has for one that is not chosen."""
    command = [python, "-I", "-c", ""]
    return not subprocess.run(command, capture_output=True, check=False).returncode


@functools.cache
def changed_exercises():
    """Return, as one text, the files of the exercises that nobody else has yet."""
    for since in ("@{upstream}", "HEAD"):
        command = ["git", "diff", "--name-only", since, "--", "exercises"]
        with contextlib.suppress(OSError):  # there may be no git
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout
    return ""
