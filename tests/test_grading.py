"""Grading a class: what is read, what an answer may do, and what is kept of it."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace

import hostile
import psutil
import pytest
from classroom import SET, Classroom
from programs import until
from pythons import ROOT

from labkit._grading.assignments import read_assignments
from labkit._grading.gradelog import GradeLog
from labkit._grading.marking import CheckResult, Graded, Job, digest_of_checks, mark
from labkit._grading.submissions import read_submissions
from labkit.errors import ExerciseError, GradingError
from labkit.grader.tasks import find_task
from labkit.grading import JOURNAL, grade, main


class Pretended:
    """A farm that grades nothing: every answer is half right."""

    def __init__(self):
        self.jobs = []

    def run(self, jobs, on_done):
        """Give each job the same result."""
        self.jobs += jobs
        for job in jobs:
            results = CheckResult("says hello", "passed"), CheckResult("ends", "failed")
            graded = Graded(job.id, job.task_id, 1.5, 3.0, "=It said 0.5. So.", results)
            on_done(graded)
            yield graded


@pytest.fixture
def room(tmp_path):
    """Return a class without students."""
    return Classroom(tmp_path / "submitted")


def edit_check(book):
    """Change check cells, and the points in their metadata."""
    for cell in book["cells"]:
        if "".join(cell["source"]).startswith("check("):
            cell["source"] = "500.0"
            cell["metadata"]["nbgrader"]["points"] = 500


def job(text, task_id="04.1"):
    """Make a job of an answer."""
    return Job("id", task_id, text, digest_of_checks(find_task(task_id)))


# --- what is read ---------------------------------------------------------------------


def only(room):
    """Read the only submission of a class."""
    (submission,) = read_submissions(room.folder, read_assignments())
    return submission


BROKEN = {
    "{": "is not JSON",
    "": "is not JSON",
    "[" * 100_000: "is not JSON",
    "[]": "no notebook of format 4 (it says None)",
    '{"nbformat": 3, "worksheets": []}': "no notebook of format 4 (it says 3)",
    '{"nbformat": 4}': "no cell that begins with %%answer",
    '{"nbformat": 4, "cells": [7, {"cell_type": "code", "source": [1]}]}': (
        "no cell that begins with %%answer"
    ),
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_broken_notebook_is_one_sentence(room, text):
    """Whatever the file holds, the report says why it cannot be read."""
    room.path("bob").write_text(text)
    submission = only(room)
    assert BROKEN[text] in submission.trouble
    assert submission.trouble.endswith(".")
    assert "\n" not in submission.trouble


def test_missing_renamed_and_linked_notebooks_are_told(room):
    """An empty folder, a notebook under another name, and a link are not read."""
    path = room.path("bob")
    assert "There is no 04_produce" in only(room).trouble
    assert "it is empty" in only(room).trouble
    path.with_name("mine.ipynb").write_text(json.dumps(room.release))
    assert "there is mine.ipynb: rename it" in only(room).trouble
    path.symlink_to(path.with_name("mine.ipynb"))
    assert "a link to another file" in only(room).trouble


def test_one_broken_submission_leaves_the_others(room):
    """The rest of the class is graded, and the broken one has a row for each task."""
    room.path("bob").write_text("{")
    room.hand_in("ada", room.solutions)
    report = grade(room.folder, farm=Pretended())
    (got, most), bobs = report.totals().values()
    assert (got, bobs) == (1.5 * len(room.tasks), (0, most))
    assert "Submissions that cannot be read\n  bob, 04" in report.words


def add(*sources, at=None):
    """Return a change that adds code cells."""

    def change(book):
        cells = [{"cell_type": "code", "metadata": {}, "source": s} for s in sources]
        place = len(book["cells"]) if at is None else at
        book["cells"][place:place] = cells

    return change


@pytest.mark.parametrize(
    ("change", "text", "note"),
    [
        (add("%%answer 04.1\nlate = 1"), "answer\n", "stands below its check"),
        (add("%%answer 04.1\nearly = 1", at=0), "answer\n", "2 answer cells"),
        (add(["\n", "  %%answer 04.1 \n", "  2"], at=6), "2\n", "2 answer cells"),
        (lambda book: book["cells"].pop(6), "answer\n", "ex04-1-check is missing"),
        (lambda book: book["cells"].pop(5), None, "ex04-1-answer is missing"),
        (edit_check, "answer\n", "ex04-1-check was edited"),
        (add("labkit.checks.check = print"), "answer\n", "changes labkit or check()"),
    ],
)
def test_answer_is_the_one_that_a_run_of_the_notebook_checks(room, change, text, note):
    """The last answer above its check counts, and what is odd is noted."""
    room.hand_in("bob", {"04.1": "answer\n"}, change)
    submission = only(room)
    assert submission.answers.get("04.1") == text
    assert any(note in one for one in submission.notes), submission.notes


# --- what is kept ---------------------------------------------------------------------


def test_killed_in_the_middle_it_goes_on_where_it_was(room):
    """After SIGKILL nothing runs on, and no answer is graded a second time."""
    room.hand_in("ada", room.solutions)
    room.hand_in("bob", {"04.1": hostile.SLEEPS})
    log = GradeLog(room.folder / JOURNAL)
    with subprocess.Popen(
        [sys.executable, "-m", "labkit", "grade", room.folder, "--workers", "4"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:
        until(lambda: len(log.read()) >= 4, within_s=20)
        family = psutil.Process(command.pid).children(recursive=True)
        command.send_signal(signal.SIGKILL)
    until(lambda: not any(p.is_running() for p in family), within_s=5)
    done = log.read()
    farm = Pretended()
    report = grade(room.folder, farm=farm)
    assert report.done_before == len(done)
    assert report.done_now == len(farm.jobs) == 2 * len(room.tasks) - len(done) > 0
    assert not {one.id for one in farm.jobs} & {*done}
    assert grade(room.folder, farm=Pretended()).done_now == 0


def test_changed_answers_and_checks_are_graded_anew(room, monkeypatch):
    """The journal serves an answer only as long as its text and its checks stay."""
    room.hand_in("ada", {"04.1": "one = 1"})
    every = len(room.tasks)
    assert grade(room.folder, farm=Pretended()).done_now == every
    room.hand_in("ada", {"04.1": "one = 2"})
    assert grade(room.folder, farm=Pretended()).done_now == 1
    assert grade(room.folder, farm=Pretended(), again=True).done_now == every
    monkeypatch.setattr("labkit._grading.papers.digest_of_checks", lambda _: "other")
    assert grade(room.folder, farm=Pretended()).done_now == every


def test_equal_answers_are_graded_once(room):
    """Two students with the same text get the same, for one run."""
    for name in ("ada", "bob", "cy"):
        room.hand_in(name, room.solutions)
    farm = Pretended()
    assert len(grade(room.folder, farm=farm).rows) == 3 * len(room.tasks)
    assert len(farm.jobs) == len(room.tasks)


def test_line_that_was_cut_short_costs_one_answer(tmp_path):
    """A journal whose last line is a fragment is read, and written on."""
    graded = Graded("a", "04.1", 1.0, 5.0, "So.", (CheckResult("ends", "passed"),))
    log = GradeLog(tmp_path / "journal")
    log.add(graded, {"ada"})
    with log.path.open("a") as file:
        file.write('{"job_id": "b", "task')
    log.add(replace(graded, job_id="c"), {"bob"})
    assert log.read() == {"a": graded, "c": replace(graded, job_id="c")}


def test_table_has_a_row_for_each_task(room, tmp_path):
    """The CSV names student, set, task, points and the first sentence of why."""
    room.hand_in("ada", room.solutions, edit_check)
    grade(room.folder, farm=Pretended(), csv=tmp_path / "grades.csv")
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["task"] for row in rows] == [task.id for task in room.tasks]
    assert rows[0]["notes"].startswith("The check cell ex04-1-check was edited.")
    del rows[0]["notes"]
    assert rows[0] == {
        "student": "ada", "assignment": SET, "task": "04.1", "points": "1.5",
        "max": "5", "why": "'=It said 0.5.",  # no formula for a spreadsheet program
    }  # fmt: skip


def test_report_counts_the_checks_that_fail(room):
    """Copies that were handed in untouched say nothing about a check."""
    room.hand_in("ada", room.solutions)
    room.hand_in("bob", {"04.1": "one = 1"})
    words = grade(room.folder, farm=Pretended()).words
    assert "2 of 2 answers to 04.1 fail: ends" in words
    assert "1 of 1 answers to 04.2 fail: ends" in words
    assert "says hello" not in words
    assert f"{len(room.tasks) - 1} are as they were handed out" in words


def test_jobs_and_results_travel_as_pickles():
    """Another machine can do a job: both ends of it are plain data."""
    graded = Graded("a", "04.1", 1.0, 5.0, "So.", (CheckResult("ends", "passed"),))
    for one in (job("1"), graded):
        assert pickle.loads(pickle.dumps(one)) == one


def test_job_for_other_checks_is_refused():
    """A machine whose checks are of another version does not grade with them."""
    with pytest.raises(ExerciseError, match="not those of the machine that grades"):
        mark(replace(job("1"), checks="other"))


def test_command_says_what_is_missing(tmp_path, capsys):
    """A folder without submissions, and an unknown set, are one sentence each."""
    assert main([str(tmp_path)]) == 1
    assert "No submissions in" in capsys.readouterr().err
    with pytest.raises(GradingError, match="no exercise set '77'; there are 0"):
        grade(tmp_path, assignment="77")
