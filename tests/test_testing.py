"""One command runs tests and notebooks, counts them, and names the slowest."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

from labkit import testing

TEST = '''
def test_one():
    """Pass."""


def test_two():
    """Pass too."""
'''


def notebook(path, *cells):
    """Write a notebook with those code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(book, path)


def run(home, *arguments):
    """Run the command in an empty home folder."""
    jupyter = ("JUPYTER", "IPYTHON", "XDG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(jupyter)}
    return subprocess.run(
        [sys.executable, "-m", "labkit", "test", *map(str, arguments)],
        cwd=testing.ROOT,
        env={**kept, "HOME": str(home), "USERPROFILE": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Return a folder with two tests, a lesson and an exercise."""
    folder = tmp_path_factory.mktemp("material")
    (folder / "test_small.py").write_text(TEST, encoding="utf-8")
    notebook(folder / "notebooks" / "lesson.ipynb", "import labkit", "assert True")
    notebook(folder / "exercises" / "source" / "one" / "one.ipynb", "1 + 1")
    notebook(folder / "exercises" / "release" / "one" / "one.ipynb", "1 + 1")
    return folder


def test_everything_is_counted_in_one_run(material, tmp_path):
    """Tests and cells are one pytest run; the summary stands above its last line."""
    done = run(tmp_path, material)
    assert done.returncode == 0, done.stdout
    *_, last = done.stdout.splitlines()
    assert re.fullmatch(r"=+ 6 passed in [0-9.]+s =+", last)
    counted = "notebooks: 1, exercises: 1 (and 1 learners' copies), tests: 2"
    assert counted in done.stdout
    slowest = done.stdout.partition("the 10 slowest")[2]
    assert re.search(r"\d+\.\d\d s  \S*notebooks/lesson\.ipynb\n", slowest)
    assert re.search(r"\d+\.\d\d s  \S*test_small\.py::test_two\n", slowest)
    assert list(tmp_path.iterdir()) == []  # the home folder is as empty as before


def test_arguments_narrow_and_a_failing_cell_fails(material, tmp_path):
    """Paths and -k reach pytest; a cell that raises fails the run, in plain text."""
    notebook(tmp_path / "wrong.ipynb", "1 / 0")
    places = material / "test_small.py", tmp_path / "wrong.ipynb"
    done = run(tmp_path / "home", *places, "-k", "two or Cell")
    assert done.returncode == 1
    assert "1 failed, 1 passed, 1 deselected" in done.stdout.splitlines()[-1]
    assert "ZeroDivisionError" in done.stdout
    assert "\x1b[94m" not in done.stdout


def test_help_says_how_to_narrow(capsys):
    """--help is ours, and says that the rest is pytest's."""
    assert testing.main(["--help"]) == 0
    assert "Every argument goes to pytest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "everything"),
    [
        ([], True),
        (["-x", "-k", "queue"], True),
        (["tests/test_testing.py"], False),
        (["tests/test_testing.py::test_arguments"], False),
    ],
)
def test_all_places_unless_one_is_named(argv, everything):
    """Options keep everything; a path, or a test's name, narrows."""
    found = testing.arguments(argv)
    assert ("notebooks" in found) is everything
    assert found[-len(argv) :] == argv or not argv


@pytest.mark.parametrize(
    ("argv", "processes", "together"),
    [([], 2, True), ([], 1, False), (["--pdb"], 2, False), (["-n0"], 2, False)],
)
def test_files_run_side_by_side(monkeypatch, argv, processes, together):
    """Everything runs on several processors, unless there is one or it is ruled out."""
    monkeypatch.setattr(testing.os, "cpu_count", lambda: processes)
    assert testing.arguments(argv).count("loadfile") == together
    assert "loadfile" not in testing.arguments([*argv, "tests/test_testing.py"])
    assert testing.arguments([*argv, "tests/browser"]).count("loadfile") == together


def test_a_notebook_counts_as_a_whole():
    """The time of a cell is its notebook's; that of a test is its own."""
    assert testing.unit("notebooks/a.ipynb::Cell 3") == "notebooks/a.ipynb"
    assert testing.unit("tests/test_a.py::test_b") == "tests/test_a.py::test_b"
