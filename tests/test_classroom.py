"""Grading a class: what is read, what an answer may do, and what is kept of it."""

import csv
import io
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from classroom import SET, Classroom, assignments
from programs import until
from pythons import ROOT

from labkit.__main__ import main
from labkit.confine import require_walls
from labkit.errors import ExerciseError, GradingError
from labkit.grader.classroom import (
    JOURNAL,
    Class,
    Graded,
    Job,
    Sheet,
    grade,
    mark,
    write_gradebook,
)
from labkit.grader.submissions import Assignment, Submission, handed_in
from labkit.grader.tasks import EXERCISES


class Pretended(Executor):
    """A pool that runs nothing: every answer is half right."""

    def __init__(self):
        self.jobs = []

    def submit(self, _mark, jobs):
        """Give each job the same result."""
        self.jobs += jobs
        future = Future()
        same = 1.5, "=It said 0.5. So.", "", ("ends",)
        future.set_result([Graded(job.key, *same) for job in jobs])
        return future


@pytest.fixture
def room(tmp_path):
    """Return a class without students."""
    return Classroom(tmp_path / "submitted")


def only(room):
    """Read the only submission of a class."""
    (submission,) = handed_in(room.folder, assignments())
    return submission


# --- what is read ---------------------------------------------------------------------

