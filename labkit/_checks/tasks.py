"""The tasks of the exercises: where they are and what their files say.

A task is a folder ``exercises/checks/NN_topic/NN.M`` of three things: ``task.toml``
(words, points, hints), ``checks.py`` (a pytest file that tests an answer's behaviour)
and ``wrong/`` (one answer per misconception). This module reads, and runs nothing.
"""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.errors import ExerciseError, UnknownTaskError

__all__ = ["EXERCISES", "Check", "Task", "WrongAnswer", "all_tasks", "find_task"]

EXERCISES = Path(__file__).resolve().parents[2] / "exercises"
"""The folder of the exercises: beside ``labkit`` in the checkout."""


@dataclass(frozen=True)
class Check:
    """One thing that an answer must do.

    Attributes
    ----------
    name : str
        The test function in ``checks.py``.
    says : str
        What the answer does when it passes, in words: "ends when ...".
    points : float
        What it is worth, above 0.
    """

    name: str
    says: str
    points: float


@dataclass(frozen=True)
class WrongAnswer:
    """An answer that holds one misconception.

    Attributes
    ----------
    path : Path
        The answer, in ``wrong/``.
    misconception : str
        What its author believes.
    message : str
        How the feedback it gets must begin.
    """

    path: Path
    misconception: str
    message: str


@dataclass(frozen=True)
class Task:
    """One task, as its folder describes it.

    Attributes
    ----------
    id : str
        Number of the exercise set and of the task: ``"04.1"``.
    title, type, misconception, takeaway : str
        Words for people; the type is one of those STYLE lists.
    deadline_s : float
        After so many seconds a check is ended, whatever it does.
    checks : tuple of Check
        In the order in which they run.
    hints : tuple of str
        Markdown: a nudge, a pointer, partial code.
    wrong : tuple of WrongAnswer
    folder : Path
    formerly : tuple of str
        Ids that it had in earlier versions of the course.
    """

    id: str
    title: str
    type: str
    misconception: str
    takeaway: str
    deadline_s: float
    checks: tuple[Check, ...]
    hints: tuple[str, ...]
    wrong: tuple[WrongAnswer, ...]
    folder: Path
    formerly: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """The most an answer can get: the sum of its checks' points."""
        return sum(check.points for check in self.checks)

    @property
    def checks_file(self) -> Path:
        """The pytest file that tests an answer."""
        return self.folder / "checks.py"


def read_task(folder: Path) -> Task:
    """Read a task's folder.

    Parameters
    ----------
    folder : Path
        Holds ``task.toml``; its name is the task's id.

    Returns
    -------
    Task

    Raises
    ------
    ExerciseError
        ``task.toml`` is no TOML, or lacks an entry.
    """
    path = folder / "task.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return _task(folder, data)
    except KeyError as error:
        raise ExerciseError(f"{path} has no entry {error}: add it.") from error
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise ExerciseError(f"{path} cannot be read: {error}. Correct it.") from error


def _task(folder: Path, data: dict[str, Any]) -> Task:
    wrong = folder / "wrong"
    return Task(
        id=folder.name,
        title=data["title"],
        type=data["type"],
        misconception=data["misconception"],
        takeaway=data["takeaway"],
        deadline_s=float(data.get("deadline_s", 10.0)),
        checks=tuple(
            Check(name, entry["says"], float(entry["points"]))
            for name, entry in data["checks"].items()
        ),
        hints=tuple(data["hints"]),
        wrong=tuple(
            WrongAnswer(wrong / f"{name}.py", entry["misconception"], entry["message"])
            for name, entry in data["wrong"].items()
        ),
        folder=folder,
        formerly=tuple(data.get("formerly", ())),
    )


def _task_folders(exercises: Path) -> dict[str, Path]:
    found = sorted(exercises.glob("checks/*/*/task.toml"))
    if not found:
        raise ExerciseError(
            f"No tasks in {exercises}: the exercises belong to the checkout of the "
            "kit, so work in a clone of it."
        )
    return {path.parent.name: path.parent for path in found}


def all_tasks(exercises: Path = EXERCISES) -> list[Task]:
    """Read every task.

    Parameters
    ----------
    exercises : Path
        The folder that holds ``checks``.

    Returns
    -------
    list of Task
        Ordered by exercise set and number.

    Raises
    ------
    ExerciseError
        There is none, or one cannot be read.
    """
    return [read_task(folder) for folder in _task_folders(exercises).values()]


def find_task(task_id: str, exercises: Path = EXERCISES) -> Task:
    """Read the task of this name.

    Parameters
    ----------
    task_id : str
        Such as ``"04.1"``.
    exercises : Path
        The folder that holds ``checks``.

    Returns
    -------
    Task

    Raises
    ------
    UnknownTaskError
        No task has this name; the message suggests the nearest one.
    ExerciseError
        It cannot be read.
    """
    folders = _task_folders(exercises)
    if task_id in folders:
        return read_task(folders[task_id])
    near = difflib.get_close_matches(str(task_id), folders, n=1, cutoff=0.4)
    advice = (
        f"did you mean {near[0]!r}?" if near else f"there are {', '.join(folders)}."
    )
    raise UnknownTaskError(f"There is no task {task_id!r}: {advice}")
