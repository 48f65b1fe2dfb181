"""Make the kit's own ``.venv`` in a checkout, and repair it.

Everything that venv and pip print goes to ``.venv/install.log``. Standard library
only, and readable by Python 3.6: see ``__main__``.
"""

__all__ = ["NEEDED_MB", "SetupError", "ensure"]

import errno
import importlib
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from labkit._bootstrap.environments import Environment
from labkit._bootstrap.pip_output import Progress, explain
from labkit.locks import hold

NEEDED_MB = 1100  # 850 of packages on Linux, and what pip unpacks them from

TICK_S = 0.25
PATIENCE_S = 5.0  # for a pip that was asked to end


class SetupError(Exception):
    """The set-up failed; the message is one sentence with the next step."""


def say(text: str) -> None:
    """Print one line to the person who waits."""
    print(f"labkit: {text}", file=sys.stderr, flush=True)


def ensure(root: Path, lacking: list[str], extras: tuple[str, ...] = ()) -> Path:
    """Make ``.venv`` fit, when it is not yet, and return its Python.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    lacking : list of str
        What the running Python lacks, to tell the reader why ``.venv`` is made.
    extras : tuple of str, optional
        The optional groups that the command needs.

    Returns
    -------
    pathlib.Path
        The interpreter of ``.venv``, not resolved: a link, on Linux and macOS.

    Raises
    ------
    SetupError
        If ``.venv`` cannot be made fit. Its message is one sentence with the next
        step; a second call starts over and repairs what the first one left.
    """
    kit = Environment(root, extras)
    # Asked from within, `lacking` speaks of .venv itself, whatever its stamp says.
    if kit.is_complete() and not kit.is_running():
        return kit.python
    try:
        with hold(root / ".labkit" / "set-up.lock", _on_wait) as lock:
            if kit.is_running() or not kit.is_complete():
                make(kit, lacking, lock)
    except OSError as problem:
        raise SetupError(describe(problem, root)) from problem
    return kit.python


def _on_wait() -> None:
    say("another set-up is at work in this folder; waiting until it ends.")


def make(kit: Environment, lacking: list[str], lock: IO[str]) -> None:
    """Bring ``.venv`` up to date, from whatever state it is in."""
    if not kit.stamp() and kit.lacking() == []:
        kit.finish()  # somebody made it by hand
        return
    if not kit.is_running() and not kit.is_usable():
        check_venv()
        check_space(kit.root)
        few = ", ".join(lacking) if len(lacking) < 3 else f"{len(lacking)} packages"
        say(f"setting up .venv, once: a few minutes, for this Python lacks {few}.")
        start_afresh(kit, lock)
    install(kit, lock)
    left = kit.lacking()
    if left != []:
        missing = ", ".join(left or ["a Python that runs"])
        again = "delete the folder .venv and run the same command again."
        raise SetupError(f"after the set-up .venv still lacks {missing}; {again}")
    kit.finish()


def check_venv() -> None:
    """Refuse a Python that cannot make an environment, and say what to install."""
    try:
        importlib.import_module("venv")
        importlib.import_module("ensurepip")
    except ImportError as problem:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise SetupError(
            f"this Python has no module '{problem.name}': install it (on Debian and "
            f"Ubuntu: sudo apt install {package}) and run the same command again."
        ) from problem


def check_space(root: Path) -> None:
    """Refuse a disk that has no room for the packages."""
    free_mb = shutil.disk_usage(root).free // 1_000_000
    if free_mb < NEEDED_MB:
        raise SetupError(
            f"{free_mb} MB are free where the kit is and the set-up needs {NEEDED_MB} "
            "MB: make room and run the same command again."
        )


def start_afresh(kit: Environment, lock: IO[str]) -> None:
    """Make an empty environment in place of whatever is there."""
    if kit.folder.is_symlink() or kit.folder.is_file():
        kit.folder.unlink()
    elif kit.folder.exists():
        shutil.rmtree(kit.folder)
    kit.folder.mkdir()
    kit.begin()
    progress = Progress(1, set, phase="making the environment")
    status, output = run(
        [sys.executable, "-m", "venv", str(kit.folder)], kit, progress, lock
    )
    if status:
        why = explain(output, NEEDED_MB)
        raise SetupError(f".venv cannot be made: {why} (all of it: {kit.log}).")


def install(kit: Environment, lock: IO[str]) -> None:
    """Install the checkout and all it needs with pip, showing how far it is."""
    kit.begin()
    lines = (kit.root / "constraints.txt").read_text(encoding="utf-8").split()
    progress = Progress(len(lines) + 1, kit.metadata, phase="starting pip")
    pip = [str(kit.python), "-m", "pip", "install", "--no-input", "--no-user"]
    quiet = ["--disable-pip-version-check", "--progress-bar", "off"]
    what = ["-e", f".[{','.join(kit.extras)}]", "-c", "constraints.txt"]
    status, output = run([*pip, *quiet, *what], kit, progress, lock)
    if status:
        why = explain(output, NEEDED_MB)
        raise SetupError(
            f"the packages cannot be installed: {why} (all of it: {kit.log})."
        )
    say(f"the kit is set up in .venv, in {progress.seconds:.0f} s.")


def run(
    argv: list[str], kit: Environment, progress: Progress, lock: IO[str]
) -> tuple[int, str]:
    """Run one program of the set-up; show its progress and keep what it prints.

    Returns
    -------
    tuple of int and str
        Its exit status, and all that it printed, which is also in the log.
    """
    # The lock goes along: should this process be killed, it lasts as long as pip.
    keep = () if os.name == "nt" else (lock.fileno(),)
    child = subprocess.Popen(
        argv,
        cwd=kit.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=keep,
    )
    try:
        with kit.log.open("a", encoding="utf-8") as log:
            return follow(child, progress, log)
    finally:
        progress.close()
        end(child)


def follow(
    child: subprocess.Popen[str], progress: Progress, log: IO[str]
) -> tuple[int, str]:
    """Read a program to its end, and show the progress also while it is silent."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_pump, args=(child, lines), daemon=True)
    reader.start()
    output = []
    while True:
        progress.tick()
        try:
            line = lines.get(timeout=TICK_S)
        except queue.Empty:
            continue
        if line is None:
            break
        log.write(line)
        output.append(line)
        progress.read(line)
    reader.join()
    return child.wait(), "".join(output)


def _pump(child: subprocess.Popen[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in child.stdout or ():
        lines.put(line)
    lines.put(None)


def end(child: subprocess.Popen[str]) -> None:
    """End a program of the set-up that still runs, because this one was interrupted."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def describe(problem: OSError, root: Path) -> str:
    """Say in one sentence why the set-up cannot write where it has to."""
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        cause = f"the disk is full: free about {NEEDED_MB} MB"
    elif problem.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        cause = f"{root} is a read-only folder: copy the kit to a folder of your own"
    else:
        cause = f"{problem}: see to that"
    return f"the set-up cannot write: {cause} and run the same command again."
