"""Decide which Python runs a command: this one, or the kit's own ``.venv``.

A Python that already has every dependency and this checkout (conda, Binder, an
active venv) runs the command in place. Any other hands it over to ``.venv`` in the
checkout, which is made on first use and repaired when it is out of date. Standard
library only, and readable by Python 3.6: see ``__main__``.
"""

__all__ = ["SetupError", "prepare", "requirements", "unmet"]

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.parse
import urllib.request
from pathlib import Path

from labkit._bootstrap.installer import SetupError, ensure

ROOT = Path(__file__).resolve().parent.parent


def requirements(root: Path, extras: tuple[str, ...]) -> list[str]:
    """Return the dependency lines of ``pyproject.toml``, with those of the extras.

    Parameters
    ----------
    root : pathlib.Path
        The checkout, which holds ``pyproject.toml``.
    extras : tuple of str
        The names of optional groups to include.

    Returns
    -------
    list of str
        Lines such as ``"psutil>=7"``.
    """
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    optional = project.get("optional-dependencies", {})
    groups = [project.get("dependencies", []), *(optional[name] for name in extras)]
    return [line for group in groups for line in group]


def satisfied(requirement: str) -> bool:
    """Tell whether this interpreter has a distribution at the version asked for.

    Parameters
    ----------
    requirement : str
        A name, or a name with one lower bound: ``"psutil>=7"``. The kit's own list
        uses no other form, and a test keeps it so.

    Returns
    -------
    bool
        Whether the distribution is installed, at the bound or above it.
    """
    name, _, bound = requirement.partition(">=")
    try:
        found = importlib.metadata.version(name.strip())
    except importlib.metadata.PackageNotFoundError:
        return False
    return _release(found) >= _release(bound)


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\s*v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, numbers.group(1).split("."))) if numbers else ()


def has_checkout(root: Path) -> bool:
    """Tell whether this interpreter imports labkit from the checkout, from any folder.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.

    Returns
    -------
    bool
        Whether labkit is installed as a link to `root`, which a notebook's kernel
        needs; that Python finds ``labkit`` in the current folder does not count.
    """
    for entry in importlib.metadata.distributions(name="labkit"):
        origin = json.loads(entry.read_text("direct_url.json") or "{}")
        path = urllib.parse.urlparse(origin.get("url", "")).path
        if path and Path(urllib.request.url2pathname(path)).resolve() == root.resolve():
            return True
    return False


def unmet(root: Path, extras: tuple[str, ...]) -> list[str]:
    """Return what this interpreter lacks to run the kit of a checkout.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    extras : tuple of str
        The names of optional groups that are needed too.

    Returns
    -------
    list of str
        Requirements that are not met; empty when the interpreter is fit.
    """
    lacking = [line for line in requirements(root, extras) if not satisfied(line)]
    return lacking if has_checkout(root) else [*lacking, "labkit"]


def prepare(argv: list[str], extras: tuple[str, ...], root: Path = ROOT) -> int | None:
    """Make sure that a command runs where its packages are.

    Parameters
    ----------
    argv : list of str
        The command and its arguments, to hand over.
    extras : tuple of str
        The optional groups that the command needs beyond the dependencies.
    root : pathlib.Path, optional
        The checkout; that of this file by default.

    Returns
    -------
    int or None
        None: run the command here. A number: the command has run elsewhere, or the
        set-up failed after saying why in one sentence; end with this exit status.

    Notes
    -----
    On Linux and macOS the kit's own Python takes the place of this process, so a
    command that is handed over never returns here.
    """
    try:
        lacking = unmet(root, extras)
        if not lacking:
            return None
        python = ensure(root, lacking, extras)
    except SetupError as problem:
        print(f"labkit: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        again = "run the same command again and it repairs what is unfinished."
        print(f"\nlabkit: the set-up was interrupted; {again}", file=sys.stderr)
        return 130
    return hand_over([str(python), "-m", "labkit", *argv])


def hand_over(argv: list[str]) -> int:
    """Let another interpreter take the place of this process.

    Parameters
    ----------
    argv : list of str
        The interpreter and its arguments.

    Returns
    -------
    int
        Its exit status, on Windows; elsewhere this function does not return.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted
    with subprocess.Popen(argv) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # the child got it as well, and decides
