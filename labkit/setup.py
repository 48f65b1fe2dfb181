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
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED_MB = 700  # in .venv 450, and what it is unpacked from; a test adds it up
LESSONS = "labkit-lessons"  # the folder into which `lab` copies installed lessons
VENV, STATE = ROOT / ".venv", ROOT / ".labkit"
SOURCES = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
AGAIN = "run the same command again"
LABKIT = f"{'py' if os.name == 'nt' else 'python3'} -m labkit"  # as people type it


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
    places = [ROOT] if is_checkout() else [here, *here.parents, here / LESSONS]
    begun = (p for p in places if (p / "notebooks" / "00_start_here.ipynb").is_file())
    return next(begun, course())


def lacking(extras: Sequence[str] = ()) -> list[str]:
    """Return what this Python lacks; labkit, too, if it is not that of this checkout."""
    import tomllib  # here and below: lessons ask for the course alone
    from importlib.metadata import distributions

    if not is_checkout():
        return []  # pip has seen to it
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    more = project["optional-dependencies"]
    lines = project["dependencies"] + [line for name in extras for line in more[name]]
    wanted = {line: re.split(r"[^\w.-]", line)[0] for line in lines}
    missing = [line for line in lines if not any(distributions(name=wanted[line]))]
    for ours in distributions(name=project["name"]):
        if ROOT.as_uri() in (ours.read_text("direct_url.json") or ""):
            return missing
    return ["labkit", *missing]


def run_in_venv(argv: list[str], extras: Sequence[str]) -> int | None:
    """Run a command in .venv, made if need be; return None if this Python will do."""
    if not lacking(extras):
        return None
    try:
        if not is_ready(extras):
            _set_up(extras)
    except KeyboardInterrupt:
        return say(f"the set-up was interrupted: {AGAIN} to finish it.", 130)
    except subprocess.CalledProcessError:
        return say(f"that failed, see above: go online, or mend it, and {AGAIN}.", 1)
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
    """Tell whether .venv has these extras, and is newer than what it was made from."""
    return not (_venv_lacks(extras) or _is_old())


def _is_old() -> bool:
    return VENV.stat().st_mtime < max(source.stat().st_mtime for source in SOURCES)


def _venv_lacks(extras: Sequence[str]) -> list[str]:
    """Return what .venv lacks; labkit, too, where there is none or it does not run."""
    argv = [str(PYTHON), "-I", __file__, *extras]  # the last lines of this file
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.check_output(argv, stderr=-3, text=True).splitlines()
    return ["labkit"]


def _set_up(extras: Sequence[str]) -> None:
    """Make .venv, or bring it up to date; two at once take turns."""
    import sqlite3  # its locks end with the process that holds them

    say(f"setting up .venv: up to {NEEDED_MB} MB and a few minutes, the last silent.")
    STATE.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(STATE / "set-up.lock", timeout=3600)) as db:
        db.execute("BEGIN EXCLUSIVE")
        lacks, uv = _venv_lacks(extras), shutil.which("uv")
        if is_new := "labkit" in lacks:  # or moved, or left half-way: labkit comes last
            _make_venv(uv)
        if is_new or _is_old():
            there = (x for x in ("test", "browser", "lint") if not _venv_lacks([x]))
            names = ",".join({*extras, *there})
            lacks = ["pip", "-e", f"{ROOT}[{names}]".removesuffix("[]")]
        if lacks:  # nothing else is touched: JupyterLab may be running meanwhile
            what = ["install", "-c", str(SOURCES[1]), *lacks]
            if not uv or subprocess.call([uv, "pip", *what, "-p", str(PYTHON)]):
                # pip may know of a mirror or a certificate that uv does not.
                pip = [str(PYTHON), "-u", "-m", "pip", *what, "--no-compile"]
                subprocess.check_call(pip, stdout=sys.stderr)
            VENV.touch()
            say(".venv is ready.")
    if lacks := _venv_lacks(extras):
        sys.exit(f"labkit: .venv still lacks {' '.join(lacks)}: delete it and {AGAIN}.")


def _make_venv(uv: str | None) -> None:
    from importlib.util import find_spec

    if (free := shutil.disk_usage(ROOT).free // 1_000_000) < NEEDED_MB:
        sys.exit(f"labkit: {free} MB free, {NEEDED_MB} needed: make room and {AGAIN}.")
    with_pip = find_spec("ensurepip") is not None
    if not (find_spec("venv") and (with_pip or uv)):
        cure = "install it (on Debian and Ubuntu: sudo apt install python3-venv)"
        sys.exit(f"labkit: this Python cannot make environments: {cure} and {AGAIN}.")
    import venv  # not sooner: a small Python has none

    VENV.unlink() if VENV.is_symlink() else shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, symlinks=os.name != "nt", with_pip=with_pip)


if __name__ == "__main__":  # run by the Python of .venv, for _venv_lacks
    sys.stdout.write("\n".join(lacking(sys.argv[1:])))
