"""What a learner has reached: ``progress()`` in a notebook, and as a command."""

import html
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labkit.grader.tasks import EXERCISES, Task, all_tasks, find_task
from labkit.logbook import KINDS, Logbook, TaskRow

__all__ = ["Standing", "progress", "reset"]

_ALL_DONE = "Every task of the course is done."


def progress() -> "Standing":
    """Show what is done, the points, and what to do next.

    Returns
    -------
    Standing
        In a notebook a table for each lesson and a link to what comes next; as text the
        same. Call it again to see what has changed since; :func:`reset`, or ``python -m
        labkit progress --reset 04.1``, lets you begin a task again.

    Raises
    ------
    ExerciseError
        The course has no tasks, or one cannot be read.
    """
    return Standing(Logbook())


def reset(task_id: str) -> str:
    """Forget the attempts, points and hints of one task; keep a copy of the file.

    Parameters
    ----------
    task_id : str
        Such as ``"04.1"``.

    Returns
    -------
    str
        What was done, in a sentence.

    Raises
    ------
    UnknownTaskError
        No task has this name, and none had.
    """
    logbook, current = Logbook(), {task.id: task for task in all_tasks()}
    if task_id not in current and task_id not in logbook.tasks():
        find_task(task_id)  # says that there is none, and which is near
    formerly = current[task_id].formerly if task_id in current else ()
    copy = logbook.forget(task_id, *(name for name in formerly if name not in current))
    if copy is None:
        nothing = f"{task_id} was not begun: there is nothing to reset."
        return logbook.trouble or nothing
    return (
        f"{task_id} begins again: its attempts, points and hints are gone. A copy of "
        f"the file as it was: {copy}"
    )


@dataclass(frozen=True)
class _Done:
    """How far one task is."""

    task: Task
    best: float
    attempts: int
    hints: int

    @property
    def is_full(self) -> bool:
        return self.best >= self.task.points

    @property
    def state(self) -> str:
        return "done" if self.is_full else "begun" if self.attempts else "to do"


@dataclass(frozen=True)
class _Lesson:
    """How far one lesson is, with its exercise set."""

    number: str
    title: str
    notebook: Path | None
    exercises: Path | None
    tasks: tuple[_Done, ...]
    guesses: str

    @property
    def points(self) -> str:
        if not self.tasks:
            return ""
        best, most = (
            sum(d.best for d in self.tasks),
            sum(d.task.points for d in self.tasks),
        )
        return f"{best:g} of {most:g} points"

    @property
    def begun(self) -> bool:
        return bool(self.guesses) or any(done.attempts for done in self.tasks)


