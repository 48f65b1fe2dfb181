"""What a learner has reached: ``progress()`` in a notebook, and as a command."""

import html
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

_Step = tuple[str, Path, str]  # in words; the notebook; the task in it, if it is one


def progress() -> "Standing":
    """Show what is done, the points, and what to do next.

    Returns
    -------
    Standing
        In a notebook a table for each lesson and a link to what comes next; as text the
        same. Call it again to see what has changed. To begin a task again, type
        ``python -m labkit progress --reset 04.1`` in a terminal.

    Raises
    ------
    ExerciseError
        The course has no tasks, or one cannot be read.
    """
    return Standing(Logbook())


def reset(task_id: str) -> str:
    """Forget attempts, points and hints of a task; say what was done.

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
    def cells(self) -> tuple[str, str, str]:
        tries = f"{self.attempts} {'try' if self.attempts == 1 else 'tries'}"
        hints = f"{self.hints} of {len(self.task.hints)} hints"
        said = [tries] * bool(self.attempts) + [hints] * bool(self.hints)
        return (
            f"{self.task.id} {self.task.type}: {self.task.title}",
            f"{'✓ ' * self.full}{self.best:g} of {self.task.points:g}",
            ", ".join(said),
        )


@dataclass(frozen=True)
class _Lesson:
    """How far one lesson is, with its exercise set."""

    name: str
    links: dict[str, Path]
    tasks: list[_Done]
    told: str
    begun: bool


class Standing:
    """How far a learner is; what :func:`progress` returns.

    Attributes
    ----------
    headline : str
        The sum of it, in a sentence.
    next_step : tuple of (str, Path, str) or None
        What to do next: the words, the notebook, and the task in it if it is one.
    remarks : list of str
        Points of tasks that have left the course, and what is wrong with the file.
    """

    def __init__(self, logbook: Logbook, exercises: Path = EXERCISES) -> None:
        tasks, rows = all_tasks(exercises), logbook.tasks()
        current = {task.id for task in tasks}
        self._done = [_done(task, rows, current) for task in tasks]
        notes = [item for kind in KINDS for item in logbook.notes(kind).items()]
        right = [(name[:2], entry.get("right")) for name, entry in notes]
        self._lessons = list(_lessons(exercises, self._done, right))
        count = f"{sum(d.full for d in self._done)} of {len(tasks)} tasks done"
        self.headline = f"{count}, {_points(self._done)}."
        used = current | {old for task in tasks for old in task.formerly}
        self.remarks = [
            f"{name} is no longer in the course: your {row.best:g} of {row.out_of:g} "
            "points are kept in the file, and not counted above."
            for name, row in sorted(rows.items())
            if name not in used and row.attempts
        ]
        self.remarks += filter(None, [logbook.trouble])
        self.next_step = next(self._steps(), None)

    def _steps(self) -> Iterator[_Step]:
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
                yield f"task {done.cells[0]}", lesson.links["exercises"], done.task.id

    def __repr__(self) -> str:
        lines = [self.headline]
        for lesson in self._lessons:
            rows = [
                f"  {p:<12} {tries:<24} {name}" for name, p, tries in _table(lesson)
            ]
            lines += ["", f"{lesson.name}: {lesson.told}", *rows]
        where = "Every task of the course is done."
        if self.next_step:
            where = f"Next: {self.next_step[0]}. Open {_relative(self.next_step[1])}"
        return "\n".join([*lines, "", *self.remarks, where])

    def _repr_html_(self) -> str:
        where = "Every task of the course is done."
        if self.next_step:
            words, path, task = self.next_step
            where = f"Next: {_link(path, words, task)}."
        said = [f"<p>{html.escape(remark)}</p>" for remark in self.remarks]
        head = f"<p><strong>{html.escape(self.headline)}</strong> {where}</p>"
        return "".join([head, *said, *map(self._part, self._lessons)])

    def _part(self, lesson: _Lesson) -> str:
        """Return a part that unfolds; what is half done, or next, is open."""
        half = lesson.begun and not all(done.full for done in lesson.tasks)
        here = self.next_step and self.next_step[1] in lesson.links.values()
        links = [_link(path, words) for words, path in lesson.links.items()]
        head = '<th scope="row" style="text-align:left">'
        rows = [
            f"<tr>{head}{html.escape(name)}</th><td>{points}</td><td>{tries}</td></tr>"
            for name, points, tries in _table(lesson)
        ]
        return (
            f"<details{' open' if here or half else ''}><summary>"
            f"<strong>{html.escape(lesson.name)}</strong>: {lesson.told}</summary>"
            f"<p>Open: {' · '.join(links)}</p><table>{''.join(rows)}</table></details>"
        )

    def as_json(self) -> str:
        """Return it as JSON, for other programs."""
        words, path, task = self.next_step or ("", Path(), "")
        step = {"words": words, "notebook": _relative(path), "task": task}
        tasks = [
            {"id": d.task.id, "best": d.best, "points": d.task.points, "done": d.full}
            | {"attempts": d.attempts, "hints": d.hints}
            for d in self._done
        ]
        record = {"headline": self.headline, "tasks": tasks, "remarks": self.remarks}
        return json.dumps(record | {"next": step if words else None}, indent=2)


def _table(lesson: _Lesson) -> list[tuple[str, str, str]]:
    return [done.cells for done in lesson.tasks]


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


def _lessons(
    exercises: Path, tasks: list[_Done], right: list[tuple[str, bool | None]]
) -> Iterator[_Lesson]:
    home = lessons() if exercises == EXERCISES else exercises.parent
    folder = home / "notebooks"
    stems = {path.stem for path in folder.glob("[0-8]*_*.ipynb")}
    for stem in sorted(stems | {done.task.set for done in tasks}):
        own = [done for done in tasks if done.task.set == stem]
        copy = home / "exercises" / "release" / stem / f"{stem}.ipynb"
        links = {"lesson": folder / f"{stem}.ipynb", "exercises": copy}
        words = {"right": True, "wrong": False, "open": None}
        counts = {word: right.count((stem[:2], value)) for word, value in words.items()}
        guesses = ", ".join(
            f"{count} {word}" for word, count in counts.items() if count
        )
        told = _points(own) if own else "no tasks"
        yield _Lesson(
            f"{stem[:2]} {stem[3:].replace('_', ' ').capitalize()}",
            {words: path for words, path in links.items() if path.is_file()},
            own,
            f"{told}, questions {guesses}" if guesses else told,
            bool(guesses) or any(done.attempts for done in own),
        )


def _relative(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def _link(path: Path, words: str, task_id: str = "") -> str:
    """Return a link that JupyterLab opens beside this notebook, at the task."""
    anchor, head = "", f"## {task_id} "
    if task_id:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        ids = [cell["id"] for cell in cells if "".join(cell["source"]).startswith(head)]
        anchor = f"#cell-id={quote(ids[0])}" if ids else ""
    href = html.escape(f"{quote(_relative(path))}{anchor}")
    return f'<a href="{href}">{html.escape(words)}</a>'
