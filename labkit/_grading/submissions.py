"""Read what a class handed in, as text; nothing of it is run or believed.

A submission is a notebook in nbgrader's folders,
``SUBMITTED/<student>/<set>/<set>.ipynb``. From it this module takes the text of the
answer cells, and compares the rest with the copy that was handed out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit._grading.assignments import Assignment, cell_id, code_cells

__all__ = ["Submission", "blank_answers", "read_submissions"]

# Only for the report: such a cell is not run, or in the examiner alone.
_CHANGES_THE_KIT = re.compile(
    r"^\s*(labkit|check|hint)[\w.]*\s*=[^=]|setattr\(\s*(labkit|check)|def check\(",
    re.MULTILINE,
)
_LARGEST = 20_000_000  # bytes of a notebook; one with answers has 20 thousand


@dataclass(frozen=True)
class Submission:
    """What one student handed in of one exercise set.

    Attributes
    ----------
    student, assignment : str
    folder : Path
    answers : dict
        Task id to the text below the first line of its answer cell.
    trouble : str
        Why nothing can be read, in one sentence; mostly empty.
    notes : tuple of str
        What differs from the copy that was handed out, in sentences.
    """

    student: str
    assignment: str
    folder: Path
    answers: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    notes: tuple[str, ...] = ()


def read_submissions(
    submitted: Path, assignments: dict[str, Assignment]
) -> Iterator[Submission]:
    """Read every submission in a folder.

    Parameters
    ----------
    submitted : Path
        Holds a folder for each student, with a folder for each exercise set.
    assignments : dict
        The exercise sets to look for, by name.

    Yields
    ------
    Submission
        By student and set. A folder that is no exercise set is passed over.
    """
    for folder in sorted(submitted.glob("*/*")):
        student, name = folder.parent.name, folder.name
        if name in assignments and folder.is_dir() and not student.startswith("."):
            try:
                yield _read(student, folder, assignments[name])
            except _UnreadableError as error:
                yield Submission(student, name, folder, trouble=str(error))


class _UnreadableError(ValueError):
    """A sentence that says why."""


def _read(student: str, folder: Path, assignment: Assignment) -> Submission:
    path = folder / f"{assignment.name}.ipynb"
    book = _load(path)
    cells = list(code_cells(book))
    answers, notes = _answers(cells, assignment)
    notes += _tampering(cells, assignment)
    if not answers:
        raise _UnreadableError(
            f"{path.name} has no cell that begins with %%answer: it is not the copy "
            "that was handed out, or its answer cells were deleted."
        )
    return Submission(
        student, assignment.name, folder, answers, notes=tuple(dict.fromkeys(notes))
    )


def blank_answers(assignment: Assignment) -> dict[str, str]:
    """Return the answers that stand in the copy that is handed out, by task id."""
    return _answers(list(code_cells(assignment.book)), assignment)[0]


def _load(path: Path) -> dict[str, Any]:
    if path.is_symlink():
        raise _UnreadableError(f"{path.name} is a link to another file: not followed.")
    if not path.is_file():
        others = sorted(other.name for other in path.parent.glob("*.ipynb"))
        found = f"there is {', '.join(others)}: rename it" if others else "it is empty"
        raise _UnreadableError(f"There is no {path.name} in the folder; {found}.")
    if (size := path.stat().st_size) > _LARGEST:
        raise _UnreadableError(f"{path.name} has {size:,} bytes: too many to read.")
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise _UnreadableError(
            f"{path.name} is no notebook: it is not JSON ({error})."
        ) from error
    version = book.get("nbformat") if isinstance(book, dict) else None
    if version != 4:
        raise _UnreadableError(
            f"{path.name} is no notebook of format 4 (it says {version!r:.20}): open "
            "it in JupyterLab and save it."
        )
    assert isinstance(book, dict)  # noqa: S101 - it has a version
    return book


def _answers(
    cells: list[tuple[dict[str, Any], str]], assignment: Assignment
) -> tuple[dict[str, str], list[str]]:
    """Take the answers that count: as in a run of the notebook from its top.

    The last answer above a task's check cell counts; the last of all, where that cell
    is missing. (nbgrader keeps the last of several cells with one name.)
    """
    from IPython.core.inputtransformer2 import TransformerManager

    places = {grade_id: task for task, grade_id in assignment.grade_ids.items()}
    notebook = TransformerManager()  # type: ignore[no-untyped-call]
    found: dict[str, list[str]] = {task.id: [] for task in assignment.tasks}
    above: dict[str, int] = {}  # how many answers stand above the task's check
    for cell, source in cells:
        task_id, text = _answer(source, notebook)
        if task_id in found:
            found[task_id].append(text)
        if task := places.get(cell_id(cell)):
            above[task] = len(found[task])
    counted = {task: texts[: above.get(task)] for task, texts in found.items()}
    notes = []
    for task, texts in found.items():
        if len(texts) > 1:
            notes.append(f"{task} has {len(texts)} answer cells: the last one counts.")
        if len(counted[task]) < len(texts):
            notes.append(f"An answer to {task} stands below its check: not counted.")
    return {task: texts[-1] for task, texts in counted.items() if texts}, notes


def _answer(source: str, notebook: Any) -> tuple[str, str]:
    """Split an answer cell as IPython does: the task it names, and its text."""
    if "%%answer" not in source:
        return "", ""
    lines = (source if source.endswith("\n") else source + "\n").splitlines(True)
    for clean in notebook.cleanup_transforms:
        lines = clean(lines)
    first, _, text = "".join(lines).partition("\n")
    magic, _, task_id = first.partition(" ")
    return (task_id.strip(), text) if magic == "%%answer" else ("", "")


def _tampering(
    cells: list[tuple[dict[str, Any], str]], assignment: Assignment
) -> Iterator[str]:
    """Say which of the cells that are not the student's to change are changed."""
    for cell, source in cells:
        if _CHANGES_THE_KIT.search(source):
            name = cell_id(cell) or cell.get("id")
            yield f"The cell {name} changes labkit or check()."
    there = {cell_id(cell): (cell, source) for cell, source in cells if cell_id(cell)}
    for original, source in code_cells(assignment.book):
        own = original["metadata"].get("nbgrader", {})
        found = there.get(cell_id(original))
        if not own:
            continue
        if found is None:
            yield f"The cell {cell_id(original)} is missing."
        elif own["grade"] and found[1].strip() != source:
            yield f"The check cell {cell_id(original)} was edited."
        elif any(
            found[0]["metadata"]["nbgrader"].get(key) != own[key]
            for key in ("grade", "locked", "solution", "points")
            if key in own
        ):
            yield f"The metadata of the cell {cell_id(original)} was edited."
