"""Write a graded class where nbgrader keeps it: its database, and its notebooks.

nbgrader's own preprocessors do it, so that formgrader, ``nbgrader generate_feedback``
and ``nbgrader export`` go on from there.
"""

import contextlib
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat

from labkit.errors import GradingError
from labkit.grader.classroom import Class, Sheet

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
            for sheet in graded.sheets:
                one, name = sheet.submission, sheet.of.name
                if not name:
                    continue
                where = {"notebook": name, "assignment": name, "db_url": url}
                place = {"nbgrader": where | {"student": one.student}}
                if name not in known:
                    book.update_or_create_assignment(name, course_id=COURSE)
                    SaveCells().preprocess(nbformat.reads(sheet.of.book, 4), place)
                    known.add(name)
                when = None
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    stamp = one.path.with_name("timestamp.txt")
                    when = parse_utc(stamp.read_text().strip())
                book.update_or_create_student(one.student)
                book.update_or_create_submission(name, one.student, timestamp=when)
                filled = _filled(sheet)
                SaveAutoGrades().preprocess(filled, place)
                _write(
                    path.parent / "autograded" / one.student / name, filled, one.path
                )
    except (SQLAlchemyError, RuntimeError) as error:  # the second is SaveCells's
        raise GradingError(
            f"{path} cannot be used as a gradebook: {error}. Grade into a new one."
        ) from error


def _filled(sheet: Sheet) -> Any:
    """Return our copy with the student's answers, and the words for each."""
    book, one = nbformat.reads(sheet.of.book, 4), sheet.submission
    for task, graded in sheet.graded.items():
        data = {"text/plain": str(graded.points), "text/html": graded.html}
        magic, nothing = f"%%answer {task}\n", one.trouble or "There was no answer."
        for cell in book.cells:
            if cell.source == f'check("{task}")':
                cell.outputs = [nbformat.v4.new_output("execute_result", data)]
            elif cell.source.startswith(magic):
                cell.source = magic + one.answers.get(task, f"# {nothing}")
    return book


def _write(folder: Path, book: Any, submitted: Path) -> None:
    """Write what generate_feedback shows, and what release_feedback asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{folder.name}.ipynb"
    target.unlink(missing_ok=True)  # nbgrader's own cannot be written to
    nbformat.write(book, target)
    for own in ("timestamp.txt", "submission_secret.txt"):
        file = submitted.with_name(own)
        if file.is_file() and not file.is_symlink():
            shutil.copyfile(file, folder / own)