class Standing:
    """How far a learner is; what :func:`progress` returns.

    Parameters
    ----------
    logbook : Logbook
    exercises : Path
        The folder of the exercises; the lessons are in ``notebooks`` beside it.

    Attributes
    ----------
    headline : str
        The sum of it, in a sentence.
    next_step : tuple of (str, Path, str) or None
        What to do next: the words, the notebook, and the task in it if it is one.
    remarks : tuple of str
        Points of tasks that are no longer in the course, and what is wrong with the file.
    """

    def __init__(self, logbook: Logbook, exercises: Path = EXERCISES) -> None:
        self._tasks, self._rows = all_tasks(exercises), logbook.tasks()
        notes = {kind: logbook.notes(kind) for kind in KINDS}
        self._notes = [(n, e.get("right")) for k in notes for n, e in notes[k].items()]
        self._current = {task.id for task in self._tasks}
        self._lessons = tuple(self._read_lessons(exercises))
        all_done = [done for lesson in self._lessons for done in lesson.tasks]
        count, best = sum(d.is_full for d in all_done), sum(d.best for d in all_done)
        most = sum(task.points for task in self._tasks)
        self.headline = (
            f"{count} of {len(all_done)} tasks done, {best:g} of {most:g} points."
        )
        used = self._current | {old for task in self._tasks for old in task.formerly}
        gone = [
            f"{name} is no longer in the course: your {row.best:g} of {row.out_of:g} "
            "points are kept in the file, and not counted above."
            for name, row in sorted(self._rows.items())
            if name not in used and row.attempts
        ]
        self.remarks = tuple(filter(None, [*gone, logbook.trouble]))

    def _read_lessons(self, exercises: Path) -> Iterator[_Lesson]:
        folder = exercises.parent / "notebooks"
        notebooks = {path.stem: path for path in folder.glob("[0-8]*_*.ipynb")}
        for stem in sorted({*notebooks, *(task.set for task in self._tasks)}):
            own = tuple(self._done(task) for task in self._tasks if task.set == stem)
            copy = exercises / "release" / stem / f"{stem}.ipynb"
            right = [r for name, r in self._notes if name.startswith(f"{stem[:2]}-")]
            counts = {"right": True, "wrong": False, "open": None}
            parts = [
                f"{right.count(r)} {word}" for word, r in counts.items() if r in right
            ]
            yield _Lesson(
                stem[:2],
                stem[3:].replace("_", " ").capitalize(),
                notebooks.get(stem),
                copy if own and copy.is_file() else None,
                own,
                f"questions {', '.join(parts)}" if parts else "",
            )

    def _done(self, task: Task) -> _Done:
        names = (task.id, *(old for old in task.formerly if old not in self._current))
        rows = [self._rows[name] for name in names if name in self._rows] or [TaskRow()]
        # A task may give other points than when it was done: the share is what counts.
        share = max(min(r.best / r.out_of, 1.0) if r.out_of else 0.0 for r in rows)
        return _Done(
            task,
            round(share * task.points, 2),
            sum(row.attempts for row in rows),
            max(row.hints for row in rows),
        )

    @cached_property
    def next_step(self) -> tuple[str, Path, str] | None:
        """What to do next: what was tried, then what was begun, then in order."""
        begun = any(lesson.begun for lesson in self._lessons)
        pairs = [(lesson, done) for lesson in self._lessons for done in lesson.tasks]
        left = [pair for pair in pairs if not pair[1].is_full]
        left.sort(key=lambda pair: (not pair[1].attempts, not pair[0].begun))
        lessons = [lesson for lesson, _ in left] if begun else self._lessons
        for number, lesson in enumerate(lessons):
            if not lesson.begun and lesson.notebook:
                words = f"lesson {lesson.number}, {lesson.title}"
                return words, lesson.notebook, ""
            if begun and lesson.exercises:
                task = left[number][1].task
                words = f"task {task.id}, {task.type}: {task.title}"
                return words, lesson.exercises, task.id
        return None

    def __repr__(self) -> str:
        lines = [self.headline]
        for lesson in self._lessons:
            told = ", ".join(
                filter(None, (lesson.points or "no tasks", lesson.guesses))
            )
            lines += ["", f"{lesson.number} {lesson.title}: {told}"]
            lines += [
                f"  {d.task.id:<5} {d.state:<5}  {d.best:>4g} of {d.task.points:g}  "
                f"{_tries(d):<24}  {d.task.type}: {d.task.title}"
                for d in lesson.tasks
            ]
        step = self.next_step
        where = f"Next: {step[0]}. Open {_relative(step[1])}" if step else _ALL_DONE
        return "\n".join([*lines, "", *self.remarks, where])

    def _repr_html_(self) -> str:
        step = self.next_step
        where = f"Next: {_link(step[1], step[0], step[2])}." if step else _ALL_DONE
        return "".join([
            f"<p><strong>{html.escape(self.headline)}</strong> {where}</p>",
            *(f"<p>{html.escape(remark)}</p>" for remark in self.remarks),
            *(self._part(lesson) for lesson in self._lessons),
        ])  # fmt: skip

    def _part(self, lesson: _Lesson) -> str:
        """Return a part that unfolds; what is half done, or next, is open."""
        left = any(not done.is_full for done in lesson.tasks)
        here = self.next_step and self.next_step[1] in (
            lesson.notebook,
            lesson.exercises,
        )
        told = ", ".join(filter(None, (lesson.points, lesson.guesses)))
        links = [
            _link(path, words)
            for path, words in (
                (lesson.notebook, "lesson"),
                (lesson.exercises, "exercises"),
            )
            if path
        ]
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{d.task.id} '
            f"{html.escape(d.task.type)}: {html.escape(d.task.title)}</th>"
            f"<td>{'✓ ' * d.is_full}{d.best:g} of {d.task.points:g}</td>"
            f"<td>{_tries(d)}</td></tr>"
            for d in lesson.tasks
        )
        heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        return (
            f"<details{' open' if here or (lesson.begun and left) else ''}><summary>"
            f"<strong>{lesson.number} {html.escape(lesson.title)}</strong> {told}"
            f"</summary><p>Open: {' · '.join(links)}</p>{table if rows else ''}</details>"
        )

    def as_json(self) -> str:
        """Return it as JSON, for other programs."""
        step = self.next_step
        record: dict[str, Any] = {
            "headline": self.headline,
            "tasks": [
                {
                    "id": done.task.id, "title": done.task.title, "best": done.best,
                    "points": done.task.points, "attempts": done.attempts,
                    "hints": done.hints, "done": done.is_full,
                }
                for lesson in self._lessons
                for done in lesson.tasks
            ],
            "next": step
            and {"words": step[0], "notebook": _relative(step[1]), "task": step[2] or None},
            "remarks": list(self.remarks),
        }  # fmt: skip
        return json.dumps(record, indent=2)


_HEADS = ("task", "points", "tries")


def _tries(done: _Done) -> str:
    tries = f"{done.attempts} {'try' if done.attempts == 1 else 'tries'}"
    hints = f"{done.hints} of {len(done.task.hints)} hints"
    return ", ".join([tries] * bool(done.attempts) + [hints] * bool(done.hints))


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
        heads = (
            c["id"] for c in cells if "".join(c["source"]).startswith(f"## {task_id} ")
        )
        anchor = "".join(f"#cell-id={quote(head)}" for head in heads)
    href = html.escape(f"{quote(_relative(path))}{anchor}")
    return f'<a href="{href}">{html.escape(words)}</a>'
