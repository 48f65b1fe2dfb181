"""What a learner has reached: what is shown of it, in a notebook and as a command."""

import importlib
import re
from pathlib import Path

import pytest

import labkit.throughput.costs
from labkit.__main__ import main
from labkit.errors import ExerciseError
from labkit.grader.progress import standing
from labkit.logbook import Logbook

COURSE = {"04_sell": {"04.1": 5, "04.2": 6}, "06_count": {"06.1": 4}}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Return the logbook of a learner who has done nothing yet."""
    path = tmp_path / "mine" / "progress.db"
    monkeypatch.setenv("LABKIT_PROGRESS", str(path))
    return Logbook()


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
        copy = exercises / "release" / stem / f"{stem}.ipynb"
        copy.parent.mkdir(parents=True)
        copy.touch()
    return exercises


def add_task(exercises, stem, task_id, points, more=""):
    """Write a task's files."""
    folder = exercises / "checks" / stem
    folder.mkdir(parents=True, exist_ok=True)
    test = f'@points({points}, "works")\ndef test_it(answer):\n    pass\n'
    (folder / f"{task_id}.py").write_text(test)
    head = f"# T\n\n- type: make\n- takeaway: W\n{more}\n"
    (folder / f"{task_id}.md").write_text(head + "## Hint\n\nx\n" * 3)


def following(text):
    """Return the words of the link to what comes next."""
    return text.partition(" Next: [")[2].partition("]")[0]


def test_next_is_the_first_lesson_then_what_was_begun(mine, small):
    """A beginner starts at the start; others go on where they are."""
    assert following(standing(mine, small)) == "lesson 00 Start here"
    mine.note("predictions", "04-sell-01", {"right": False})
    assert following(standing(mine, small)) == "task 04.1 make: T"
    mine.attempt("04.1", 5.0, 5.0)
    assert following(standing(mine, small)) == "task 04.2 make: T"
    mine.attempt("04.2", 6.0, 6.0)
    assert following(standing(mine, small)) == "lesson 06 Count"
    mine.attempt("06.1", 3.0, 4.0)
    assert following(standing(mine, small)) == "task 06.1 make: T"
    mine.attempt("06.1", 4.0, 4.0)
    assert standing(mine, small).startswith(
        "**3 of 3 tasks done, 15 of 15 points.** All is done."
    )


def test_everything_that_is_kept_is_shown(mine, small):
    """Points, attempts, hints and predictions are in the table."""
    mine.attempt("04.2", 4.5, 6.0)
    mine.open_hints("04.2", 1)
    for name, right in (("a", True), ("b", False), ("c", None)):
        mine.note("predictions", f"04-{name}", {"right": right})
    text = standing(mine, small)
    assert text.startswith("**0 of 3 tasks done, 4.5 of 15 points.** Next: [task 04.2")
    assert "04_sell.ipynb#cell-id=ex04-2-task)" in text.splitlines()[0]
    assert "| 4.5 of 11 points | questions: 1 right, 1 wrong, 1 open |" in text
    assert "| 04.2 make: T | 4.5 of 6 | tries: 1, hints: 1 |" in text


def test_what_is_half_done_shows_its_tasks(mine, small):
    """A lesson that is done, or not begun, does not lengthen the page."""

    def shown():
        return re.findall(r"(?m)^\| (\d\d\.\d)", standing(mine, small))

    assert shown() == []
    mine.attempt("04.1", 5.0, 5.0)
    assert shown() == ["04.1", "04.2"]
    mine.attempt("04.2", 6.0, 6.0)
    assert shown() == []  # lesson 06 is next
    mine.attempt("06.1", 1.0, 4.0)
    assert shown() == ["06.1"]


def test_a_renamed_task_keeps_its_points(mine, small):
    """What an upgrade renames is found under its old name; shares are what counts."""
    mine.attempt("04.7", 2.0, 4.0)
    add_task(small, "04_sell", "04.2", 10, "- formerly: 04.7 04.8")
    assert "0 of 3 tasks done, 5 of 19 points." in standing(mine, small)


def test_modules_of_earlier_versions_are_found_or_told():
    """An old notebook imports what has a new name, and hears of what has none."""
    assert importlib.import_module("labkit.costs").fit is labkit.throughput.costs.fit
    with pytest.raises(ModuleNotFoundError, match="bring today's back: git restore"):
        importlib.import_module("labkit._transport")


def test_a_course_without_tasks_is_one_sentence(mine, tmp_path):
    """An installation without the checkout has no exercises, and says so."""
    with pytest.raises(ExerciseError, match="work in a clone of it"):
        standing(mine, tmp_path)


def test_command_prints_the_real_course(mine, capsys):
    """The command says what the notebook shows, of the course as it is."""
    mine.attempt("04.2", 3.0, 6.0)
    assert main(["progress"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("**0 of ")
    assert text == f"{labkit.progress()!r}\n"
    (path,) = re.findall(r"Next: \[task 04\.2 [^]]*\]\((.*)#", text)
    assert Path(path).is_file()


def test_reset_forgets_one_task_and_keeps_a_copy(mine, capsys):
    """It says what it did, and what was there is in a copy."""
    mine.attempt("04.2", 3.0, 6.0)
    mine.attempt("04.1", 5.0, 5.0)
    assert main(["progress", "--reset", "04.2"]) == 0
    told = capsys.readouterr().out
    copy = mine.path.with_name("progress.db.backup")
    assert told.startswith("04.2 begins again")
    assert str(copy) in told
    assert sorted(Logbook(copy).tasks()) == ["04.1", "04.2"]
    assert list(mine.tasks()) == ["04.1"]
    assert main(["progress", "--reset", "04.2"]) == 0
    assert "04.2 was not begun" in capsys.readouterr().out


@pytest.mark.usefixtures("mine")
def test_unknown_task_is_one_sentence(capsys):
    """A slip in the number changes nothing, and suggests the nearest."""
    assert main(["progress", "--reset", "04.22"]) == 2
    said = capsys.readouterr().err
    assert said == "labkit progress: There is no task '04.22': did you mean '04.2'?\n"
