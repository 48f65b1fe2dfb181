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
from pathlib import Path
from typing import Any

from labkit.errors import GradingError
from labkit.grader.classroom import Assignment, Class, Line, Submission

__all__ = ["COURSE", "write_gradebook"]

COURSE = "labkit"
"""The course's id, as in exercises/nbgrader_config.py."""


def write_gradebook(path: Path, graded: Class) -> None:
    """Write scores into nbgrader's database, and the notebooks it calls autograded.

    Parameters
    ----------
    path : Path
        The database, made if it is not there. Scores that a person gave stay.
    graded : Class

    Raises
    ------
    GradingError
        The database has an exercise set of the same name with other tasks, or is none.
    """
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    # nbgrader calls the program alembic by its name.
    here = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])
    url = f"sqlite:///{path.resolve()}"
    lines: dict[int, list[Line]] = {}
    for line in graded.lines:
        lines.setdefault(id(line.submission), []).append(line)
    try:
        with warnings.catch_warnings():
            # nbgrader builds its records in an order that SQLAlchemy warns of.
            warnings.simplefilter("ignore", SAWarning)
            with Gradebook(url, COURSE) as book:
                for own in lines.values():
                    of = graded.assignments.get(own[0].submission.assignment)
                    if of:
                        _register(book, url, of)
                        _record(book, own, of)
                        _write_notebook(path.parent / "autograded", own, of)
    except SQLAlchemyError as error:
        raise GradingError(f"{path} cannot be used as a gradebook: {error}.") from error


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
    wanted = {of.grade_ids[task]: one.points for task, one in of.tasks.items()}
    there = {cell.name: cell.max_score for cell in known.grade_cells}
    if there != wanted:
        raise GradingError(
            f"The gradebook has another version of {of.name}: there its points are "
            f"{there}, here {wanted}. Grade into a new gradebook."
        )


def _record(book: Any, lines: list[Line], of: Assignment) -> None:
    """Write the scores of one submission."""
    student = lines[0].submission.student
    book.update_or_create_student(student)
    book.update_or_create_submission(
        of.name, student, **_handed_in(lines[0].submission)
    )
    for line in lines:
        grade = book.find_grade(of.grade_ids[line.task], of.name, of.name, student)
        grade.auto_score = line.points
        grade.needs_manual_grade = grade.manual_score is not None
    book.db.commit()


def _handed_in(one: Submission) -> dict[str, Any]:
    """Read when a submission was collected, if nbgrader wrote it down."""
    from nbgrader.utils import parse_utc

    try:
        text = one.path.with_name("timestamp.txt").read_text(encoding="utf-8").strip()
        return {"timestamp": parse_utc(text)} if text else {}
    except (OSError, ValueError):
        return {}


def _write_notebook(autograded: Path, lines: list[Line], of: Assignment) -> None:
    """Write what generate_feedback shows: our copy, the answers, the words for each."""
    one, book = lines[0].submission, copy.deepcopy(of.book)
    by_check = {of.grade_ids[line.task]: line for line in lines}
    for cell in book["cells"]:
        first = "".join(cell["source"]).partition("\n")[0]
        task = first.removeprefix("%%answer ").strip()
        if line := by_check.get(cell["metadata"].get("nbgrader", {}).get("grade_id")):
            data = {"text/plain": f"{line.points}" if line.graded else line.why}
            if line.graded:
                data["text/html"] = line.graded.html
            output = {"output_type": "execute_result", "data": data, "metadata": {}}
            cell["outputs"] = [output | {"execution_count": None}]
        elif first.startswith("%%answer "):
            shown = one.answers.get(
                task, f"# {one.trouble or 'There was no answer.'}\n"
            )
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
