"""Run the tests, the lessons and exercises, cell by cell, with pytest and nbval.

    python3 -m labkit test [--all] [pytest's own arguments]

Of each exercise set one task, and what you changed; with --all also what takes long: every
answer of every task, every start method. A path narrows it:

    python3 -m labkit test tests/test_queue.py -k timeout
    python3 -m labkit test notebooks/04_produce_and_consume.ipynb

Every other argument goes to pytest: python -m pytest --help lists them.
"""

import os
import sys
import tempfile

from labkit.commands import lab
from labkit.setup import ROOT, is_checkout, say

# Somebody chose another number of processes, or wants to talk to the test.
ONE_AT_A_TIME = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "-s", "no:xdist")


def main(argv: list[str]) -> int:
    """Run pytest over the whole kit, or the part that is named; return its status."""
    if not is_checkout():
        return say("the tests are in the kit's own folder: clone it to run them.", 2)
    import pytest  # not at the top: --help needs no packages

    os.chdir(ROOT)
    named = [word for word in argv if (ROOT / word.partition("::")[0]).exists()]
    several = not named and not any(word.startswith(ONE_AT_A_TIME) for word in argv)
    blank = ["exercises/release"] * ("--all" in argv)  # what learners begin with
    places = [] if named else ["tests", "notebooks", "exercises/source", *blank]
    # More processes than cores, for tests wait, above all those that take long.
    count = (os.cpu_count() or 1) + 1 + ("--all" in argv)
    spread = ["-n", str(min(count, 6)), "--dist", "loadfile"]
    options = ["--nbval", "--nbval-current-env", "--durations=10"]
    options += ["--nbval-cell-timeout=60"]  # else half an hour for a dead kernel
    options += [*spread, "--no-loadscope-reorder"] if several else []
    options += [] if sys.stdout.isatty() else ["--color=no"]  # nbval's, in a log file
    with tempfile.TemporaryDirectory(prefix="labkit-test-") as folder:
        # Jupyter, IPython and the kit keep their files there, not in a home folder.
        for kind in ("CONFIG", "DATA", "RUNTIME"):
            os.environ[f"JUPYTER_{kind}_DIR"] = f"{folder}/{kind}"
        os.environ["IPYTHONDIR"] = f"{folder}/ipython"
        os.environ["LABKIT_PROGRESS"] = f"{folder}/progress.json"
        # Compiled once, not by each process anew.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False
        lab.set_paths(os.environ)
        return int(pytest.main([*options, *places, *argv]))
