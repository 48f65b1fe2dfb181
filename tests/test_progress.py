"""A learner's progress: the file that keeps it, what is shown of it, the command."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import labkit
from labkit._checks import bookkeeping
from labkit._checks.progressfile import VERSION
from labkit._progress.scoretables import as_html, as_text
from labkit._progress.standings import compare
from labkit.errors import ExerciseError
from labkit.locks import hold
from labkit.progress import Progress, main

COURSE = {"04_sell": {"04.1": 5, "04.2": 6}, "06_count": {"06.1": 4}}


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Return the file of a learner who has done nothing yet."""
    path = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("LABKIT_PROGRESS", str(path))
    return path


@pytest.fixture
def small(tmp_path):
    """Return the exercises of a course with three tasks, and one lesson without any."""
    exercises = tmp_path / "course" / "exercises"
    (exercises.parent / "notebooks").mkdir(parents=True)
    for stem in ("00_start_here", *COURSE, "99_glossary"):
        (exercises.parent / "notebooks" / f"{stem}.ipynb").touch()
    for stem, tasks in COURSE.items():
        for task_id, points in tasks.items():
            add_task(exercises, stem, task_id, points)
        heads = [
            {"id": f"ex-{name[-1]}", "source": [f"## {name} Make: x\n", "Do."]}
            for name in tasks
        ]
        copy = exercises / "release" / stem / f"{stem}.ipynb"
        copy.parent.mkdir(parents=True)
        copy.write_text(json.dumps({"cells": heads}))
    return exercises


def add_task(exercises, stem, task_id, points, more=""):
    """Write a task's folder."""
    folder = exercises / "checks" / stem / task_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_text(
        f'title = "T"\ntype = "make"\nmisconception = "M"\ntakeaway = "W"\n{more}\n'
        f'hints = ["a", "b", "c"]\n[checks.test_it]\nsays = "works"\n'
        f"points = {points}\n[wrong]\n"
    )


def standing(path, exercises):
    """Return how far the learner of a file is."""
    return compare(*Progress(path).read(), exercises)


# --- the file -------------------------------------------------------------------------


def test_looking_leaves_no_file(path):
    """Whoever only looks finds nothing, and makes nothing."""
    assert Progress().noted("quizzes", "04-quiz-01") is None
    assert not path.parent.exists()


@pytest.mark.usefixtures("path")
def test_notes_are_kept_and_replaced():
    """A note is found by another notebook; the second of a name replaces the first."""
    assert Progress().note("predictions", "04-guess", {"choice": "b"}) == ""
    assert (
        Progress().note("predictions", "04-guess", {"choice": "a", "right": True}) == ""
    )
    found = Progress().noted("predictions", "04-guess")
    assert found == {"choice": "a", "right": True}
    assert Progress().noted("quizzes", "04-guess") is None


def test_a_note_of_no_kind_is_refused(path):
    """A slip of a programmer is no damage to the file."""
    with pytest.raises(ValueError, match="'guesses' is no kind of note"):
        Progress().note("guesses", "04-guess", {})
    with pytest.raises(TypeError):
        Progress().note("quizzes", "04-quiz", {"what": object()})
    assert not path.exists()


def test_an_old_file_is_read_and_loses_nothing(path):
    """The first version's file, and fields that this one does not know, stay."""
    path.parent.mkdir()
    entry = {"attempts": 2, "best": 3.0, "out_of": 5.0, "stars": "later"}
    path.write_text(json.dumps({"tasks": {"04.1": entry}, "badges": {"x": [1]}}))
    assert Progress().attempt("04.1", 4.0, 5.0) == ""
    now = json.loads(path.read_text())
    assert now["tasks"]["04.1"] == entry | {"attempts": 3, "best": 4.0}
    assert now["badges"] == {"x": [1]}
    assert now["version"] == VERSION


def test_a_newer_file_is_left_as_it_is(path):
    """A version from the future is not written to; the learner goes on in memory."""
    path.parent.mkdir()
    newer = f'{{"version": {VERSION + 1}, "tasks": [["a new shape"]]}}'
    path.write_text(newer)
    mine = Progress()
    assert "comes from a newer version of the kit" in mine.attempt("04.1", 1.0, 5.0)
    assert mine.open_hint("04.1", 3)[0] == 1
    assert mine.open_hint("04.1", 3)[0] == 2
    assert mine.read()[0]["tasks"]["04.1"]["best"] == 1.0
    assert "nothing to reset. Your progress is not being kept" in mine.reset("04.2")
    assert path.read_text() == newer


