"""Write a graded class where nbgrader keeps it: its database, and its notebooks.

All of it through nbgrader's own :class:`nbgrader.api.Gradebook`, so that formgrader,
``nbgrader generate_feedback`` and ``nbgrader export`` go on from there.
"""

import contextlib
import copy
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labkit._grading.assignments import Assignment
from labkit._grading.submissions import Submission
from labkit._grading.tallies import Report, Row
from labkit.errors import GradingError

__all__ = ["COURSE", "write_gradebook"]

COURSE = "labkit"
"""The course's id, as in exercises/nbgrader_config.py."""


def write_gradebook(
    path: Path, report: Report, assignments: dict[str, Assignment]
) -> None:
    """Write the scores into nbgrader's database, and the notebooks it calls autograded.

    Parameters
    ----------
    path : Path
        The database, made if it is not there. Scores that a person gave stay.
    report : Report
    assignments : dict
        The exercise sets, by name.

    Raises
    ------
    GradingError
        The database has an exercise set of the same name with other tasks, or is none.
    """
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    url = f"sqlite:///{path.resolve()}"
    try:
        with _alembic_found(), warnings.catch_warnings():
            # nbgrader builds its records in an order that SQLAlchemy warns of.
            warnings.simplefilter("ignore", SAWarning)
            _write(Gradebook(url, COURSE), url, report, assignments, path.parent)
    except SQLAlchemyError as error:
        raise GradingError(f"{path} cannot be used as a gradebook: {error}.") from error


def _write(
    gradebook: Any,
    url: str,
    report: Report,
    assignments: dict[str, Assignment],
    course: Path,
) -> None:
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in report.rows:
        rows.setdefault((row.student, row.assignment), []).append(row)
    with gradebook as book:
        for name in {one.assignment for one in report.submissions}:
            _register(book, url, assignments[name])
        for one in report.submissions:
            assignment = assignments[one.assignment]
            own = rows[one.student, one.assignment]
            _record(book, one, own, assignment)
            _write_notebook(course / "autograded", one, own, assignment)


@contextlib.contextmanager
def _alembic_found() -> Iterator[None]:
    """Let nbgrader find the program alembic, which it calls by its name."""
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        yield
    finally:
        os.environ["PATH"] = path


def _register(book: Any, url: str, assignment: Assignment) -> None:
    """Tell the gradebook of an exercise set, as generate_assignment does."""
    import nbformat
    from nbgrader.api import MissingEntry
    from nbgrader.preprocessors import SaveCells

    name = assignment.name
    try:
        known = book.find_notebook(name, name)
    except MissingEntry:
        book.update_or_create_assignment(name, course_id=COURSE)
        paper = nbformat.reads(json.dumps(assignment.book), 4)
        place = {"notebook": name, "assignment": name, "db_url": url}
        SaveCells().preprocess(paper, {"nbgrader": place})
        return
    wanted = {assignment.grade_ids[task.id]: task.points for task in assignment.tasks}
    there = {cell.name: cell.max_score for cell in known.grade_cells}
    if there != wanted:
        raise GradingError(
            f"The gradebook has another version of {name} (its points are {there}, "
            f"here they are {wanted}): grade into a new gradebook."
        )


def _record(book: Any, one: Submission, rows: list[Row], of: Assignment) -> None:
    """Write the scores of one submission."""
    book.update_or_create_student(one.student)
    book.update_or_create_submission(one.assignment, one.student, **_handed_in(one))
    place = (one.assignment, one.assignment, one.student)
    for row in rows:
        grade_id = of.grade_ids[row.task]
        grade = book.find_grade(grade_id, *place)
        grade.auto_score = row.points
        grade.needs_manual_grade = grade.manual_score is not None
    book.db.commit()


def _handed_in(one: Submission) -> dict[str, Any]:
    """Read when a submission was collected, if nbgrader wrote it down."""
    from nbgrader.utils import parse_utc

    try:
        text = (one.folder / "timestamp.txt").read_text(encoding="utf-8").strip()
        return {"timestamp": parse_utc(text)} if text else {}
    except (OSError, ValueError):
        return {}


def _write_notebook(
    autograded: Path, one: Submission, rows: list[Row], assignment: Assignment
) -> None:
    """Write what generate_feedback shows: our copy, the answers, the words for each."""
    book = copy.deepcopy(assignment.book)
    by_check = {assignment.grade_ids[row.task]: row for row in rows}
    for cell in book["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        first = "".join(cell["source"]).partition("\n")[0]
        task = first.removeprefix("%%answer ").strip()
        if name in by_check:
            cell["outputs"] = [_output(by_check[name])]
        elif first.startswith("%%answer ") and task in one.answers:
            cell["source"] = f"{first}\n{one.answers[task]}".removesuffix("\n")
    folder = autograded / one.student / one.assignment
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{one.assignment}.ipynb"
    target.unlink(missing_ok=True)  # nbgrader's own cannot be written to
    target.write_text(json.dumps(book, indent=1), encoding="utf-8")
    for own in ("timestamp.txt", "submission_secret.txt"):  # for release_feedback
        file = one.folder / own
        if file.is_file() and not file.is_symlink():
            shutil.copyfile(file, folder / own)


def _output(row: Row) -> dict[str, object]:
    """Make the output of a check cell: the score, and the words."""
    data = {"text/plain": f"{row.points}"}
    if row.graded:
        data["text/html"] = row.graded.html
    else:
        data["text/plain"] = row.why
    return {
        "output_type": "execute_result", "data": data, "metadata": {},
        "execution_count": None,
    }  # fmt: skip
