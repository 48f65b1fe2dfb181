"""How far a learner is: the course's lessons and tasks, beside what the file keeps.

This module counts, and shows nothing: see :mod:`.scoreboards`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit._checks.tasks import EXERCISES, Task, all_tasks

__all__ = ["Gone", "LessonStanding", "Standing", "Step", "TaskStanding", "compare"]


@dataclass(frozen=True)
class TaskStanding:
    """How far one task is."""

    id: str
    title: str
    """Its type, then its name, as the heading of the task says them."""
    points: float
    """The most it gives."""
    best: float
    """The best score, in points of today where the task once gave more or fewer."""
    attempts: int
    hints: int
    """How many are open."""
    hint_count: int
    done: bool
    """Whether an attempt once got full marks."""
    names: tuple[str, ...]
    """The ids under which the file may have it: its own, and those it once had."""


@dataclass(frozen=True)
class LessonStanding:
    """How far one lesson is, with its exercise set."""

    number: str
    title: str
    notebook: Path | None
    """The lesson, if it is there."""
    exercises: Path | None
    """The learner's copy of its set, if it has one."""
    tasks: tuple[TaskStanding, ...]
    right: int
    """Predictions, quizzes and orderings that were right."""
    wrong: int
    undecided: int
    """Those that were not compared with what happens yet."""

    @property
    def points(self) -> float:
        """What the tasks give."""
        return sum(task.points for task in self.tasks)

    @property
    def best(self) -> float:
        """What the learner has of them."""
        return sum(task.best for task in self.tasks)

    @property
    def begun(self) -> bool:
        """Whether anything was tried here."""
        guessed = self.right or self.wrong or self.undecided
        return bool(guessed) or any(task.attempts for task in self.tasks)

    @property
    def done(self) -> bool:
        """Whether no task is left here."""
        return all(task.done for task in self.tasks)


@dataclass(frozen=True)
class Gone:
    """A task that the learner did, and that the course no longer has."""

    id: str
    best: float
    points: float


@dataclass(frozen=True)
class Step:
    """What to do next."""

    words: str
    """Such as ``lesson 04, Produce and consume``."""
    notebook: Path
    task_id: str = ""
    """The task in that notebook, if it is one."""


@dataclass(frozen=True)
class Standing:
    """How far the whole course is."""

    lessons: tuple[LessonStanding, ...]
    gone: tuple[Gone, ...]
    trouble: str
    """What is wrong with the file of progress, in a sentence; mostly empty."""

    @property
    def tasks(self) -> list[TaskStanding]:
        """All tasks, in the order of the course."""
        return [task for lesson in self.lessons for task in lesson.tasks]

    @property
    def points(self) -> float:
        """What all tasks give."""
        return sum(lesson.points for lesson in self.lessons)

    @property
    def best(self) -> float:
        """What the learner has of them."""
        return sum(lesson.best for lesson in self.lessons)

    @property
    def next_step(self) -> Step | None:
        """What to do next: what was tried, then what was begun, then in order."""
        if not any(lesson.begun for lesson in self.lessons):
            return next(_reading(self.lessons), None)
        pairs = [(lesson, task) for lesson in self.lessons for task in lesson.tasks]
        left = [(lesson, task) for lesson, task in pairs if not task.done]
        left.sort(key=lambda pair: (not pair[1].attempts, not pair[0].begun))
        for lesson, task in left:
            if not lesson.begun and lesson.notebook:
                return next(_reading([lesson]))
            if lesson.exercises:
                return Step(f"task {task.id}, {task.title}", lesson.exercises, task.id)
        return None


def _reading(lessons: Iterable[LessonStanding]) -> Iterator[Step]:
    for lesson in lessons:
        if lesson.notebook:
            yield Step(f"lesson {lesson.number}, {lesson.title}", lesson.notebook)


def compare(
    kept: Mapping[str, Any], trouble: str = "", exercises: Path = EXERCISES
) -> Standing:
    """Compare what the file of progress keeps with the course.

    Parameters
    ----------
    kept : mapping
        As :meth:`labkit.progress.Progress.read` returns it.
    trouble : str
        What is wrong with the file.
    exercises : Path
        The folder of the exercises; the lessons are in ``notebooks`` beside it.

    Returns
    -------
    Standing

    Raises
    ------
    ExerciseError
        There are no tasks, or one cannot be read.
    """
    tasks = all_tasks(exercises)
    current = {task.id for task in tasks}
    entries = kept["tasks"]
    used = current | {
        old for task in tasks for old in task.formerly if old not in current
    }
    gone = tuple(
        Gone(name, entry.get("best", 0.0), entry.get("out_of", 0.0))
        for name, entry in sorted(entries.items())
        if name not in used and entry.get("attempts", 0)
    )
    return Standing(_lessons(tasks, kept, exercises), gone, trouble)


def _lessons(
    tasks: list[Task], kept: Mapping[str, Any], exercises: Path
) -> tuple[LessonStanding, ...]:
    current = {task.id for task in tasks}
    notebooks = {
        path.stem: path for path in (exercises.parent / "notebooks").glob("*_*.ipynb")
    }
    stems = set(notebooks) | {task.folder.parent.name for task in tasks}
    found = []
    for stem in sorted(stem for stem in stems if stem[:2].isdigit()):
        own = [task for task in tasks if task.folder.parent.name == stem]
        copy = exercises / "release" / stem / f"{stem}.ipynb"
        if not own and stem.startswith("99"):
            continue  # the glossary: nothing to do there
        found.append(
            LessonStanding(
                number=stem[:2],
                title=stem[3:].replace("_", " ").capitalize(),
                notebook=notebooks.get(stem),
                exercises=copy if own and copy.is_file() else None,
                tasks=tuple(_task(task, kept["tasks"], current) for task in own),
                **_guesses(stem[:2], kept),
            )
        )
    return tuple(found)


def _task(
    task: Task, entries: Mapping[str, dict[str, Any]], current: set[str]
) -> TaskStanding:
    names = (task.id, *(old for old in task.formerly if old not in current))
    mine = [entries[name] for name in names if name in entries]
    # A task may give other points than when it was done: the share is what counts.
    share = max((_share(entry, task.points) for entry in mine), default=0.0)
    return TaskStanding(
        id=task.id,
        title=f"{task.type}: {task.title}",
        points=task.points,
        best=round(share * task.points, 2),
        attempts=sum(int(entry.get("attempts", 0)) for entry in mine),
        hints=max((int(entry.get("hints", 0)) for entry in mine), default=0),
        hint_count=len(task.hints),
        done=share == 1.0,
        names=names,
    )


def _share(entry: Mapping[str, Any], points: float) -> float:
    best, out_of = entry.get("best", 0.0), entry.get("out_of", points)
    return min(best / out_of, 1.0) if out_of else 0.0


def _guesses(number: str, kept: Mapping[str, Any]) -> dict[str, int]:
    """Count the notes whose ids begin with the lesson's number."""
    results = [
        entry.get("right")
        for kind in ("predictions", "quizzes", "orderings")
        for name, entry in kept.get(kind, {}).items()
        if name.startswith(f"{number}-")
    ]
    right = sum(result is True for result in results)
    wrong = sum(result is False for result in results)
    return {"right": right, "wrong": wrong, "undecided": len(results) - right - wrong}
