"""Write a graded class where nbgrader keeps it: its database, and its notebooks.

All of it through nbgrader's own :class:`nbgrader.api.Gradebook`, so that formgrader,
``nbgrader generate_feedback`` and ``nbgrader export`` go on from there.
"""

import copy
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
from labkit.grader.submissions import Assignment

__all__ = ["COURSE", "write_gradebook"]

COURSE = "labkit"
"""The course's id, as in exercises/nbgrader_config.py."""


def write_gradebook(path: Path, graded: Class) -> None:
    """Write scores into nbgrader's database, and the notebooks it calls autograded.

    Scores that a person gave stay. Raises GradingError if the database has an exercise
    set of the same name with other tasks, or is none.
    """
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    # nbgrader calls the program alembic by its name.
    here = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])
    url = f"sqlite:///{path.resolve()}"
    try:
        with warnings.catch_warnings():
            # nbgrader builds its records in an order that SQLAlchemy warns of.
            warnings.simplefilter("ignore", SAWarning)
            with Gradebook(url, COURSE) as book:
                for _, lines in groupby(graded.lines, lambda line: id(line.submission)):
                    own = list(lines)
                    if of := graded.assignments.get(own[0].submission.assignment):
                        _register(book, url, of)
                        _record(book, own, of)
                        _write_notebook(path.parent / "autograded", own, of)
    except SQLAlchemyError as error:
        raise GradingError(f"{path} cannot be used as a gradebook: {error}.") from error


def _cells(of: Assignment) -> dict[str, str]:
    """Return the name that nbgrader has for the check cell of each task."""
    checks = {"".join(cell["source"]): cell for cell in of.book["cells"]}
    return {
        task: checks[f'check("{task}")']["metadata"]["nbgrader"]["grade_id"]
        for task in of.tasks
    }


def _register(book: Any, url: str, of: Assignment) -> None:
    """Tell the gradebook of an exercise set, as generate_assignment does."""
    import nbformat
    from nbgrader.api import MissingEntry
    from nbgrader.preprocessors import SaveCells

    try:
        known = book.find_notebook(of.name, of.name)
    except MissingEntry:
        book.update_or_create_assignment(of.name, course_id=COURSE)
        place = {"notebook": of.name, "assignment": of.name, "db_url": url}
        paper = nbformat.reads(json.dumps(of.book), 4)
        SaveCells().preprocess(paper, {"nbgrader": place})
        return
    wanted = {cell: of.tasks[task].points for task, cell in _cells(of).items()}
    there = {cell.name: cell.max_score for cell in known.grade_cells}
    if there != wanted:
        raise GradingError(
            f"The gradebook has another version of {of.name}: there its points are "
            f"{there}, here {wanted}. Grade into a new gradebook."
        )


def _record(book: Any, lines: list[Line], of: Assignment) -> None:
    """Write the scores of one submission, and when nbgrader collected it."""
    from nbgrader.utils import parse_utc

    one, when = lines[0].submission, {}
    collected = one.path.with_name("timestamp.txt")
    if collected.is_file():
        when = {"timestamp": parse_utc(collected.read_text(encoding="utf-8").strip())}
    book.update_or_create_student(one.student)
    book.update_or_create_submission(of.name, one.student, **when)
    for line in lines:
        cell = _cells(of)[line.task]
        grade = book.find_grade(cell, of.name, of.name, one.student)
        grade.auto_score = line.points
        grade.needs_manual_grade = grade.manual_score is not None
    book.db.commit()


def _write_notebook(autograded: Path, lines: list[Line], of: Assignment) -> None:
    """Write what generate_feedback shows: our copy, the answers, the words for each."""
    one, book = lines[0].submission, copy.deepcopy(of.book)
    by_check = {f'check("{line.task}")': line for line in lines}
    for cell in book["cells"]:
        source = "".join(cell["source"])
        first = source.partition("\n")[0]
        if line := by_check.get(source):
            data = {"text/plain": f"{line.points}" if line.graded else line.why}
            if line.graded:
                data["text/html"] = line.graded.html
            output = {"output_type": "execute_result", "data": data, "metadata": {}}
            cell["outputs"] = [output | {"execution_count": None}]
        elif first.startswith("%%answer "):
            nothing = f"# {one.trouble or 'There was no answer.'}"
            shown = one.answers.get(first.removeprefix("%%answer ").strip(), nothing)
            cell["source"] = f"{first}\n{shown}".removesuffix("\n")
    folder = autograded / one.student / of.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{of.name}.ipynb"
    target.unlink(missing_ok=True)  # nbgrader's own cannot be written to
    target.write_text(json.dumps(book, indent=1), encoding="utf-8")
    for own in ("timestamp.txt", "submission_secret.txt"):  # for release_feedback
        file = one.path.with_name(own)
        if file.is_file() and not file.is_symlink():
            shutil.copyfile(file, folder / own)