BROKEN = {
    "{": "not JSON",
    "": "not JSON",
    "[" * 100_000: "not JSON",
    "[]": "no notebook of format 4",
    '{"nbformat": 3, "worksheets": []}': "no notebook of format 4",
    '{"nbformat": 4}': "no notebook of format 4",
    '{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}': (
        "no notebook of format 4"
    ),
    '{"nbformat": 4, "cells": []}': "No cell begins with %%answer",
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_notebook_is_one_sentence(room, text):
    """Whatever the file holds, the report says why it cannot be read."""
    room.path("bob").write_text(text)
    submission = only(room)
    assert BROKEN[text] in submission.trouble
    assert "\n" not in submission.trouble


LAYOUTS = {
    f"ada/{SET}/{SET}.ipynb": "ada",  # nbgrader's
    f"ada/{SET.upper()}/mine.ipynb": "ada",  # other capitals, another name
    f"Ada Lovelace_12345_assignsubmission_file_/{SET}.ipynb": "Ada Lovelace",
    f"lovelaceada_777_99999_{SET}-1.ipynb": "lovelaceada",  # Canvas's
    f"lovelaceada_LATE_777_99999_{SET}.ipynb": "lovelaceada",
    f"ada/{SET}.ipynb": "ada",  # one level up
    "ada.ipynb": "ada",  # loose
    f"ada.zip/{SET}.ipynb": "ada",
    f"Ada Lovelace_12345_assignsubmission_file_/all.zip/{SET}/mine.IPYNB": "Ada Lovelace",
    f"class.zip/lovelaceada_777_99999_{SET}.ipynb": "lovelaceada",
    f"class.zip/Ada_12345_assignsubmission_file_/mine.zip/{SET}.ipynb": "Ada",
}
CODINGS = "utf-8", "utf-8-sig", "utf-16"


@pytest.mark.parametrize("place", LAYOUTS)
def test_a_submission_is_found_in_any_layout(room, place):
    """The student comes from the first name of the path, the set from the answers."""
    coding = CODINGS[len(place) % len(CODINGS)]
    write(room.folder / place, json.dumps(room.book(room.solutions)).encode(coding))
    found = only(room)
    assert (found.student, found.assignment) == (LAYOUTS[place], SET)
    assert found.answers == room.solutions
    assert not found.trouble


def write(path, data):
    """Write a file, into archives where a folder of its path is called so."""
    outer = [p for p in path.parents if p.suffix == ".zip"]
    if outer:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
            pack.writestr(path.relative_to(outer[0]).as_posix(), data)
        write(outer[0], buffer.getvalue())
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


PASSED_OVER = {
    "bob/": "There is nothing in it.",
    f"bea/{SET}/.hidden": "There is nothing in it.",
    "cy/answers.zip": "It cannot be read: File is not a zip file.",
    "dan.txt": "It is no notebook.",
    f"dora/{SET}/answers.pdf": "It is no notebook.",
    "eva.ipynb": "It is a link, which is not followed.",
    "fred/huge.ipynb": "It cannot be read: it has more than 999,999 bytes.",
}


def test_what_is_passed_over_has_a_row_and_a_reason(room, monkeypatch):
    """Whatever else there is, the table and the exit status speak of it."""
    room.hand_in("ada", room.solutions)
    book = room.path("ada")
    for place in PASSED_OVER:
        if place.endswith("/"):
            (room.folder / place).mkdir()
        elif place.startswith("eva"):
            (room.folder / place).symlink_to(book)
        else:
            write(room.folder / place, b"PK" if "huge" not in place else b"0" * 10**6)
    monkeypatch.setattr("labkit.grader.submissions._LARGEST", 10**6 - 1)
    graded = grade(room.folder, pool=Pretended())
    why = {
        sheet.submission.student: one.message
        for sheet in graded.sheets
        for one in sheet.graded.values()
        if not one.key
    }
    for place, said in PASSED_OVER.items():
        student = place.partition("/")[0].removesuffix(".ipynb")
        assert why.pop(student).startswith(said)
    assert not why
    assert not graded.is_whole


def test_class_of_forty_has_forty_rows(room):
    """In all layouts at once, half of them with large outputs, nobody is lost."""
    for number, place in zip(range(40), itertools.cycle(LAYOUTS)):
        book = room.book(room.solutions)
        large = {"output_type": "stream", "text": "x" * 10**6 * (number % 2)}
        book["cells"][1]["outputs"] = [large]
        name = re.sub("ada|Ada Lovelace|Ada", f"student{number}", place, count=1)
        write(
            room.folder / name.replace("class", f"class{number}"),
            json.dumps(book).encode(),
        )
    pool = Pretended()
    graded = grade(room.folder, pool=pool)
    assert len({sheet.submission.student for sheet in graded.sheets}) == 40
    assert {sheet.points for sheet in graded.sheets} == {1.5 * len(room.tasks)}
    assert (graded.is_whole, len(pool.jobs)) == (True, len(room.tasks))


def test_namesakes_both_have_their_row(room):
    """Two students of one name, told apart by Moodle's number, are two rows."""
    for number in ("11", "12"):
        path = room.folder / f"Ada_{number}_assignsubmission_file_/{SET}.ipynb"
        write(path, json.dumps(room.book(room.solutions)).encode())
    students = [one.student for one in handed_in(room.folder, assignments())]
    assert students == ["Ada 11", "Ada 12"]


def test_the_last_attempt_counts(room):
    """Of two notebooks the later one is graded, and the other one is named."""
    room.hand_in("ada", room.solutions)
    late = room.path("ada").with_name("again.ipynb")
    late.write_text(json.dumps(room.book({})))
    os.utime(room.path("ada"), (1, 1))
    found = only(room)
    assert found.path == late
    assert any(f"{SET}.ipynb" in note for note in found.notes)
    late.write_text("{")
    found = only(room)
    assert found.path == room.path("ada")
    assert any("again.ipynb was passed over: It cannot" in note for note in found.notes)


ANSWER = "%%answer 04.1\n"
ODD = {
    "magic above": [f"%%time\n\n{ANSWER}pass\n"],
    "magic below": [f"{ANSWER}%%time\npass\n"],
    "comment behind": ["%%answer 04.1 # done\npass\n"],
    "answered twice": [f"{ANSWER}first\n", f"{ANSWER}pass\n"],
    "alone, below its check": ['check("04.1")', f"{ANSWER}pass\n"],
    "below its check": [f"{ANSWER}pass\n", 'check("04.1")', f"{ANSWER}late\n"],
}


@pytest.mark.parametrize("kind", ODD)
def test_the_answer_is_the_one_that_a_run_of_the_notebook_checks(room, kind):
    """The last answer above its check counts, with magics and comments around it."""

    def change(book):
        for source in ODD[kind]:
            cell = {"cell_type": "code", "metadata": {}, "source": source}
            book["cells"].append(cell)

    book = room.book({})
    book["cells"] = []
    change(book)
    room.path("ada").write_text(json.dumps(book))
    assert only(room).answers["04.1"].removeprefix("# %%time\n") == "pass\n"


def test_edited_checks_are_noted(room):
    """An edited check cell is for the instructor to see; it changes no points."""

    def edit(book):
        for cell in book["cells"]:
            if "".join(cell["source"]).startswith("check("):
                cell["source"] = "500.0"

    room.hand_in("mallory", room.solutions, edit)
    words = grade(room.folder, pool=Pretended()).words.partition("Look at these")[2]
    assert "04.1, 04.2, 04.3" in words


def test_answers_of_another_set_are_named(room):
    """A cell copied from another notebook is not graded, and somebody hears of it."""
    room.hand_in("ada", room.solutions, lambda book: book["cells"].append(STRAY))
    assert (
        "Its answer to 01.1 is not of this set: it was not graded." in only(room).notes
    )


STRAY = {"cell_type": "code", "metadata": {}, "source": "%%answer 01.1\npass"}


# --- what is kept ---------------------------------------------------------------------


def test_every_student_has_a_row_for_each_task(room, tmp_path):
    """The table names student, set, task, points and the first sentence of why."""
    room.path("bob").write_text("{")
    room.hand_in("ada", room.solutions)
    graded = grade(room.folder, pool=Pretended())
    graded.write_csv(tmp_path / "points.csv")
    with (tmp_path / "points.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows].count("bob") == len(room.tasks)
    adas = [row for row in rows if row["student"] == "ada"]
    assert adas[0]["why"] == "'=It said 0.5. So."
    assert {row["points"] for row in adas} == {"1.5"}
    assert "1 times  04.1: ends" in graded.words


TABLES = {
    "moodle": [
        ["Identifier", "Full name", "Grade", "Last modified (grade)"],
        ["Participant 11", "Ada", "3.5", ""],
        ["Participant 12", "Bob", "0", ""],
    ],
    "canvas": [
        ["Student", "ID", "Section", "04", "05"],
        ["    Points Possible", "", "", "5", "4"],
        ["Ada", "11", "", "3.5", "2.0"],
        ["Bob", "12", "", "0.0", ""],
    ],
}


@pytest.mark.parametrize("kind", TABLES)
def test_learning_platforms_can_read_the_table(tmp_path, kind):
    """The columns are those that the importers of Moodle and Canvas look for."""

    def sheet(name, number, points, most, of="04"):
        task, graded = SimpleNamespace(points=most), Graded("", points, "", "")
        one = Submission(name, number, of, Path())
        return Sheet(one, Assignment(of, {"1": task}, "", {}), {"1": graded})

    sheets = sheet("Ada", "11", 3.5, 5.0), sheet("Bob", "12", 0.0, 5.0)
    if kind == "canvas":
        sheets += (sheet("Ada", "11", 2.0, 4.0, "05"),)
    Class(sheets).write_csv(tmp_path / "table.csv", kind)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == TABLES[kind]


def test_equal_answers_are_run_once(room):
    """Two students with the same text get the same points, for one run."""
    for name in ("ada", "bob"):
        room.hand_in(name, {"04.1": "same = 1\n"})
    pool = Pretended()
    graded = grade(room.folder, pool=pool)
    assert (len(pool.jobs), len(graded.sheets)) == (len(room.tasks), 2)


def test_what_was_graded_is_not_graded_again(room):
    """The journal serves an answer as long as its text stays; a cut line costs one."""
    room.hand_in("ada", room.solutions)
    grade(room.folder, pool=Pretended())
    journal = room.folder / JOURNAL
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:-1], lines[-1][:20]]))
    pool = Pretended()
    graded = grade(room.folder, pool=pool)
    assert (graded.before, graded.now, len(pool.jobs)) == (len(lines) - 1, 1, 1)
    room.hand_in("ada", room.solutions | {"04.1": "other = 1\n"})
    assert grade(room.folder, pool=Pretended()).now == 1
    assert grade(room.folder, pool=Pretended(), again=True).now == len(room.tasks)


