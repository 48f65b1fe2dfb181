"""Give commands what they need: in a checkout, a ``.venv`` that is made on first use.

A Python that has it all (conda, Binder, an active environment) runs the command itself.
Standard library only. ``uv`` is used where it is there, else ``venv`` and ``pip``.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NEEDED_MB = 700  # in .venv 450, and what it is unpacked from; a test adds it up
LESSONS = "labkit-lessons"  # the folder into which `lab` copies installed lessons
VENV, STATE = ROOT / ".venv", ROOT / ".labkit"
SOURCES = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP, LOG = STATE / "extras", STATE / "set-up.log"
AGAIN = "run the same command again"
CAUSES = {  # what venv, pip and uv print, and what to do about it
    "ensurepip is not|No module named '?(venv|ensurepip)": "this Python cannot make "
    "environments: install it (on Debian and Ubuntu: sudo apt install python3-venv)",
    "Errno 28|WinError 112|No space": "the disk is full: make room",
    "connection broken|new connection|to (connect|fetch)|timed out|resolve|versions: "
    "none": "the package index cannot be reached: connect to the network",
}


class _SetupError(Exception):
    """The set-up failed; the message says why and what to do."""


def say(sentence: str, status: int = 0, who: str = "labkit") -> int:
    """Say a sentence on standard error; return the exit status that goes with it."""
    with contextlib.suppress(OSError):  # nobody reads it any more
        if sys.stderr:  # None where it was closed
            print(f"{who}: {sentence}", file=sys.stderr, flush=True)
    return status


def is_checkout() -> bool:
    """Tell whether labkit runs from its source tree, not from an installed wheel."""
    return (ROOT / "pyproject.toml").is_file() and (ROOT / "notebooks").is_dir()


def course() -> Path:
    """Return the folder of lessons and exercises: the checkout, or an installed one."""
    return ROOT if is_checkout() else Path(__file__).parent / "course"


def lessons() -> Path:
    """Return the folder of the learner's own lessons: the checkout, or copies nearby."""
    here = Path.cwd()
    for place in [ROOT] if is_checkout() else [here, *here.parents, here / LESSONS]:
        if (place / "notebooks" / "00_start_here.ipynb").is_file():
            return place
    return course()


def lacking(extras: Sequence[str] = ()) -> list[str]:
    """Return the requirements that this Python does not meet, of these extras, too.

    ``"labkit"`` is among them if a notebook would not import it from this checkout.
    """
    import tomllib  # here and below: lessons ask for the course alone
    from importlib.metadata import distributions

    if not is_checkout():
        return []  # pip has seen to it
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"]]
    for name in extras:
        lines += project["optional-dependencies"][name]
    wanted = {line: re.split(r"[^\w.-]", line)[0] for line in lines}
    missing = [line for line in lines if not any(distributions(name=wanted[line]))]
    for ours in distributions(name=project["name"]):
        if ROOT.as_uri() in (ours.read_text("direct_url.json") or ""):
            return missing
    return ["labkit", *missing]


def run_in_venv(argv: list[str], extras: Sequence[str]) -> int | None:
    """Run ``python -m labkit`` where its packages are, after installing them if needed.

    Returns None where this Python has them, else the exit status of the command (which
    on Linux and macOS replaces this process) or of a set-up that failed.
    """
    if not lacking(extras):
        return None
    try:
        if not is_ready(extras):
            with _lock():
                if not is_ready(extras):
                    _set_up(extras)
    except KeyboardInterrupt:
        return say(f"the set-up was interrupted: {AGAIN} to finish it.", 130)
    except _SetupError as error:
        return say(f"{error} and {AGAIN}.", 1)
    except OSError as error:
        return say(f"the set-up cannot write: {error}; copy the kit elsewhere.", 1)
    return hand_over([str(PYTHON), "-m", "labkit", *argv])


def hand_over(argv: list[str]) -> int:
    """Let another program take the place of this one; on Windows, wait for it."""
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted
    with subprocess.Popen(argv) as child:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the child gets it, too
                return child.wait()


