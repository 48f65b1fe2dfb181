"""Make the learners' copies of the exercises: ``python -m labkit exercises``.

``exercises/source`` is written by hand; ``exercises/release`` is made from it by
nbgrader's own converter, which replaces each solution by a line to fill in. A task that
starts from working code needs that code instead. It stands in the solution, as a
comment::

    ### BEGIN SOLUTION
    order = orders.get(timeout=idle_s)
    ### THE LEARNER STARTS FROM
    # order = orders.get()
    ### END SOLUTION

The same settings serve an instructor who runs nbgrader in the folder ``exercises``.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from labkit.errors import ExerciseError
from labkit.grader.runner import STUB
from labkit.grader.tasks import EXERCISES

__all__ = ["configure", "make_release", "new_task", "starting_code"]

_MARK = "### THE LEARNER STARTS FROM"


def starting_code(source: str) -> list[list[str]]:
    """Return the lines below the mark of each solution in a cell, no comments any more.

    There are none where a stub is wanted.
    """
    found: list[list[str]] = []
    below = False
    for line in source.split("\n"):
        text = line.strip()
        if text == "### BEGIN SOLUTION":
            found.append([])
        if text.startswith("###"):
            below = text == _MARK
        elif below:
            found[-1].append(text.removeprefix("#").removeprefix(" "))
    return found


def configure(config: Any) -> None:
    """Set, in nbgrader's configuration, what it needs to make a learner's copy."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import ClearSolutions

    class StartingCode(ClearSolutions):  # type: ignore[misc]
        """Replace each solution by the code the learner starts from, or by a stub."""

        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
            starts = starting_code(cell.source)
            cell, resources = super().preprocess_cell(cell, resources, index)
            lines: list[str] = []
            for line in cell.source.split("\n"):
                start = starts.pop(0) if line.strip() == STUB and starts else []
                indent = line[: -len(line.lstrip())]
                lines += [indent + text for text in start] or [line]
            cell.source = "\n".join(lines)
            return cell, resources

    steps = GenerateAssignment.preprocessors.default_args[0]
    config.GenerateAssignment.preprocessors = [
        StartingCode if step is ClearSolutions else step for step in steps
    ]
    # A stub that raises would stop "Run All" at the first task.
    config.ClearSolutions.code_stub = {"python": STUB}


def make_release(target: Path, exercises: Path = EXERCISES) -> list[Path]:
    """Make the learner's copy of every set in `target`; return the files, relative.

    Raises ExerciseError if a source has no solution cell where one is needed, or is no
    notebook.
    """
    with tempfile.TemporaryDirectory(prefix="labkit-release-") as folder:
        # nbgrader writes a database beside the course: that stays in this folder.
        course = Path(folder)
        shutil.copytree(exercises / "source", course / "source")
        for source in sorted((course / "source").iterdir()):
            _convert(course, source.name)
        made = course / "release"
        shutil.copytree(made, target, dirs_exist_ok=True)
        return sorted(p.relative_to(made) for p in made.rglob("*") if p.is_file())


def _convert(course: Path, name: str) -> None:
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    configure(config)
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.assignment_id = name
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    directory = CourseDirectory(config=config)
    converter = GenerateAssignment(coursedir=directory, config=config)
    converter.log.setLevel("ERROR")
    try:
        converter.start()
    except (NbGraderException, SystemExit) as error:
        raise ExerciseError(f"nbgrader cannot convert {name}: {error}") from error


def new_task(task_id: str, exercises: Path = EXERCISES) -> list[Path]:
    """Write the files of a new task, from ``exercises/template``; return their paths.

    Its cells come before the last one of the set's source. It passes all tests as it
    is. Raises ExerciseError if there is no such set, or there is such a task.
    """
    found = list(exercises.glob(f"checks/{task_id[:2]}_*"))
    if not re.fullmatch(r"\d\d\.\d", task_id) or not found:
        sets = ", ".join(sorted(path.name[:2] for path in exercises.glob("checks/*_*")))
        raise ExerciseError(f"{task_id!r} is no task of a set ({sets}): write 05.9.")
    if (found[0] / f"{task_id}.py").exists():
        raise ExerciseError(f"There is a task {task_id} already: choose a free number.")

    def filled(name: str) -> str:
        text = (exercises / "template" / name).read_text(encoding="utf-8")
        return text.replace("NN.M", task_id).replace("NN-M", task_id.replace(".", "-"))

    made = [found[0] / f"{task_id}{end}" for end in (".py", ".md", ".wrong.md")]
    for path in made:
        path.write_text(filled(path.name.replace(task_id, "task")), encoding="utf-8")
    source = exercises / "source" / found[0].name / f"{found[0].name}.ipynb"
    book = json.loads(source.read_text(encoding="utf-8"))
    cells = json.loads(filled("cells.json"))
    for cell in cells:
        cell["source"] = cell["source"].splitlines(keepends=True)
    book["cells"][-1:-1] = cells
    source.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return [*made, source]
