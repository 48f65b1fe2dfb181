"""Every supported Python at hand: this one, those on the path, and pyenv's."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def pythons() -> dict[str, str]:
    """Return the interpreters found, newest last, by version such as ``"3.12"``."""
    found = {f"3.{sys.version_info[1]}": sys.executable}
    for candidate in _candidates():
        version = _version(candidate)
        if version and version >= (3, 11):
            found.setdefault(f"3.{version[1]}", candidate)
    return dict(sorted(found.items(), key=lambda item: int(item[0][2:])))


def oldest_and_newest() -> list[str]:
    """Return one or two versions."""
    versions = list(pythons())
    return sorted({versions[0], versions[-1]}, key=versions.index)


def _candidates() -> list[str]:
    on_path = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    return [name for name in on_path if name] + _of_pyenv()


def _of_pyenv() -> list[str]:
    if not (pyenv := shutil.which("pyenv")):
        return []
    answer = subprocess.run(
        [pyenv, "root"], capture_output=True, text=True, check=False
    )
    root = Path(answer.stdout.strip() or ".")
    return [str(path) for path in root.glob("versions/3.*/bin/python")]


def _version(candidate: str) -> tuple[int, int] | None:
    code = "import sys; print(*sys.version_info[:2])"
    answer = subprocess.run(
        [candidate, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    numbers = answer.stdout.split()
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None