def is_ready(extras: Sequence[str] = ()) -> bool:
    """Tell whether .venv is newer than what it was made from, and has these extras."""
    return _is_newer() and not _venv_lacks(extras)


def _is_newer() -> bool:
    made = STAMP.stat().st_mtime if STAMP.is_file() else 0
    return made > max(source.stat().st_mtime for source in SOURCES)


def _venv_lacks(extras: Sequence[str]) -> list[str]:
    """Return what .venv lacks; labkit, too, where there is none or it does not run."""
    argv = [str(PYTHON), "-I", __file__, *extras]  # the last lines of this file
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        said: str = subprocess.check_output(argv, stderr=-3, text=True)
        return said.splitlines()
    return ["labkit"]


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Hold a lock that the system gives back however this process ends."""
    import sqlite3

    STATE.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(STATE / "set-up.lock", timeout=0)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            say("another set-up is running in this folder; waiting until it ends.")
            lock.execute("PRAGMA busy_timeout = 3600000")
            lock.execute("BEGIN EXCLUSIVE")
        yield


def _set_up(extras: Sequence[str]) -> None:
    began, lacks = time.monotonic(), _venv_lacks(extras)
    python, uv = getattr(sys, "_base_executable", sys.executable), shutil.which("uv")
    known = STAMP.read_text("utf-8").split() if STAMP.is_file() else []
    names = sorted({*extras, *known})
    if is_new := "labkit" in lacks:  # or moved, or left half-way: labkit comes last
        if (free_mb := shutil.disk_usage(ROOT).free // 1_000_000) < NEEDED_MB:
            raise _SetupError(f"{free_mb} MB are free, {NEEDED_MB} needed: make room")
        say(f"making .venv, once: {NEEDED_MB} MB, and a minute or two.")
        VENV.unlink() if VENV.is_symlink() else shutil.rmtree(VENV, ignore_errors=True)
        _run([uv, "venv", "--seed", "-p", python, VENV], [python, "-m", "venv", VENV])
    if is_new or (STAMP.is_file() and not _is_newer()):
        lacks = ["-e", f"{ROOT}[{','.join(names)}]".removesuffix("[]")]
    if lacks:  # nothing else is touched: JupyterLab may be running meanwhile
        what = [*lacks, "-c", SOURCES[1]]
        pip = [PYTHON, "-u", "-m", "pip", "install", "--no-compile"]
        _run([uv, "pip", "install", "-p", PYTHON, *what], [*pip, *what])
    if lacks := _venv_lacks(extras):
        raise _SetupError(f".venv still lacks {' '.join(lacks)}: delete it")
    STAMP.write_text(" ".join(names), "utf-8")
    say(f".venv is ready, after {time.monotonic() - began:.0f} s.")


def _run(*commands: list[Any]) -> None:
    """Run the first command that is there and works; say meanwhile what it does."""
    began = time.monotonic()
    for command in filter(lambda words: words[0], commands):
        with LOG.open("w", encoding="utf-8") as log:
            child = subprocess.Popen(command, stdin=-3, stdout=log, stderr=log)
        try:
            while child.poll() is None:
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    now = LOG.read_text("utf-8", "replace").strip().rpartition("\n")[2]
                    say(f"{time.monotonic() - began:.0f} s: {now:.60}")
        finally:
            child.terminate()
            child.wait()
        if child.returncode == 0:
            return
    said = LOG.read_text("utf-8", "replace")[-6000:]
    why = (todo for what, todo in CAUSES.items() if re.search(what, said))
    errors = re.findall(r"(?i)^\s*error: .+", said, re.MULTILINE) or ["it failed"]
    raise _SetupError(next(why, f"{errors[-1].strip()} (more: {LOG}); see to that"))


if __name__ == "__main__":  # run by the Python of .venv, for _venv_lacks
    sys.stdout.write("\n".join(lacking(sys.argv[1:])))