@pytest.mark.long
def test_killed_in_the_middle_it_goes_on_where_it_was(room):
    """After SIGKILL nothing runs on, and no answer is graded a second time."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("Windows has no SIGKILL")
    room.hand_in("ada", room.solutions)
    command = [sys.executable, "-m", "labkit", "grade", room.folder, "--unconfined"]
    command += ["--workers", "1"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        journal = room.folder / JOURNAL
        assert until(lambda: journal.exists() and journal.stat().st_size, 60)
        process.kill()
    graded = grade(room.folder, unconfined=True, assignment=SET)
    assert graded.before >= 1
    assert [sheet.points for sheet in graded.sheets] == [
        sum(task.points for task in room.tasks)
    ]


def test_a_class_that_was_not_graded_says_why(room, capsys):
    """Exit status 1 where nothing can be read, 2 where nothing can be kept."""
    room.path("bob").write_text("{")
    grading = ["grade", str(room.folder), "--unconfined"]
    assert main(grading) == 1
    assert "not JSON" in capsys.readouterr().out
    (room.folder / JOURNAL).unlink()
    # As in a folder where nobody may write.
    (room.folder / JOURNAL).symlink_to(room.folder / "no" / "where")
    assert main(grading) == 2
    assert "copy what was handed in to a folder" in capsys.readouterr().err


def test_other_checks_are_refused():
    """A machine whose checks are of another version does not grade with them."""
    job = Job("another digest", "04.1", "pass\n", True, "elsewhere")
    with pytest.raises(ExerciseError, match="same version"):
        mark([job])


def test_checks_of_another_clone(room, tmp_path):
    """An instructor's folder of exercises counts: this one has one set."""
    for part in ("checks", "release"):
        shutil.copytree(EXERCISES / part / SET, tmp_path / "clone" / part / SET)
    room.hand_in("ada", room.solutions)
    pool = Pretended()
    graded = grade(room.folder, exercises=tmp_path / "clone", pool=pool)
    assert {sheet.of.name for sheet in graded.sheets} == {SET}
    assert {job.exercises for job in pool.jobs} == {str(tmp_path / "clone")}


