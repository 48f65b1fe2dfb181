"""A course from its release to its feedback: what nbgrader gives, and what we give."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from classroom import Classroom
from pythons import ROOT

from labkit.grader.tasks import EXERCISES

AT_A_TIME = 10  # students that one of the two grades before it is the other's turn


def sets(request):
    """Return the exercise sets that are asked for."""
    wanted = request.config.getoption("--nbgrader-sets")
    return sorted(path.name for path in (EXERCISES / "release").glob(wanted))


def edit_checks(book):
    """Put full points into the place of every check."""
    for cell in book["cells"]:
        if "".join(cell["source"]).startswith("check("):
            cell["source"] = "1000.0"


def run_course(folder, name):
    """Run the course; return what it said, and where it worked."""
    shutil.copy(EXERCISES / "nbgrader_config.py", folder)
    shutil.copytree(EXERCISES / "source" / name, folder / "source" / name)
    program = Path(__file__).with_name("nbgrader_course.py")
    scripts = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    path = os.pathsep.join([scripts, os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, program, folder, name, str(AT_A_TIME)],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.long
def test_course_from_release_to_feedback(tmp_path, request):
    """Scores are those of nbgrader's autograde, and every student hears of theirs.

    One student has answers that are right, wrong and not written; one has edited the
    checks, which nbgrader would undo; one has handed in no notebook. More students by
    --class, more exercise sets by --nbgrader-sets.
    """
    size = request.config.getoption("--class")
    for name in sets(request):
        folder = tmp_path / name
        room = Classroom(folder / "home", name)
        fair = room.fill(size)
        room.hand_in("mallory", room.half(), edit_checks)
        room.path("oscar").write_text("{")
        found = run_course(folder, name)
        check_scores(room, found, fair)
        release = Path(name) / f"{name}.ipynb"
        made = (folder / "release" / release).read_bytes()
        assert made == (EXERCISES / "release" / release).read_bytes()
        assert found["returned"] == len(fair) + 2
        check_feedback(folder, room)
        if size > AT_A_TIME:
            tell_times(found["seconds"], size)


def check_scores(room, found, fair):
    """Compare each cell's score, and what the kinds of students must have."""
    points = sum(task.points for task in room.tasks)
    assert {name: found["ours"][name] for name in fair} == found["theirs"]
    totals = {
        student: sum(score for score, _ in cells.values())
        for student, cells in found["ours"].items()
    }
    assert all(
        sum(most for _, most in cells.values()) == points
        for cells in found["ours"].values()
    )
    for student in fair:
        kind = student.partition("-")[0]
        wanted = {"good": points, "blank": 0}.get(kind, totals[student])
        assert totals[student] == wanted < points + (kind == "good")
    assert 0 < totals["mixed-00"] < points
    assert 0 < totals["mallory"] < points
    assert totals["oscar"] == 0
    assert "mallory" in found["words"].partition("Look at these")[2]
    assert "oscar" in found["words"].partition("Not graded")[2]


def check_feedback(folder, room):
    """Find in the feedback, in words, what the table says in its first sentence."""
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    mixed = [row["points"] for row in rows if row["student"] == "mixed-00"]
    assert len(mixed) == len(room.tasks)
    page = folder / "feedback" / "mixed-00" / room.name / f"{room.name}.html"
    text = page.read_text(encoding="utf-8")
    for task, points in zip(room.tasks, mixed, strict=True):
        assert f"{task.id}: {points} of {task.points:g} points." in text


def tell_times(seconds, size):
    """Print what both took; labkit takes at most a third of the time."""
    theirs, ours = seconds["nbgrader"], seconds["labkit"]
    print(
        f"{size} students: nbgrader {theirs:.0f} s, labkit {ours:.0f} s, "
        f"{ours / theirs:.2f} of the time"
    )
    assert ours / theirs <= 1 / 3
