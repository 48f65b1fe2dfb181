"""What a learner has reached: ``progress()`` in a notebook, and as a command."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from labkit.grader.feedback import Markdown
from labkit.grader.tasks import EXERCISES, Task, all_tasks, find_task
from labkit.logbook import KINDS, Logbook, TaskRow
from labkit.setup import lessons

__all__ = ["progress", "reset", "standing"]


def progress() -> Markdown:
    """Show what is done, the points, and what to do next.

    Returns
    -------
    Markdown
        A link to what comes next, and a table: a line for each lesson, with its tasks
        if you have begun it. To begin a task again, type
        ``python3 -m labkit progress --reset 04.1`` in a terminal.

    Raises
    ------
    ExerciseError
        The course has no tasks, or one cannot be read.
    """
    return standing(Logbook())


def reset(task_id: str) -> str:
    """Forget attempts, points and hints of a task; say what was done.

    Raises UnknownTaskError if no task has this name.
    """
    task, logbook = find_task(task_id), Logbook()
    copy = logbook.forget(task.id, *task.formerly)
    done = f"{task.id} begins again. The file as it was is {copy}"
    nothing = f"{task.id} was not begun: there is nothing to reset."
    return done if copy else logbook.trouble or nothing


class _Done(NamedTuple):
    """How far one task is."""

    task: Task
    best: float
    attempts: int
    hints: int

    @property
    def full(self) -> bool:
        return self.best >= self.task.points

    @property
    def name(self) -> str:
        return f"{self.task.id} {self.task.type}: {self.task.title}"

    @property
    def row(self) -> str:
        points = f"{'✓ ' * self.full}{self.best:g} of {self.task.points:g}"
        said = f"tries: {self.attempts}, hints: {self.hints}" if self.attempts else ""
        return f"| {self.name} | {points} | {said} |"


def standing(logbook: Logbook, exercises: Path = EXERCISES) -> Markdown:
    """Say how far the learner of a logbook is, as :func:`progress` does."""
    rows = logbook.tasks()
    done = [_done(task, rows) for task in all_tasks(exercises)]
    notes = [item for kind in KINDS for item in logbook.notes(kind).items()]
    home = lessons() if exercises == EXERCISES else exercises.parent
    books = {path.stem for path in (home / "notebooks").glob("[0-8]*_*.ipynb")}
    table = ["| lesson or task | points | |", "|---|---|---|"]
    steps = []  # 0: what was tried; 1: of a lesson that was begun; 2: all others
    for stem in sorted(books | {one.task.set for one in done}):
        own = [one for one in done if one.task.set == stem]
        left = [one for one in own if not one.full]
        right = [entry.get("right") for name, entry in notes if name[:2] == stem[:2]]
        begun = bool(right) or any(one.attempts for one in own)
        name = f"{stem[:2]} {stem[3:].replace('_', ' ').capitalize()}"
        lesson = home / "notebooks" / f"{stem}.ipynb"
        copy = home / "exercises" / "release" / stem / f"{stem}.ipynb"
        links = [_link(lesson, "lesson"), *[_link(copy, "exercises")] * bool(own)]
        said = [f"{right.count(v)} {word}" for v, word in _WORDS.items() if v in right]
        table.append(
            f"| {' · '.join([f'**{name}**', *links])} | "
            f"{_points(own) if own else 'no tasks'} | "
            f"{'questions: ' * bool(said)}{', '.join(said)} |"
        )
        if begun and left:
            table += [one.row for one in own]
        if not begun and (left or not (rows or notes)):
            steps.append((2, _link(lesson, f"lesson {name}")))
            continue
        for one in left:
            link = _link(copy, f"task {one.name}", one.task.id)
            steps.append((2 - begun - bool(one.attempts), link))
    _, first = min(steps, key=lambda step: step[0], default=(0, ""))
    where = f"Next: {first}." if first else "All is done."
    count = f"{sum(d.full for d in done)} of {len(done)} tasks done, {_points(done)}."
    parts = [f"**{count}** {where}", logbook.trouble, "\n".join(table)]
    return Markdown("\n\n".join(filter(None, parts)))


_WORDS = {True: "right", False: "wrong", None: "open"}


def _points(tasks: list[_Done]) -> str:
    best, most = sum(d.best for d in tasks), sum(d.task.points for d in tasks)
    return f"{best:g} of {most:g} points"


def _done(task: Task, rows: dict[str, TaskRow]) -> _Done:
    names = task.id, *task.formerly
    mine = [rows[name] for name in names if name in rows] or [TaskRow()]
    # A task may give other points than when it was done: the share is what counts.
    share = max(min(row.best / row.out_of, 1.0) if row.out_of else 0.0 for row in mine)
    attempts, hints = sum(row.attempts for row in mine), max(row.hints for row in mine)
    return _Done(task, round(share * task.points, 2), attempts, hints)


def _link(path: Path, words: str, task_id: str = "") -> str:
    """Return a link that JupyterLab opens beside this notebook, at the task."""
    where = path.as_posix()
    with contextlib.suppress(ValueError):  # on another drive of Windows
        where = Path(os.path.relpath(path)).as_posix()
    anchor = f"#cell-id=ex{task_id.replace('.', '-')}-task" if task_id else ""
    return f"[{words}]({quote(where)}{anchor})"
