"""Write a graded class where nbgrader keeps it: its database, and its notebooks.

nbgrader's own preprocessors do it, so that formgrader, ``nbgrader generate_feedback``
and ``nbgrader export`` go on from there.
"""

import contextlib
import json
import os
import shutil
import sys
import warnings
from itertools import groupby
from pathlib import Path
from typing import Any

from labkit.errors import GradingError
from labkit.grader.classroom import Class, Line
from labkit.grader.feedback import Score
from labkit.grader.submissions import Assignment, Submission

__all__ = ["COURSE", "write_gradebook"]

COURSE = "labkit"
"""The course's id, as in exercises/nbgrader_config.py."""


def write_gradebook(path: Path, graded: Class) -> None:
    """Write scores into nbgrader's database, and the notebooks it calls autograded.

    Scores that a person gave stay. Raises GradingError if the database has graded this
    exercise set with other cells, or is none.
    """
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.api import Gradebook
    from nbgrader.preprocessors import SaveAutoGrades, SaveCells
    from nbgrader.utils import parse_utc
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    # nbgrader calls the program alembic by its name.
    here = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])
    url, known = f"sqlite:///{path.resolve()}", set[str]()
    try:
        with warnings.catch_warnings(), Gradebook(url, COURSE) as book:
            # nbgrader builds its records in an order that SQLAlchemy warns of.
            warnings.simplefilter("ignore", SAWarning)
            for _, group in groupby(graded.lines, lambda line: id(line.submission)):
                lines = list(group)
                one = lines[0].submission
                if not (of := graded.assignments.get(one.assignment)):
                    continue
                where = {"notebook": of.name, "assignment": of.name, "db_url": url}
                place = {"nbgrader": where | {"student": one.student}}
                if of.name not in known:
                    book.update_or_create_assignment(of.name, course_id=COURSE)
                    SaveCells().preprocess(_filled(of, []), place)
                    known.add(of.name)
                when = None
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    stamp = one.path.with_name("timestamp.txt")
                    when = parse_utc(stamp.read_text().strip())
                book.update_or_create_student(one.student)
                book.update_or_create_submission(of.name, one.student, timestamp=when)
                filled = _filled(of, lines)
                SaveAutoGrades().preprocess(filled, place)
                _write(path.parent / "autograded" / one.student / of.name, filled, one)
    except (SQLAlchemyError, RuntimeError) as error:  # the second is SaveCells's
        raise GradingError(
            f"{path} cannot be used as a gradebook: {error}. Grade into a new one."
        ) from error


def _filled(of: Assignment, lines: list[Line]) -> Any:
    """Return our copy as a notebook, with a student's answers and the words for each."""
    import nbformat

    book = nbformat.reads(json.dumps(of.book), 4)
    for line in lines:
        one, magic = line.submission, f"%%answer {line.task}\n"
        graded = line.graded
        html = graded.html if graded else Score(None, line.why)._repr_html_()
        for cell in book.cells:
            if cell.source == f'check("{line.task}")':
                data = {"text/plain": f"{line.points}", "text/html": html}
                cell.outputs = [nbformat.v4.new_output("execute_result", data)]
            elif cell.source.startswith(magic):
                nothing = f"# {one.trouble or 'There was no answer.'}"
                cell.source = magic + one.answers.get(line.task, nothing)
    return book


def _write(folder: Path, book: Any, one: Submission) -> None:
    """Write what generate_feedback shows, and what release_feedback asks for."""
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{folder.name}.ipynb"
    target.unlink(missing_ok=True)  # nbgrader's own cannot be written to
    nbformat.write(book, target)
    for own in ("timestamp.txt", "submission_secret.txt"):
        file = one.path.with_name(own)
        if file.is_file() and not file.is_symlink():
            shutil.copyfile(file, folder / own)
