"""The logbook: rows that several kernels write, and files that cannot be used."""

import contextlib
import json
import sqlite3
import subprocess
import sys

import pytest

from labkit.logbook import Logbook, TaskRow


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    """Return the file of a learner who has done nothing yet."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "mine" / "progress.json"))
    return tmp_path / "mine" / "progress.db"


def test_looking_leaves_no_file(path):
    """Reading before anything was answered finds nothing and makes nothing."""
    assert Logbook().tasks() == Logbook().notes("quizzes") == {}
    assert Logbook().path == path
    assert not path.parent.exists()


def test_the_best_attempt_counts():
    """Attempts are counted; points stay the best; hints never close again."""
    for points in (3.0, 5.0, 4.0):
        Logbook().attempt("04.1", points, 6.0)
    for opened in (1, 2, 1):
        Logbook().open_hints("04.1", opened)
    assert Logbook().tasks() == {"04.1": TaskRow(3, 5.0, 6.0, 2)}


def test_notes_are_kept_and_replaced():
    """Another kernel finds a note; a second one replaces it; nonsense changes nothing."""
    Logbook().note("predictions", "04-guess", {"guess": "b"})
    Logbook().note("predictions", "04-guess", {"guess": "a", "right": True})
    with pytest.raises(TypeError):
        Logbook().note("predictions", "04-guess", {"what": object()})
    assert Logbook().notes("predictions") == {"04-guess": {"guess": "a", "right": True}}
    assert Logbook().notes("quizzes") == {}


def test_the_file_of_the_version_before_is_taken_over_once(path):
    """Its points, hints and notes are there, and the file stays as it was."""
    path.parent.mkdir()
    task = {"attempts": 2, "best": 3.0, "out_of": 5.0, "hints": 1}
    notes = {"quizzes": {"04-quiz": {"right": True}}, "predictions": {}}
    old = path.with_suffix(".json")
    old.write_text(json.dumps({"version": 1, "tasks": {"04.1": task}} | notes))
    before = old.read_text()
    assert Logbook().tasks() == {"04.1": TaskRow(2, 3.0, 5.0, 1)}
    Logbook().attempt("04.1", 4.0, 5.0)
    assert Logbook().tasks()["04.1"] == TaskRow(3, 4.0, 5.0, 1)
    assert Logbook().notes("quizzes") == {"04-quiz": {"right": True}}
    assert old.read_text() == before


@pytest.mark.parametrize(
    "text",
    ['{"tasks": {"04.', "[]", '{"tasks": {"04.1": {"best": "five"}}}', "[" * 100_000],
    ids=["half", "list", "words for numbers", "deep"],
)
def test_a_damaged_old_file_is_said_once(path, text):
    """It is no obstacle: counting goes on."""
    path.parent.mkdir()
    path.with_suffix(".json").write_text(text)
    logbook = Logbook()
    logbook.attempt("04.2", 3.0, 5.0)
    assert "earlier points may be missing" in logbook.trouble
    assert logbook.tasks()["04.2"].best == 3.0
    assert logbook.trouble == ""


@pytest.mark.parametrize(
    "text", ["", b"no database, of more than 16 bytes", b"x" * 9000]
)
def test_a_file_that_is_not_ours_is_left_as_it_is(path, text):
    """Nothing is fatal; a newer version's file is somebody else's, too."""
    path.parent.mkdir()
    said = "cannot be used (file is not a database)"
    if text:
        path.write_bytes(text)
    else:
        said = "a newer version of the kit wrote it"
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    logbook = Logbook()
    logbook.attempt("04.1", 3.0, 5.0)
    assert said in logbook.trouble
    assert logbook.tasks()["04.1"].best == 3.0
    assert path.read_bytes() == before


def test_what_could_not_be_written_is_written_later(path):
    """While a file is in the way answers are remembered; afterwards they are kept."""
    path.parent.write_text("in the way")
    logbook = Logbook()
    logbook.attempt("04.1", 3.0, 5.0)
    assert "Set LABKIT_PROGRESS to a file on a local disk" in logbook.trouble
    logbook.open_hints("04.1", 1)
    assert logbook.tasks()["04.1"] == TaskRow(1, 3.0, 5.0, 1)
    path.parent.unlink()
    Logbook().attempt("04.2", 6.0, 6.0)  # another notebook, meanwhile
    assert logbook.tasks()["04.1"] == Logbook().tasks()["04.1"]
    assert logbook.trouble == ""
    assert set(Logbook().tasks()) == {"04.1", "04.2"}


def test_while_another_program_holds_the_file(path, monkeypatch):
    """Answers are remembered, and kept when the file is free."""
    monkeypatch.setattr("labkit.logbook.PATIENCE_S", 0.05)
    Logbook().attempt("04.1", 3.0, 5.0)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    logbook = Logbook()
    logbook.attempt("04.1", 4.0, 5.0)
    assert "cannot be used (database is locked)" in logbook.trouble
    assert logbook.tasks()["04.1"] == TaskRow(1, 4.0, 5.0)
    holder.close()
    logbook.tasks()
    assert Logbook().tasks()["04.1"] == TaskRow(2, 4.0, 5.0)


def test_nbgrader_is_not_the_learner(path, monkeypatch):
    """While nbgrader runs a notebook, nothing is kept."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    Logbook().attempt("04.1", 5.0, 5.0)
    assert not path.exists()


def test_outside_a_checkout_the_file_is_in_the_home_folder(monkeypatch, tmp_path):
    """An installed kit has no folder of its own to write to."""
    monkeypatch.delenv("LABKIT_PROGRESS")
    assert Logbook().path.name == "progress.db"
    monkeypatch.setattr("labkit.logbook.__file__", str(tmp_path / "a" / "b.py"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert Logbook().path == tmp_path / ".labkit" / "progress.db"


NOTES = """
import sys
from labkit.logbook import Logbook
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    Logbook().note("quizzes", f"{sys.argv[1]}-{number}", {"right": True})
"""


def test_kernels_do_not_lose_each_others_rows(path):
    """Two processes make the file and answer at once, and every answer is there."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    programs = [
        subprocess.Popen([sys.executable, "-c", NOTES, name], **pipes)
        for name in ("one", "two")
    ]
    for program in programs:
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    for program in programs:
        program.communicate(timeout=30)
    assert len(Logbook().notes("quizzes")) == 80
    assert [file.name for file in path.parent.iterdir()] == [path.name]