DAMAGED = {
    "half": '{"version": 1, "tasks": {"04.',
    "list": "[]",
    "without tasks": '{"version": 1}',
    "words for numbers": '{"tasks": {"04.1": {"best": "five"}}}',
    "no number": '{"tasks": {"04.1": {"attempts": NaN}}}',
    "true": '{"tasks": {}, "version": true}',
    "a list of notes": '{"tasks": {}, "quizzes": []}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_file_is_set_aside(path, text):
    """It is kept under another name, told once, and is no obstacle."""
    path.parent.mkdir()
    path.write_text(text)
    told = Progress().attempt("04.1", 3.0, 5.0)
    assert told.startswith("Your progress file was damaged; it is now ")
    assert path.with_name("progress.json.broken").read_text() == text
    assert Progress().attempt("04.1", 1.0, 5.0) == ""
    assert Progress().read()[0]["tasks"]["04.1"]["best"] == 3.0


def test_a_second_damaged_file_does_not_replace_the_first(path):
    """Each keeps a name of its own."""
    path.parent.mkdir()
    for text in ("one", "two"):
        path.write_text(text)
        Progress().read()
    assert path.with_name("progress.json.broken").read_text() == "one"
    assert path.with_name("progress.json.broken-2").read_text() == "two"


def test_what_could_not_be_written_is_written_later(path, monkeypatch):
    """A full disk costs nothing but the time until there is room."""
    monkeypatch.setattr(bookkeeping, "write", refuse)
    mine = Progress()
    assert "(No space left on device)" in mine.attempt("04.1", 3.0, 5.0)
    monkeypatch.undo()
    Progress(path).attempt("04.2", 6.0, 6.0)  # another notebook, meanwhile
    assert mine.open_hint("04.1", 3) == (1, "")
    tasks = json.loads(path.read_text())["tasks"]
    assert tasks["04.1"] == {"attempts": 1, "best": 3.0, "out_of": 5.0, "hints": 1}
    assert tasks["04.2"]["best"] == 6.0


def refuse(*_):
    """Fail as a full disk does."""
    raise OSError(28, "No space left on device")


def test_a_held_file_keeps_nobody_waiting_for_ever(path, monkeypatch):
    """Where another program holds the file for long, a sentence says so."""
    monkeypatch.setattr(bookkeeping, "PATIENCE_S", 0.05)
    with hold(path.with_name("progress.json.lock"), lambda: None):
        told = Progress().attempt("04.1", 3.0, 5.0)
    assert "another program has held" in told


def test_threads_do_not_lose_each_others_changes(path):
    """Whoever writes in the same instant waits for the other."""
    together = threading.Barrier(4)

    def work(name):
        together.wait(10)
        for _ in range(10):
            Progress(path).attempt(name, 1.0, 1.0)

    names = ("04.1", "04.1", "04.2", "06.1")
    threads = [threading.Thread(target=work, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tasks = Progress(path).read()[0]["tasks"]
    counts = {name: entry["attempts"] for name, entry in tasks.items()}
    assert counts == {"04.1": 20, "04.2": 10, "06.1": 10}


NOTES = """
import sys
from labkit._checks.bookkeeping import Progress
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    Progress().note("quizzes", f"{sys.argv[1]}-{number}", {"right": True})
"""


def test_processes_do_not_lose_each_others_changes(path):
    """Two notebooks answer at once, and every answer is there."""
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
        program.communicate(timeout=20)
    assert len(Progress().read()[0]["quizzes"]) == 80
    left = {file.name for file in path.parent.iterdir()}
    assert left == {"progress.json", "progress.json.lock"}


# --- what is shown --------------------------------------------------------------------


def test_next_is_the_first_lesson_then_what_was_begun(path, small):
    """A beginner starts at the start; others go on where they are."""
    step = standing(path, small).next_step
    assert (step.words, step.task_id) == ("lesson 00, Start here", "")
    Progress().note("predictions", "04-sell-01", {"right": False})
    assert standing(path, small).next_step.task_id == "04.1"
    Progress().attempt("04.1", 5.0, 5.0)
    assert standing(path, small).next_step.task_id == "04.2"
    Progress().attempt("04.2", 6.0, 6.0)
    assert standing(path, small).next_step.words == "lesson 06, Count"
    Progress().attempt("06.1", 3.0, 4.0)
    assert standing(path, small).next_step.task_id == "06.1"
    Progress().attempt("06.1", 4.0, 4.0)
    assert standing(path, small).next_step is None
    assert as_text(standing(path, small)).endswith("Every task of the course is done.")


def test_everything_that_is_kept_is_shown(path, small):
    """Points, attempts, hints and predictions stand in the text and in the table."""
    Progress().attempt("04.2", 4.5, 6.0)
    Progress().open_hint("04.2", 3)
    for name, right in (("a", True), ("b", False), ("c", None)):
        Progress().note("predictions", f"04-{name}", {"right": right})
    now = standing(path, small)
    text = as_text(now)
    assert text.startswith("0 of 3 tasks done, 4.5 of 15 points.")
    assert (
        "04 Sell: 4.5 of 11 points, predictions and questions 1 right, 1 wrong, 1 open"
        in text
    )
    assert "  04.2  begun   4.5 of 6  1 attempt    1 of 3 hints  make: T" in text
    table = as_html(now)
    assert '<th scope="row">04.2 make: T</th><td>4.5 of 6</td>' in table
    assert '04_sell.ipynb#cell-id=ex-2">task 04.2' in table


def test_what_is_half_done_is_open(path, small):
    """A lesson that is done, or not begun, does not lengthen the page."""
    opened = re.compile(r"<details open><summary><strong>(\d\d)")
    assert opened.findall(as_html(standing(path, small))) == ["00"]  # it is next
    Progress().attempt("04.1", 5.0, 5.0)
    assert opened.findall(as_html(standing(path, small))) == ["04"]
    Progress().attempt("04.2", 6.0, 6.0)
    assert opened.findall(as_html(standing(path, small))) == ["06"]


def test_a_renamed_task_keeps_its_points(path, small):
    """What an upgrade renames is found under its old name; shares are what counts."""
    Progress().attempt("04.7", 2.0, 4.0)
    add_task(small, "04_sell", "04.2", 10, 'formerly = ["04.7", "04.1"]')
    now = standing(path, small)
    assert {task.id: task.best for task in now.tasks} == {
        "04.1": 0, "04.2": 5, "06.1": 0
    }  # fmt: skip
    assert now.gone == ()


def test_a_removed_task_is_told(path, small):
    """Points of a task that the course no longer has are not lost silently."""
    Progress().attempt("04.9", 3.0, 4.0)
    text = as_text(standing(path, small))
    assert "04.9 is no longer in the course: your 3 of 4 points are kept" in text
    assert text.startswith("0 of 3 tasks done, 0 of 15 points.")


def test_a_course_without_tasks_is_one_sentence(tmp_path):
    """An installation without the checkout has no exercises, and says so."""
    with pytest.raises(ExerciseError, match="work in a clone of it"):
        compare({"tasks": {}}, "", tmp_path)


# --- the command, and the view in a notebook ------------------------------------------


@pytest.mark.usefixtures("path")
def test_command_prints_the_real_course(capsys):
    """Text and JSON say the same of the course as it is."""
    Progress().attempt("04.2", 3.0, 6.0)
    assert main([]) == 0
    text = capsys.readouterr().out
    assert main(["--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert text.startswith(
        f"0 of {record['tasks']} tasks done, 3 of {record['points']:g}"
    )
    assert record["next"]["task"] == "04.2"
    assert Path(record["next"]["notebook"]).is_file()
    assert record["trouble"] is None


def test_reset_forgets_one_task_and_keeps_a_copy(path, capsys):
    """It asks nothing, says what it did, and what was there is in a copy."""
    Progress().attempt("04.2", 3.0, 6.0)
    Progress().attempt("04.1", 5.0, 5.0)
    before = path.read_text()
    assert main(["--reset", "04.2"]) == 0
    told = capsys.readouterr().out
    copy = path.with_name("progress.json.backup")
    assert told.startswith("04.2 begins again")
    assert str(copy) in told
    assert copy.read_text() == before
    assert list(Progress().read()[0]["tasks"]) == ["04.1"]
    assert main(["--reset", "04.2"]) == 0
    assert "04.2 was not begun" in capsys.readouterr().out


@pytest.mark.usefixtures("path")
def test_unknown_task_is_one_sentence(capsys):
    """A slip in the number changes nothing, and suggests the nearest."""
    assert main(["--reset", "04.22"]) == 2
    said = capsys.readouterr().err
    assert said == "labkit: There is no task '04.22': did you mean '04.2'?\n"


@pytest.mark.usefixtures("path")
def test_view_shows_and_resets():
    """In a notebook: table, link, a button that resets; the text is its twin."""
    Progress().attempt("04.2", 3.0, 6.0)
    view = labkit.progress()
    shown = view._repr_mimebundle_()
    assert shown["text/plain"] == repr(view) == as_text(view.standing)
    assert "04.2 spot the bug" in shown["text/html"]
    view.tasks.value = "04.2"
    view.reset_button.click()
    assert "04.2 begins again" in view.said.value
    assert "04 Produce and consume: 0 of" in repr(view)
    Progress().attempt("04.2", 6.0, 6.0)
    view.update_button.click()
    assert "6 of 6" in repr(view)
    view.close()


@pytest.mark.usefixtures("path")
def test_view_is_drawn_anew_where_it_stands(monkeypatch):
    """The table and the buttons are shown; a button replaces the table."""
    drawn = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: Handle(drawn, a, k))
    view = labkit.progress()
    view._ipython_display_()
    assert "0 of" in drawn[0][0]["text/html"]
    assert "widget-view" in str(drawn[1][0])
    assert "labkit progress" in drawn[1][0]["text/plain"]
    Progress().attempt("04.2", 3.0, 6.0)
    view.update_button.click()
    assert "3 of 6" in drawn[2][0]["text/html"]
    view.close()


class Handle:
    """What IPython returns of something that it shows."""

    def __init__(self, drawn, shown, _):
        self.drawn = drawn
        drawn.append(shown)

    def update(self, *shown, **_):
        """Show something else in its place."""
        self.drawn.append(shown)
