"""Run every test, every notebook and every exercise: ``python -m labkit test``.

One pytest run does it all, so that its closing line counts everything: the tests in
``tests/``, then the notebooks cell by cell with nbval.
"""

__all__ = ["main"]

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from labkit._testing import lab

if TYPE_CHECKING:
    import pytest
    from _pytest.terminal import TerminalReporter

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = ("tests", "notebooks", "exercises/source", "exercises/release")
CELL_TIMEOUT_S = 60  # nbval would wait half an hour for a dead kernel
SLOWEST = 10
MOST_AT_A_TIME = 4
BROWSER = ROOT / "tests" / "browser"
BROWSERS_AT_A_TIME = 2  # each with a JupyterLab and its kernels
# Somebody chose another number of processes, or wants to talk to the test.
ONE_AT_A_TIME = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "-s", "no:xdist")

HELP = f"""\
Usage: python -m labkit test [pytest's own arguments]

Runs the tests, then every notebook and exercise cell by cell, in one pytest run,
and names the {SLOWEST} slowest. A path narrows it, and so do pytest's options:

  python -m labkit test tests/test_queues.py -k timeout
  python -m labkit test notebooks/04_produce_and_consume.ipynb

Every argument goes to pytest: python -m pytest --help lists them."""


def main(argv: list[str]) -> int:
    """Run pytest over the whole kit, or over the part that the arguments name.

    Parameters
    ----------
    argv : list of str
        Arguments for pytest.

    Returns
    -------
    int
        pytest's exit status: 0 when everything passed.
    """
    if "--help" in argv or "-h" in argv:
        print(HELP)
        return 0
    import pytest  # not at the top: --help needs no packages

    os.chdir(ROOT)
    sys.dont_write_bytecode = False  # see settle_in
    with tempfile.TemporaryDirectory(prefix="labkit-test-") as folder:
        settle_in(Path(folder), os.environ)
        return int(pytest.main(arguments(argv), plugins=[Summary()]))


def settle_in(folder: Path, environment: MutableMapping[str, str]) -> None:
    """Keep Jupyter and IPython out of the reader's home folder while tests run.

    Parameters
    ----------
    folder : pathlib.Path
        Where they put their files instead.
    environment : mutable mapping of str to str
        What pytest, the kernels and their children inherit, changed in place.
    """
    places = {
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
    }
    for name, place in places.items():
        (folder / place).mkdir()
        environment[name] = str(folder / place)
    # Each of a thousand processes would compile the kit anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    # Running every exercise is no learner's attempt.
    environment["LABKIT_PROGRESS"] = str(folder / "progress.json")
    lab.set_paths(environment)


def arguments(argv: list[str]) -> list[str]:
    """Return pytest's arguments: how notebooks are run, what to run, the reader's."""
    nbval = ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT_S}"]
    named = [text for text in argv if (ROOT / text.partition("::")[0]).exists()]
    places = [] if named else [name for name in EVERYTHING if (ROOT / name).is_dir()]
    # nbval colours its messages unless it is told not to, also in a log file.
    plain = [] if sys.stdout.isatty() else ["--color=no"]
    return [*nbval, *plain, *side_by_side(argv, named), *places, *argv]


def side_by_side(argv: list[str], named: list[str]) -> list[str]:
    """Return the arguments that run several files at a time, unless it was ruled out.

    The tests wait for processes more than they compute; the cells of a notebook, and
    the tests of a file, stay together and in order. What was named runs in order, but
    for the folder of the browser's tests.
    """
    cores = os.cpu_count() or 1
    processes = min(MOST_AT_A_TIME, cores + 2)  # more: some always wait
    if named:
        processes = BROWSERS_AT_A_TIME
        if [Path(text).resolve() for text in named] != [BROWSER]:
            return []
    if cores == 1 or any(text.startswith(ONE_AT_A_TIME) for text in argv):
        return []
    # The order of tests/conftest.py, which puts files first that take long.
    return ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]


class Summary:
    """A pytest plugin: what ran, and what took the longest."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: "pytest.TestReport") -> None:
        """Add one phase of one test or cell; a notebook counts as a whole.

        Parameters
        ----------
        report : pytest.TestReport
            What pytest says of the phase.
        """
        self._seconds[unit(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: "TerminalReporter") -> None:
        """Print the summary above pytest's closing line.

        Parameters
        ----------
        terminalreporter : TerminalReporter
            Where pytest prints.
        """
        terminalreporter.section("what ran")
        terminalreporter.write_line(count(list(self._seconds)))
        terminalreporter.section(f"the {SLOWEST} slowest")
        ranking = sorted(self._seconds.items(), key=lambda pair: -pair[1])
        for name, seconds in ranking[:SLOWEST]:
            terminalreporter.write_line(f"{seconds:7.2f} s  {name}")


def unit(nodeid: str) -> str:
    """Return what a test's time is counted for: itself, or the notebook of its cell."""
    place = nodeid.partition("::")[0]
    return place if place.endswith(".ipynb") else nodeid


def count(units: list[str]) -> str:
    """Say how many notebooks, exercises and tests ran."""
    notebooks = [name for name in units if name.endswith(".ipynb")]
    sources = [name for name in notebooks if "exercises/source/" in name]
    copies = [name for name in notebooks if "exercises/release/" in name]
    lessons = len(notebooks) - len(sources) - len(copies)
    return (
        f"notebooks: {lessons}, exercises: {len(sources)} (and {len(copies)} learners' "
        f"copies), tests: {len(units) - len(notebooks)}"
    )