@pytest.mark.long
def test_gradebook_keeps_what_a_person_gave(room, tmp_path):
    """Written again it has the new scores and that one; other cells are refused."""
    from nbgrader.api import Gradebook

    room.hand_in("ada", room.solutions | {"04.1": "half = '\ud800'\n"})
    room.path("ada").with_name("timestamp.txt").write_text("9" * 99)
    room.path("bob").write_text("{")
    graded, file = grade(room.folder, pool=Pretended()), tmp_path / "gradebook.db"
    write_gradebook(file, graded)
    with Gradebook(f"sqlite:///{file}", "labkit") as book:
        book.find_submission_notebook(SET, SET, "ada").grades[0].manual_score = 4.0
        book.db.commit()
    write_gradebook(file, graded)
    with Gradebook(f"sqlite:///{file}", "labkit") as book:
        scores = [book.find_submission(SET, name).score for name in ("ada", "bob")]
    assert scores == [1.5 * (len(room.tasks) - 1) + 4.0, 0.0]
    page = tmp_path / "autograded" / "bob" / SET / f"{SET}.ipynb"
    assert "It cannot be read: it is not JSON" in page.read_text()
    book = graded.sheets[0].of.book.replace('"grade_id": "', '"grade_id": "other-')
    of = replace(graded.sheets[0].of, book=book)
    with pytest.raises(GradingError, match="Cannot add or remove cells"):
        write_gradebook(file, Class((replace(graded.sheets[0], of=of),)))


@pytest.fixture
def walls():
    """Skip a test that needs walls where this machine has none."""
    try:
        require_walls()
    except GradingError as error:
        pytest.skip(str(error))


@pytest.fixture
def cluster():
    """Return Dask on this machine, with one worker."""
    import distributed

    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster:
        yield cluster


@pytest.mark.long
def test_dask_grades_what_threads_grade(room, cluster):
    """A worker of a Dask cluster marks the same answers with the same points."""
    room.hand_in("ada", room.half())
    here = grade(room.folder, unconfined=True)
    with cluster.get_client() as client:
        pool = client.get_executor(pure=False)
        there = grade(room.folder, pool=pool, again=True, unconfined=True)
    assert there.sheets == here.sheets


