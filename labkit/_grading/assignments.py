"""The exercise sets as they were handed out, and the cells of any notebook."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.grader.tasks import EXERCISES, Task, all_tasks

__all__ = ["Assignment", "cell_id", "code_cells", "read_assignments"]


@dataclass(frozen=True)
class Assignment:
    """An exercise set, as it was handed out.

    Attributes
    ----------
    name : str
        Of the folder and of the notebook.
    tasks : tuple of Task
        In their order.
    book : dict
        The learner's copy, as JSON.
    grade_ids : dict
        Task id to the name that nbgrader's gradebook has for its check cell.
    """

    name: str
    tasks: tuple[Task, ...]
    book: dict[str, Any]
    grade_ids: dict[str, str]


def read_assignments(exercises: Path = EXERCISES) -> dict[str, Assignment]:
    """Read every exercise set.

    Parameters
    ----------
    exercises : Path
        The folder that holds ``checks`` and ``release``.

    Returns
    -------
    dict
        By name.

    Raises
    ------
    ExerciseError
        A file of the exercises is missing or broken.
    """
    tasks: dict[str, list[Task]] = {}
    for task in all_tasks(exercises):
        tasks.setdefault(task.set, []).append(task)
    return {
        name: _assignment(name, tuple(own), exercises / "release")
        for name, own in tasks.items()
        if (exercises / "release" / name).is_dir()  # what is not out is not graded
    }


def _assignment(name: str, tasks: tuple[Task, ...], release: Path) -> Assignment:
    book = json.loads((release / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    sources = {source: cell for cell, source in code_cells(book)}
    checks = {task.id: sources[f'check("{task.id}")'] for task in tasks}
    return Assignment(name, tasks, book, {id_: cell_id(c) for id_, c in checks.items()})


def code_cells(book: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the code cells that are as the format wants them, with their text."""
    cells = book.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            lines = source if isinstance(source, list) else [source]
            if all(isinstance(line, str) for line in lines):
                yield cell, "".join(lines)


def cell_id(cell: dict[str, Any]) -> str:
    """Return nbgrader's name of a cell; it says where a cell is, and no more."""
    metadata = cell.get("metadata")
    own = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = own.get("grade_id") if isinstance(own, dict) else None
    return name if isinstance(name, str) else ""
