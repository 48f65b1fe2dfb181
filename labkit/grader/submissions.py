"""What was handed out, and what was handed in, in whatever layout it comes.

nbgrader collects ``STUDENT/SET/SET.ipynb``; Moodle packs a folder ``NAME_NUMBER_…`` for
each student, Canvas files ``name_NUMBER_…``. Archives are read like folders. Of a
notebook only the text of the answer cells counts. Nothing is passed over silently: what
holds no notebook is a :class:`Submission`, too, with its trouble.
"""

import io
import json
import re
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from labkit.errors import GradingError
from labkit.grader.runner import without_magics
from labkit.grader.tasks import EXERCISES, Task, all_tasks

__all__ = ["Assignment", "Submission", "read_assignments", "read_submissions"]

_LARGEST = 200_000_000  # bytes of a notebook; pictures make them large
_PACKED = re.compile(r"(.+?)_(\d+)_assignsubmission_|([^_]+?)(?:_LATE)?_(\d+)_\d+_")
_ANSWER = re.compile(r"(?:\s*%%(?!answer)[^\n]*\n)*\s*%%answer[ \t]+(\S+)[^\n]*\n?")
_CHECK = re.compile(r"\s*check\(\s*[\"']([\d.]+)")
_CHANGES_THE_KIT = re.compile(
    r"^\s*(labkit|check|hint)[\w.]*\s*=[^=]|setattr\(\s*(labkit|check)|def check\(",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Assignment:
    """An exercise set as it was handed out."""

    name: str  # of the folder and of the notebook
    tasks: dict[str, Task]
    book: dict[str, Any]  # the learners' copy, as JSON
    blank: dict[str, str]  # the answer to each task that the copy holds


@dataclass(frozen=True)
class Submission:
    """What one student handed in of one exercise set."""

    student: str
    number: str  # that Moodle or Canvas gave; may be empty
    assignment: str  # empty if nobody can tell
    path: Path  # of the notebook, or of what was found in its place
    answers: dict[str, str] = field(default_factory=dict)  # by task, without %%answer
    trouble: str = ""  # why nothing of it can be read
    notes: tuple[str, ...] = ()  # for the instructor: other attempts, edited cells


class _File(NamedTuple):
    place: Path  # below the folder of the class, with the insides of archives
    when: float = 0.0
    data: bytes = b""
    trouble: str = ""


def read_assignments(exercises: Path = EXERCISES) -> dict[str, Assignment]:
    """Read every exercise set that is handed out, by name."""
    sets: dict[str, dict[str, Task]] = {}
    for task in all_tasks(exercises):
        sets.setdefault(task.set, {})[task.id] = task
    found = {}
    for name, tasks in sets.items():
        path = exercises / "release" / name / f"{name}.ipynb"
        if path.exists():
            book = json.loads(path.read_text(encoding="utf-8"))
            found[name] = Assignment(name, tasks, book, dict(_answers(book)))
    return found


def read_submissions(
    submitted: Path, assignments: dict[str, Assignment]
) -> list[Submission]:
    """Read what is in a folder, or in a zip file, one for each student and set.

    The set is known by the answers in the notebook, then by its name. Of several
    attempts the last one that can be read counts, and a note names the others.
    """
    found: list[tuple[float, Submission]] = []
    others: dict[Path, list[str]] = {}
    books = set()
    for file in _files(submitted):
        if file.trouble or file.place.suffix.lower() == ".ipynb":
            found.append((file.when, _submission(submitted, file, assignments)))
            books.add(file.place.parent)
        else:  # a picture beside a notebook is a part of it
            group = file.place.parent if file.place.parent.parts else file.place
            others.setdefault(group, []).append(file.place.name)
    for place in others.keys() - books:
        why = f"There is no notebook, only {', '.join(others[place][:3])}."
        file = _File(place, trouble=why)
        found.append((0.0, _submission(submitted, file, assignments)))
    attempts: dict[tuple[str, str, str], list[Submission]] = {}
    for _, one in sorted(found, key=lambda pair: (pair[0], _natural(pair[1].path))):
        attempts.setdefault((one.student, one.assignment, one.number), []).append(one)
    names = Counter((student, assignment) for student, assignment, _ in attempts)
    whole = []
    for key, tries in sorted(attempts.items()):
        last = [one for one in tries if not one.trouble] or tries
        notes = (_other(one, submitted) for one in tries if one is not last[-1])
        one = replace(last[-1], notes=(*last[-1].notes, *notes))
        if names[key[:2]] > 1:  # two students of the same name
            one = replace(one, student=f"{one.student} {one.number}".strip())
        whole.append(one)
    return whole


def _natural(path: Path) -> list[str]:
    return [part.zfill(12) for part in re.split(r"(\d+)", str(path))]


def _other(one: Submission, submitted: Path) -> str:
    where = one.path.relative_to(submitted)
    if one.trouble:
        return f"{where} was passed over. {one.trouble}"
    return f"There is an earlier attempt, {where}: the last one counts."


def _files(folder: Path) -> Iterator[_File]:
    """Find every file, and what keeps others from being read."""
    if folder.is_file():
        yield from _unpacked(folder, Path())
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if _hidden(place):
            continue
        try:
            if path.is_symlink():
                yield _File(place, trouble="It is a link, which is not followed.")
            elif path.is_dir():
                if all(map(_hidden, path.iterdir())):
                    yield _File(place, trouble="The folder is empty.")
            elif path.suffix.lower() == ".zip":
                yield from _unpacked(path, place)
            elif path.suffix.lower() == ".ipynb" and path.stat().st_size <= _LARGEST:
                yield _File(place, path.stat().st_mtime, path.read_bytes())
            else:
                yield _File(place)
        except OSError as error:
            yield _File(place, trouble=f"It cannot be read: {error.strerror}.")


def _hidden(place: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in place.parts)


def _unpacked(archive: Path | IO[bytes], place: Path) -> Iterator[_File]:
    """Find every file in an archive, and in those inside it."""
    try:
        with zipfile.ZipFile(archive) as pack:
            inside = [one for one in pack.infolist() if not one.is_dir()]
            if not inside:
                yield _File(place, trouble="The archive is empty.")
            for one in inside:
                inner, data = place / one.filename, b""
                kind = inner.suffix.lower()
                if _hidden(inner):
                    continue
                if kind in {".ipynb", ".zip"} and one.file_size <= _LARGEST:
                    data = pack.read(one)
                if kind == ".zip" and str(inner).lower().count(".zip") <= 3:
                    yield from _unpacked(io.BytesIO(data), inner)
                else:
                    when = time.mktime((*one.date_time, 0, 0, -1))
                    yield _File(inner, when, data)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        yield _File(place, trouble=f"It is an archive that cannot be read: {error}.")


def _student(place: Path) -> tuple[str, str]:
    """Return the name, and the number if a learning platform gave one."""
    for part in place.parts[: 2 if place.parts[0].endswith(".zip") else 1]:
        if found := _PACKED.match(part):
            return found[1] or found[3], found[2] or found[4]
    name = re.sub(r"\.(ipynb|zip)$", "", place.parts[0], flags=re.IGNORECASE)
    return name, ""


def _submission(
    submitted: Path, file: _File, assignments: dict[str, Assignment]
) -> Submission:
    student, number = _student(file.place)
    path, named = submitted / file.place, file.place.as_posix().lower()
    name = next((name for name in assignments if name.lower() in named), "")
    try:
        book = _book(file)
        answers = dict(_answers(book))
        sets = [n for a in answers for n in assignments if a in assignments[n].tasks]
    except GradingError as error:
        return Submission(student, number, name, path, trouble=str(error))
    if not sets:
        why = (
            "No cell begins with %%answer: it is not the copy that was handed out, or "
            "its answer cells were deleted."
        )
        return Submission(student, number, name, path, trouble=why)
    name = Counter(sets).most_common(1)[0][0]
    tasks = assignments[name].tasks
    notes = tuple(dict.fromkeys(_oddities(book, tasks)))
    mine = {task: answers[task] for task in answers if task in tasks}
    return Submission(student, number, name, path, mine, notes=notes)


def _book(file: _File) -> dict[str, Any]:
    if file.trouble:
        raise GradingError(file.trouble)
    try:
        book = json.loads(file.data)  # in whatever UTF it is
    except (ValueError, RecursionError) as error:
        size = f"it has more than {_LARGEST:,} bytes" if not file.data else error
        raise GradingError(f"It is no notebook: it is not JSON ({size}).") from error
    if not isinstance(book, dict) or book.get("nbformat") != 4:
        raise GradingError(
            "It is no notebook of format 4: open it in JupyterLab and save it."
        )
    return book


def _code(book: dict[str, Any]) -> Iterator[str]:
    cells = book.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            lines = source if isinstance(source, list) else [source]
            if all(isinstance(line, str) for line in lines):
                yield "".join(lines)


def _answers(book: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield task and text of each answer, the one that counts last.

    As in a run of the notebook from its top, an answer below its own check is too late:
    it comes before the others here.
    """
    found: list[tuple[str, str]] = []
    late: list[tuple[str, str]] = []
    checked: set[str] = set()
    for source in _code(book):
        if answer := _ANSWER.match(source):
            text = without_magics(source[answer.end() :])
            (late if answer[1] in checked else found).append((answer[1], text))
        elif check := _CHECK.match(source):
            checked.add(check[1])
    yield from [*late, *found]


def _oddities(book: dict[str, Any], tasks: dict[str, Task]) -> Iterator[str]:
    """Say what is not as it was handed out."""
    sources = [source.strip() for source in _code(book)]
    for task, count in Counter(task for task, _ in _answers(book)).items():
        if task not in tasks:
            yield f"Its answer to {task} is not of this set: it was not graded."
        elif count > 1:
            yield f"{task} has {count} answers: the last one above its check counts."
    for source in sources:
        if _CHANGES_THE_KIT.search(source):
            yield f"A cell changes labkit or check(): {source[:80]}"
    if edited := [task for task in tasks if f'check("{task}")' not in sources]:
        yield f"The check cell of {', '.join(edited)} is missing, or was edited."
