"""What a learner has reached: ``progress()`` in a notebook, and as a command."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from labkit.grader.tasks import EXERCISES, Task, all_tasks, find_task
from labkit.logbook import KINDS, Logbook, TaskRow
from labkit.setup import lessons

__all__ = ["Standing", "progress", "reset"]


def progress() -> "Standing":
    """Show what is done, the points, and what to do next.

    Returns
    -------
    Standing
        A line for each lesson, the tasks of those that you have begun, and a link to
        what comes next. To begin a task again, type
        ``python -m labkit progress --reset 04.1`` in a terminal.

    Raises
    ------
    ExerciseError
        The course has no tasks, or one cannot be read.
    """
    return Standing(Logbook())


def reset(task_id: str) -> str:
    """Forget attempts, points and hints of a task; say what was done.

    Raises UnknownTaskError if no task has this name, and none had.
    """
    logbook, current = Logbook(), {task.id: task for task in all_tasks()}
    if task_id not in current and task_id not in logbook.tasks():
        find_task(task_id)  # says that there is none, and which is near
    formerly = current[task_id].formerly if task_id in current else ()
    copy = logbook.forget(task_id, *(name for name in formerly if name not in current))
    done = f"{task_id} begins again. The file as it was is {copy}"
    nothing = f"{task_id} was not begun: there is nothing to reset."
    return done if copy else logbook.trouble or nothing


@dataclass(frozen=True)
class _Done:
    """How far one task is."""

    task: Task
    best: float
    attempts: int
    hints: int

    @property
    def full(self) -> bool:
        return self.best >= self.task.points

    @property
    def row(self) -> tuple[str, str, str]:
        tries = f"{self.attempts} {'try' if self.attempts == 1 else 'tries'}"
        hints = f"{self.hints} of {len(self.task.hints)} hints"
        said = [tries] * bool(self.attempts) + [hints] * bool(self.hints)
        points = f"{'✓ ' * self.full}{self.best:g} of {self.task.points:g}"
        name = f"{self.task.id} {self.task.type}: {self.task.title}"
        return points, ", ".join(said), name


@dataclass(frozen=True)
class _Lesson:
    """How far one lesson is, with its exercise set."""

    name: str
    links: dict[str, Path]
    tasks: list[_Done]
    questions: str

    @property
    def begun(self) -> bool:
        return bool(self.questions) or any(done.attempts for done in self.tasks)


class Standing:
    """How far a learner is; what :func:`progress` returns.

    `headline` is the sum of it in a sentence; `next_step` the words, the notebook and
    the task of what to do next, or None; `remarks` are points of tasks that have left
    the course, and what is wrong with the file.
    """

    def __init__(self, logbook: Logbook, exercises: Path = EXERCISES) -> None:
        tasks, rows = all_tasks(exercises), logbook.tasks()
        current = {task.id for task in tasks}
        all_done = [_done(task, rows, current) for task in tasks]
        home = lessons() if exercises == EXERCISES else exercises.parent
        stems = {path.stem for path in (home / "notebooks").glob("[0-8]*_*.ipynb")}
        notes = [item for kind in KINDS for item in logbook.notes(kind).items()]
        self._lessons = [
            _lesson(
                home,
                stem,
                [done for done in all_done if done.task.set == stem],
                [entry.get("right") for name, entry in notes if name[:2] == stem[:2]],
            )
            for stem in sorted(stems | {task.set for task in tasks})
        ]
        full = sum(done.full for done in all_done)
        self.headline = f"{full} of {len(tasks)} tasks done, {_points(all_done)}."
        used = current | {old for task in tasks for old in task.formerly}
        self.remarks = [
            f"{name} is no longer in the course: your {row.best:g} of {row.out_of:g} "
            "points are kept in the file, and not counted above."
            for name, row in sorted(rows.items())
            if name not in used and row.attempts
        ]
        self.remarks += filter(None, [logbook.trouble])
        self.next_step = next(self._steps(), None)

    def _steps(self) -> Iterator[tuple[str, Path, str]]:
        """Yield what to do: what was tried, then what was begun, then in order."""
        left = [(one, d) for one in self._lessons for d in one.tasks if not d.full]
        left.sort(key=lambda pair: (not pair[1].attempts, not pair[0].begun))
        reading = [one for one in self._lessons if "lesson" in one.links]
        if reading and not any(one.begun for one in self._lessons):
            yield f"lesson {reading[0].name}", reading[0].links["lesson"], ""
        for lesson, done in left:
            if not lesson.begun and "lesson" in lesson.links:
                yield f"lesson {lesson.name}", lesson.links["lesson"], ""
            elif "exercises" in lesson.links:
                yield f"task {done.row[2]}", lesson.links["exercises"], done.task.id

    def _rows(self) -> Iterator[tuple[str, str, str, dict[str, Path]]]:
        """Yield points, words and name of each lesson; of tasks if half done or next."""
        for lesson in self._lessons:
            points = _points(lesson.tasks) if lesson.tasks else "no tasks"
            yield points, lesson.questions, lesson.name, lesson.links
            half = lesson.begun and not all(done.full for done in lesson.tasks)
            if half or (self.next_step and self.next_step[1] in lesson.links.values()):
                yield from ((*done.row, {}) for done in lesson.tasks)

    def __repr__(self) -> str:
        where = "Every task of the course is done."
        if self.next_step:
            where = f"Next: {self.next_step[0]}. Open {_relative(self.next_step[1])}"
        rows = [
            f"{'' if links else '  '}{points:<18} {said:<36} {name}"
            for points, said, name, links in self._rows()
        ]
        return "\n".join([self.headline, "", *rows, "", *self.remarks, where])

    def _repr_markdown_(self) -> str:
        where = "Every task of the course is done."
        if self.next_step:
            words, path, task = self.next_step
            where = f"Next: {_link(path, words, task)}."
        lines = [f"**{self.headline}** {where}", *self.remarks]
        table = ["| lesson or task | points | |", "|---|---|---|"]
        for points, said, name, links in self._rows():
            to = " · ".join(_link(path, words) for words, path in links.items())
            first = f"**{name}** {to}" if links else name
            table.append(f"| {first} | {points} | {said} |")
        return "\n\n".join([*lines, "\n".join(table)])


def _points(tasks: list[_Done]) -> str:
    best, most = sum(d.best for d in tasks), sum(d.task.points for d in tasks)
    return f"{best:g} of {most:g} points"


def _done(task: Task, rows: dict[str, TaskRow], current: set[str]) -> _Done:
    names = (task.id, *(old for old in task.formerly if old not in current))
    mine = [rows[name] for name in names if name in rows] or [TaskRow()]
    # A task may give other points than when it was done: the share is what counts.
    share = max(min(row.best / row.out_of, 1.0) if row.out_of else 0.0 for row in mine)
    attempts, hints = sum(row.attempts for row in mine), max(row.hints for row in mine)
    return _Done(task, round(share * task.points, 2), attempts, hints)


def _lesson(
    home: Path, stem: str, tasks: list[_Done], right: list[bool | None]
) -> _Lesson:
    links = {
        "lesson": home / "notebooks" / f"{stem}.ipynb",
        "exercises": home / "exercises" / "release" / stem / f"{stem}.ipynb",
    }
    counts = {word: right.count(value) for word, value in _ANSWERED.items()}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return _Lesson(
        f"{stem[:2]} {stem[3:].replace('_', ' ').capitalize()}",
        {words: path for words, path in links.items() if path.is_file()},
        tasks,
        f"questions: {said}" if said else "",
    )


_ANSWERED = {"right": True, "wrong": False, "open": None}


def _relative(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def _link(path: Path, words: str, task_id: str = "") -> str:
    """Return a link that JupyterLab opens beside this notebook, at the task."""
    anchor = ""
    if task_id:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        heads = {"".join(cell["source"])[:8]: cell["id"] for cell in cells}
        anchor = f"#cell-id={quote(heads.get(f'## {task_id} ', ''))}"
    return f"[{words}]({quote(_relative(path))}{anchor})"
