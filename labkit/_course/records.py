"""The course and a learner's standing as one record, which JupyterLab's page shows."""

import os
from pathlib import Path, PurePosixPath
from typing import Any

from labkit._checks.bookkeeping import Progress
from labkit._checks.tasks import EXERCISES
from labkit._course.syllabus import Announced, Syllabus, read_syllabus
from labkit._progress.scoreboards import look
from labkit._progress.scoretables import anchor, headline
from labkit._progress.standings import LessonStanding, Standing
from labkit.errors import ExerciseError

__all__ = ["course_record"]

ROOT = EXERCISES.parent
_LESSONS = "notebooks"


def course_record(shown: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Return all that the course page shows.

    Parameters
    ----------
    shown : Path
        The folder that JupyterLab shows. Paths in the record are relative to it.
    progress : Progress, optional
        By default the learner's own.

    Returns
    -------
    dict of str to JSON values
        ``title``, ``summary``, ``done`` and ``tasks`` (counts), ``next`` (``words``,
        ``path``, ``fragment``; None when all is done), ``lessons``, and ``trouble``: a
        sentence on what is wrong, mostly empty. A lesson has ``number``, ``title``,
        ``learn``, ``minutes``, ``path``, ``begun``, ``next`` and ``exercises`` (None,
        or ``path``, ``done``, ``tasks``, ``best``, ``points``). A path is None where
        JupyterLab cannot show the file. The last lesson is the glossary.
    """
    syllabus = read_syllabus(ROOT)
    try:
        standing = look(progress)
    except ExerciseError as error:
        return {"title": syllabus.title, "lessons": [], "trouble": str(error)}
    place = _place(shown)
    step = standing.next_step
    return {
        "title": syllabus.title,
        "summary": headline(standing),
        "done": sum(task.done for task in standing.tasks),
        "tasks": len(standing.tasks),
        "next": step
        and {
            "words": step.words,
            "path": _path(step.notebook, place),
            "fragment": anchor(step),
        },
        "lessons": list(_lessons(standing, syllabus, place)),
        "trouble": " ".join(filter(None, (standing.trouble, _elsewhere(shown, place)))),
    }


def _lessons(
    standing: Standing, syllabus: Syllabus, place: PurePosixPath | None
) -> list[dict[str, Any]]:
    step = standing.next_step
    found = []
    for lesson in standing.lessons:
        stem = lesson.notebook.stem if lesson.notebook else ""
        announced = syllabus.lessons.get(stem, Announced("", 0))
        here = (lesson.notebook, lesson.exercises)
        found.append(
            {
                "number": lesson.number,
                "title": lesson.title,
                "learn": announced.learn,
                "minutes": announced.minutes,
                "path": _path(lesson.notebook, place),
                "begun": lesson.begun,
                "next": step is not None and step.notebook in here,
                "exercises": _exercises(lesson, place),
            }
        )
    return [*found, *_glossary(syllabus, place)]


def _exercises(
    lesson: LessonStanding, place: PurePosixPath | None
) -> dict[str, Any] | None:
    if not lesson.tasks:
        return None
    return {
        "path": _path(lesson.exercises, place),
        "done": sum(task.done for task in lesson.tasks),
        "tasks": len(lesson.tasks),
        "best": lesson.best,
        "points": lesson.points,
    }


def _glossary(syllabus: Syllabus, place: PurePosixPath | None) -> list[dict[str, Any]]:
    if syllabus.glossary is None:
        return []
    record = {
        "number": syllabus.glossary.name[:2],
        "title": syllabus.glossary_title or "Glossary",
        "learn": "to look a word up",
        "minutes": 0,
        "path": _path(syllabus.glossary, place),
        "begun": False,
        "next": False,
        "exercises": None,
    }
    return [record]


def _place(shown: Path) -> PurePosixPath | None:
    """Return where the course is in the folder that JupyterLab shows, if it is."""
    root = shown.expanduser().resolve()
    if ROOT.is_relative_to(root):
        return PurePosixPath(ROOT.relative_to(root).as_posix())
    if any((root / _LESSONS).glob("00_*.ipynb")):
        return PurePosixPath()  # a copy of the lessons
    return None


def _path(file: Path | None, place: PurePosixPath | None) -> str | None:
    if file is None or place is None:
        return None
    return str(place / file.relative_to(ROOT).as_posix())


def _elsewhere(shown: Path, place: PurePosixPath | None) -> str:
    if place is not None:
        return ""
    return (
        f"The lessons are in {ROOT}, and this JupyterLab shows {os.fspath(shown)}: to "
        "open them, start it in their folder with python3 -m labkit lab."
    )
