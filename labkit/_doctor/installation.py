"""Python, its packages, and the folders that the kit writes to."""

__all__ = [
    "check_disk",
    "check_folders",
    "check_git",
    "check_packages",
    "check_python",
    "check_venv",
]

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from labkit import bootstrap
from labkit._doctor.findings import Check, State

# Of the kit's folder: the learner's answers, programs and points go there.
WRITTEN = ("notebooks", "exercises", ".labkit")


def check_python() -> Check:
    """Say which Python runs; one that is too old never gets this far."""
    return Check("Python", "ok", f"{sys.version.split()[0]} at {sys.executable}")


def check_packages(root: Path, lacking: list[str]) -> Check:
    """Compare the packages with the needed and the tested versions."""
    if lacking:
        todo = "python3 -m labkit lab makes .venv and installs them there"
        few = ", ".join(lacking) if len(lacking) < 4 else f"{len(lacking)} packages"
        return Check("packages", "FAIL", f"missing {few}", todo)
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


def check_folders(root: Path) -> Check:
    """Tell whether the kit, Jupyter and programs may write where they have to."""
    closed = [place for name in WRITTEN if not may_write(place := root / name)]
    if closed:
        todo = "copy the kit to a folder of your own and work there"
        return Check("folders", "FAIL", f"{closed[0]} is read-only", todo)
    for place, variable in _outside():
        if not may_write(place):
            found = f"{place} cannot be written to"
            todo = f"let {variable} name a folder of your own"
            return Check("folders", "FAIL", found, todo)
    return Check("folders", "ok", "the kit's, Jupyter's and Python's can be written to")


def _outside() -> list[tuple[Path, str]]:
    """Return folders outside the kit that are written to, and what moves them."""
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError:  # when none of the usual places can be written to
        temporary = Path(os.environ.get("TMPDIR", os.sep + "tmp"))
    places = [(temporary, "TMPDIR" if os.name == "posix" else "TEMP")]
    if importlib.util.find_spec("jupyter_core") is None:
        return [*places, (Path.home(), "HOME")]
    from jupyter_core import paths

    return [
        *places,
        (Path(paths.jupyter_runtime_dir()), "HOME (or JUPYTER_RUNTIME_DIR)"),
        (Path(paths.jupyter_config_dir()), "HOME (or JUPYTER_CONFIG_DIR)"),
    ]


def may_write(folder: Path) -> bool:
    """Tell whether files can be made in a folder, or the folder itself can."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def check_git() -> Check:
    """Say whether git is there, which nothing but an update of the kit needs."""
    path = shutil.which("git")
    if path is None:
        return Check("git", "warn", "not found", "only needed to update the kit")
    return Check("git", "ok", path)