@pytest.mark.long
@pytest.mark.usefixtures("walls")
def test_an_answer_on_a_dask_worker_cannot_reach_the_scheduler(room, cluster):
    """Behind the walls there is no network; a right answer beside it is right."""
    host, port = cluster.scheduler_address.removeprefix("tcp://").split(":")
    knock = f"import socket\nsocket.create_connection(({host!r}, {port}))\n"
    room.hand_in("ada", room.solutions)
    room.hand_in("mallory", {"04.1": knock + room.solutions["04.1"]})
    with cluster.get_client() as client:
        graded = grade(room.folder, pool=client.get_executor(pure=False))
    points = {
        sheet.submission.student: sheet.graded["04.1"].points for sheet in graded.sheets
    }
    assert points["ada"] > points["mallory"] == 0


# --- what an answer may do ------------------------------------------------------------

HOSTILE = {
    "reads the solutions": "open({root!r} + '/exercises/source/{set}/{set}.ipynb')",
    "reads the wrong answers": "open({root!r} + '/exercises/checks/{set}/04.1.wrong.md')",
    "reads its neighbours": "open({room!r} + '/zoe/{set}/{set}.ipynb')",
    "writes at home": "open(os.path.expanduser('~/labkit-was-here'), 'w')",
    "reaches the network": "socket.create_connection(('127.0.0.1', {port}))",
    "kills the grader": "os.kill({pid}, signal.SIGTERM)",
}


@pytest.mark.long
@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize("kind", HOSTILE)
def test_walls_keep_an_answer_in(room, kind):
    """Nothing outside can be read, written, reached or killed from inside."""
    import socket

    def cut(book):  # to the task at hand
        book["cells"] = [c for c in book["cells"] if "04.1" in str(c["source"])]

    room.hand_in("zoe", change=cut)
    before = room.path("zoe").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:
        deed = HOSTILE[kind].format(
            root=str(ROOT), set=SET, room=str(room.folder), pid=os.getpid(),
            port=server.getsockname()[1],
        )  # fmt: skip
        room.hand_in("mallory", {"04.1": f"import os, signal, socket\n{deed}\n"}, cut)
        graded = grade(room.folder, workers=2)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    mallory, _ = graded.sheets
    assert mallory.graded["04.1"].key
    assert mallory.points == 0
    assert room.path("zoe").read_bytes() == before
    assert not Path("~/labkit-was-here").expanduser().exists()


@pytest.mark.long
def test_an_answer_costs_itself_alone(room):
    """It ends the process that has loaded what a student's answers need, or floods it."""
    deed = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"
    deeds = {"04.1": deed, "04.2": "print('x' * 25_000_000)\n"}
    answers = {
        task: deeds.get(task, "") + room.solutions[task] for task in room.solutions
    }
    room.hand_in("ada", answers)
    (ada,) = grade(room.folder, unconfined=True).sheets
    assert [ada.graded[task].points for task in deeds] == [0, 0]
    assert ada.points == ada.out_of - sum(task.points for task in room.tasks[:2])


def test_without_walls_nothing_runs(room, monkeypatch, capsys):
    """Where there is no bubblewrap, the command wants to be told that it may go on."""
    room.hand_in("ada", room.solutions)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    require_walls.cache_clear()
    assert main(["grade", str(room.folder)]) == 2
    require_walls.cache_clear()
    assert "--unconfined" in capsys.readouterr().err
    assert not (room.folder / JOURNAL).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/nowhere"], "It cannot be read: No such file"),
        (["{tmp}"], "There are no submissions"),
        (["{tmp}", "--assignment", "99"], "There is no exercise set '99'"),
        (["{tmp}", "--csv", "{tmp}/no/points.csv"], "cannot be written"),
        (["{tmp}", "--gradebook", "{tmp}/no/gradebook.db"], "cannot be written"),
        (["{tmp}", "--scheduler", "tcp://10.1.2.3:8786"], "use tls://"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, arguments, words):
    """The command says what is wrong, and grades nothing."""
    assert main(["grade", *(text.format(tmp=tmp_path) for text in arguments)]) == 2
    assert words in capsys.readouterr().err
