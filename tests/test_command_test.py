"""One command runs tests and notebooks, in an empty home."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from programs import environment

from labkit.commands import test as command


def notebook(path, *cells):
    """Write a notebook with those code cells."""
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(book, path)


def run(home, *arguments):
    """Run the command in an empty home folder."""
    return subprocess.run(
        [sys.executable, "-m", "labkit", "test", *map(str, arguments)],
        cwd=command.ROOT,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.long
def test_tests_and_notebooks_are_one_run(tmp_path):
    """A failing cell fails the run, in plain text; the home folder stays empty."""
    home, folder = tmp_path / "home", tmp_path / "material"
    home.mkdir()
    folder.mkdir()
    (folder / "test_small.py").write_text("def test_a(): pass\n", encoding="utf-8")
    notebook(folder / "good.ipynb", "import labkit", "assert True")
    done = run(home, folder)
    assert done.returncode == 0, done.stdout
    assert re.search(r"3 passed in", done.stdout.splitlines()[-1])
    assert list(home.iterdir()) == []
    notebook(folder / "wrong.ipynb", "1 / 0")
    done = run(home, folder / "test_small.py", folder / "wrong.ipynb", "-v")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout.splitlines()[-1]
    assert "ZeroDivisionError" in done.stdout
    assert "\x1b[94m" not in done.stdout


@pytest.mark.parametrize(
    ("argv", "everything", "together"),
    [
        ([], True, True),
        (["-x", "-k", "queue"], True, True),
        (["--all", "--storm", "50"], True, True),
        (["--pdb"], True, False),
        (["-n0"], True, False),
        (["tests/test_command_test.py"], False, False),
        (["tests/test_command_test.py::test_help"], False, False),
    ],
)
def test_all_places_unless_one_is_named(monkeypatch, argv, everything, together):
    """Options keep everything, several files at a time; a path narrows."""
    asked = []
    monkeypatch.setattr(pytest, "main", lambda words: asked.extend(words) or 0)
    monkeypatch.setattr(command.os, "environ", dict(os.environ))
    assert command.main(argv) == 0
    assert ("notebooks" in asked) is everything
    assert ("loadfile" in asked) is together
    assert asked[-len(argv) :] == argv or not argv


@pytest.mark.long
def test_every_option_is_known_beside_a_notebook():
    """What failed in a notebook is tried again with the options of the whole run."""
    words = "-m labkit test --all --storm 50 --collect-only -q"
    run = [sys.executable, *words.split(), "notebooks/00_start_here.ipynb"]
    assert subprocess.run(run, capture_output=True, check=False).returncode == 0
