"""The tasks of the exercises: where they are and what their files say.

A task is two files in ``exercises/checks/NN_topic``: ``NN.M.py``, pytest tests with
their points and their sentence in a decorator, :func:`points`; ``NN.M.md``, title,
type, takeaway and hints. A third, ``NN.M.wrong.md``, has known wrong answers, for the
kit's own tests. This module reads, and runs nothing.
"""

import ast
import difflib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from labkit.errors import ExerciseError, UnknownTaskError
from labkit.setup import course

__all__ = ["EXERCISES", "PARSING", "Check", "Task", "all_tasks", "find_task", "points"]

EXERCISES = course() / "exercises"  # in the checkout, or installed with the package

# Python 3.11 cannot parse in two threads at once: cpython#106905.
PARSING = threading.Lock()
_Test = TypeVar("_Test", bound=Callable[..., Any])


def points(worth: float, says: str) -> Callable[[_Test], _Test]:  # noqa: ARG001 - read_task() reads them
    """Say what a test is worth, above 0, and what an answer does that passes it."""
    return lambda test: test


@dataclass(frozen=True)
class Check:
    """One thing that an answer must do: a test, its sentence, its points."""

    name: str
    says: str
    points: float


@dataclass(frozen=True)
class Task:
    """One task, as its files describe it."""

    id: str  # number of the exercise set and of the task: "04.1"
    title: str
    type: str
    takeaway: str
    deadline_s: float  # after so many seconds a check is ended, whatever it does
    checks: tuple[Check, ...]  # in the order in which they run
    hints: tuple[str, ...]  # Markdown: a nudge, a pointer, partial code
    path: Path  # the tests
    formerly: tuple[str, ...] = ()  # ids that it had in earlier versions of the course
    program: str = ""  # the file that the answer is, which no notebook runs

    @property
    def points(self) -> float:
        """The most an answer can get."""
        return sum(check.points for check in self.checks)

    @property
    def files(self) -> list[Path]:
        """What decides on an answer: the tests, the words, the fixtures of the set."""
        words, more = self.path.with_suffix(".md"), self.path.parent.glob("conftest.py")
        return [self.path, words, *more]

    @property
    def set(self) -> str:
        """The exercise set it belongs to: ``04_produce_and_consume``."""
        return self.path.parent.name


def read_task(path: Path) -> Task:
    """Read a task from its tests, ``NN.M.py``, and the words beside them.

    Raises ExerciseError with what to add, if one of the two lacks something.
    """
    words = path.with_suffix(".md")
    with PARSING:
        tests: list[Any] = ast.parse(path.read_text(encoding="utf-8"), path).body
    head, *hints = re.split(r"(?m)^## Hint.*\n", words.read_text(encoding="utf-8"))
    titles = re.findall(r"(?m)^# (.+)$", head)
    fields = dict(re.findall(r"(?m)^- (\w+): (.+)$", head))
    named = [test for test in tests if getattr(test, "name", "").startswith("test_")]
    checks = tuple(_check(path, test) for test in named)
    needs = {"title, '# …'": titles, "test with @points(…)": checks}
    for name in ("type", "takeaway"):
        needs[f"line '- {name}: …'"] = fields.get(name, "")
    for what, found in needs.items():
        if not found:
            raise ExerciseError(f"{path.stem} in {path.parent} has no {what}: add one.")
    deadline_s = float(fields.get("deadline", "10 s").removesuffix("s"))
    formerly = tuple(fields.get("formerly", "").split())
    return Task(
        path.stem, titles[0], fields["type"], fields["takeaway"], deadline_s, checks,
        tuple(hint.strip() for hint in hints), path, formerly,
        fields.get("program", ""),
    )  # fmt: skip


def _check(path: Path, test: ast.FunctionDef) -> Check:
    """Read a test's name, sentence and points, without running anything."""
    calls = [one for one in test.decorator_list if isinstance(one, ast.Call)]
    given = [one.args for one in calls if ast.unparse(one.func) == "points"]
    try:
        worth, says = (ast.literal_eval(one) for one in given[0])
        return Check(test.name, str(says), float(worth))
    except (IndexError, ValueError) as error:
        raise ExerciseError(
            f"{path}: {test.name} needs its points and a sentence above it: "
            '@points(2, "handles every order, then ends").'
        ) from error


def _paths(exercises: Path) -> dict[str, Path]:
    found = sorted(exercises.glob("checks/*/[0-9][0-9].[0-9]*.py"))
    if not found:
        raise ExerciseError(
            f"No tasks in {exercises}: the exercises belong to the checkout of the "
            "kit, so work in a clone of it."
        )
    return {path.stem: path for path in found}


def all_tasks(exercises: Path = EXERCISES) -> list[Task]:
    """Read every task, ordered by set and number; errors as in :func:`find_task`."""
    return [read_task(path) for path in _paths(exercises).values()]


def find_task(task_id: str, exercises: Path = EXERCISES) -> Task:
    """Read the task of this name.

    Raises UnknownTaskError, which suggests the nearest one, and ExerciseError if it
    cannot be read.
    """
    paths = _paths(exercises)
    if task_id in paths:
        return read_task(paths[task_id])
    near = difflib.get_close_matches(str(task_id), paths, n=1, cutoff=0.4)
    advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(paths)}."
    raise UnknownTaskError(f"There is no task {task_id!r}: {advice}")
