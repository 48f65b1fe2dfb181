"""A learner's standing as text, as HTML and as JSON."""

import html
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from labkit._progress.standings import LessonStanding, Standing, Step, TaskStanding

__all__ = ["anchor", "as_html", "as_json", "as_text", "headline"]


def headline(standing: Standing) -> str:
    """Return the sum of it, in a sentence."""
    done = sum(task.done for task in standing.tasks)
    return (
        f"{done} of {len(standing.tasks)} tasks done, "
        f"{standing.best:g} of {standing.points:g} points."
    )


def _state(task: TaskStanding) -> str:
    return "done" if task.done else "begun" if task.attempts else "to do"


def _guesses(lesson: LessonStanding) -> str:
    words = {"right": lesson.right, "wrong": lesson.wrong, "open": lesson.undecided}
    parts = [f"{count} {name}" for name, count in words.items() if count]
    return ", ".join(parts)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _remarks(standing: Standing) -> Iterator[str]:
    for gone in standing.gone:
        yield (
            f"{gone.id} is no longer in the course: your {gone.best:g} of "
            f"{gone.points:g} points are kept in the file, and not counted above."
        )
    if standing.trouble:
        yield standing.trouble


def as_text(standing: Standing) -> str:
    """Return it as lines for a terminal.

    Parameters
    ----------
    standing : Standing
    """
    lines = [headline(standing)]
    for lesson in standing.lessons:
        points = f"{lesson.best:g} of {lesson.points:g} points"
        guessed = (
            f"predictions and questions {_guesses(lesson)}" if _guesses(lesson) else ""
        )
        told = [points if lesson.tasks else "no tasks", guessed]
        lines += [
            "",
            f"{lesson.number} {lesson.title}: {', '.join(filter(None, told))}",
        ]
        lines += [
            f"  {task.id:<5} {_state(task):<5}  {task.best:>4g} of {task.points:g}  "
            f"{_plural(task.attempts, 'attempt'):<11}  "
            f"{task.hints} of {_plural(task.hint_count, 'hint')}  {task.title}"
            for task in lesson.tasks
        ]
    step = standing.next_step
    where = (
        f"Next: {step.words}. Open {_relative(step.notebook)}" if step else _ALL_DONE
    )
    return "\n".join([*lines, "", *_remarks(standing), where])


_ALL_DONE = "Every task of the course is done."


def as_json(standing: Standing) -> str:
    """Return it as JSON.

    Parameters
    ----------
    standing : Standing
    """
    step = standing.next_step
    record = {
        "done": sum(task.done for task in standing.tasks),
        "tasks": len(standing.tasks),
        "best": standing.best,
        "points": standing.points,
        "lessons": [_lesson_record(lesson) for lesson in standing.lessons],
        "gone": [asdict(gone) for gone in standing.gone],
        "next": step and _step_record(step),
        "trouble": standing.trouble or None,
    }
    return json.dumps(record, indent=2)


def _lesson_record(lesson: LessonStanding) -> dict[str, object]:
    return {
        "number": lesson.number,
        "title": lesson.title,
        "best": lesson.best,
        "points": lesson.points,
        "predictions": {
            "right": lesson.right,
            "wrong": lesson.wrong,
            "open": lesson.undecided,
        },
        "tasks": [asdict(task) for task in lesson.tasks],
    }


def _step_record(step: Step) -> dict[str, object]:
    return {
        "words": step.words,
        "notebook": _relative(step.notebook),
        "task": step.task_id or None,
    }


def _relative(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def _link(path: Path, words: str, anchor: str = "") -> str:
    """Return a link that JupyterLab opens beside this notebook."""
    href = html.escape(f"{quote(_relative(path))}{anchor}")
    return f'<a href="{href}">{html.escape(words)}</a>'


def anchor(step: Step) -> str:
    if not step.task_id:
        return ""
    cells = json.loads(step.notebook.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        first = "".join(cell["source"]).partition("\n")[0]
        if first.startswith(f"## {step.task_id} "):
            return f"#cell-id={quote(cell['id'])}"
    return ""


def as_html(standing: Standing) -> str:
    """Return it as a part that unfolds for each lesson; what is half done is open.

    Parameters
    ----------
    standing : Standing
    """
    step = standing.next_step
    where = html.escape(_ALL_DONE)
    if step:
        where = f"Next: {_link(step.notebook, step.words, anchor(step))}."
    remarks = "".join(f"<p>{html.escape(remark)}</p>" for remark in _remarks(standing))
    parts = "".join(_part(lesson, step) for lesson in standing.lessons)
    return (
        f"<p><strong>{html.escape(headline(standing))}</strong> {where}</p>"
        f"{remarks}{parts}"
    )


def _part(lesson: LessonStanding, step: Step | None) -> str:
    points = f"{lesson.best:g} of {lesson.points:g} points" if lesson.tasks else ""
    guessed = (
        f"predictions and questions {_guesses(lesson)}" if _guesses(lesson) else ""
    )
    told = "; ".join(filter(None, (points, guessed)))
    title = html.escape(f"{lesson.number} {lesson.title}")
    here = step is not None and step.notebook in (lesson.notebook, lesson.exercises)
    is_open = here or (lesson.begun and not lesson.done)
    links = [
        _link(path, words)
        for path, words in (
            (lesson.notebook, "Open the lesson"),
            (lesson.exercises, "Open the exercises"),
        )
        if path
    ]
    return (
        f"<details{' open' if is_open else ''}>"
        f"<summary><strong>{title}</strong>{': ' if told else ''}{told}</summary>"
        f"<p>{' · '.join(links)}</p>{_table(lesson)}</details>"
    )


def _table(lesson: LessonStanding) -> str:
    if not lesson.tasks:
        return ""
    columns = ("task", "points", "attempts", "hints")
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return (
        f'<table class="labkit-table"><caption>Tasks of lesson {lesson.number}'
        f"</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(map(_row, lesson.tasks))}</tbody></table>"
    )


def _row(task: TaskStanding) -> str:
    cells = (
        f"{'✓ ' * task.done}{task.best:g} of {task.points:g}",
        task.attempts,
        f"{task.hints} of {task.hint_count}",
    )
    return (
        f'<tr><th scope="row">{task.id} {html.escape(task.title)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )
