"""Run a course through nbgrader in one process, and grade it with labkit besides.

A program of its own, because nbgrader changes its process: see test_grading_course.
Arguments: the folder of the course, the exercise set, how many students at a time.
On standard output, as JSON: what became of each step.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path


def course(folder):
    """Return nbgrader's API for a course in this folder."""
    from nbgrader.apps import NbGrader, NbGraderAPI

    os.chdir(folder)
    app = NbGrader()
    app.load_config_file()
    app.config.Exchange.root = str(folder / "exchange")
    app.config.Exchange.cache = str(folder / "cache")
    app.config.ExchangeCollect.check_owner = False  # they are all us
    return NbGraderAPI(config=app.config, log_level="ERROR")


def done(result):
    """Expect that a step of nbgrader succeeded."""
    assert result["success"], result


def submit(api, name, student, home):
    """Hand in, as `nbgrader submit` does for a student."""
    os.chdir(home / student)
    api.coursedir.student_id, api.coursedir.assignment_id = student, name
    app = api.exchange.Submit(
        coursedir=api.coursedir, authenticator=api.authenticator, parent=api
    )
    app.start()
    api.coursedir.student_id = "*"
    os.chdir(api.coursedir.root)


def scores(gradebook, name, students):
    """Read each student's scores, by the name of the check cell."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{gradebook}", "labkit") as book:
        return {
            student: {
                grade.name: [grade.score, grade.max_score]
                for grade in book.find_submission_notebook(name, name, student).grades
            }
            for student in students
        }


def interleaved(api, folder, name, students, at_a_time):
    """Grade some students with nbgrader, the same with labkit, and so on."""
    from labkit.grader.classroom import grade, write_gradebook

    seconds = {"nbgrader": 0.0, "labkit": 0.0}
    for first in range(0, len(students), at_a_time):
        some = students[first : first + at_a_time]
        part = folder / f"part-{first}"
        part.mkdir()
        for student in some:
            shutil.copytree(folder / "submitted" / student, part / student)
        began = time.perf_counter()
        for student in some:
            done(api.autograde(name, student))
        between = time.perf_counter()
        if len(some) < len(students):
            write_gradebook(part / "gradebook.db", grade(part, unconfined=True))
        seconds["nbgrader"] += between - began
        seconds["labkit"] += time.perf_counter() - between
    return seconds


def main(folder, name, at_a_time):
    """Release, submit, collect, grade twice, give feedback, return it."""
    from labkit.grader.classroom import grade, write_gradebook

    api = course(folder)
    done(api.generate_assignment(name))
    (folder / "exchange").mkdir()
    (folder / "exchange").chmod(0o777)
    done(api.release(name))
    home = folder / "home"
    students = sorted(path.name for path in home.iterdir())
    for student in students:
        submit(api, name, student, home)
    done(api.collect(name))
    database = folder / "gradebook.db"
    # What both are asked to grade; hostile and broken ones are for labkit alone.
    fair = [student for student in students if student[-1].isdigit()]
    before = database.read_bytes()
    seconds = interleaved(api, folder, name, fair, at_a_time)
    theirs = scores(database, name, fair)
    database.write_bytes(before)
    report = grade(folder / "submitted", unconfined=True)
    report.write_csv(folder / "grades.csv")
    write_gradebook(database, report)
    done(api.generate_feedback(name))
    done(api.release_feedback(name))
    print(json.dumps({
        "seconds": seconds,
        "theirs": theirs,
        "ours": scores(database, name, students),
        "words": report.words,
        "returned": len(list((folder / "exchange/labkit/feedback").glob("*.html"))),
    }))  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
