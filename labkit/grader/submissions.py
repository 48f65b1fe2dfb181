"""What was handed out, and what was handed in, in whatever layout it comes.

nbgrader collects ``STUDENT/SET/SET.ipynb``; Moodle packs a folder ``NAME_NUMBER_…`` for
each student, Canvas files ``name_NUMBER_…``. Archives are read like folders. Of a
notebook only the text of the answer cells counts. Nothing is passed over silently: what
holds no notebook is a :class:`Submission`, too, with its trouble.
"""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from labkit.errors import GradingError
from labkit.grader.runner import encodable, without_magics
from labkit.grader.tasks import EXERCISES, Task, all_tasks

__all__ = ["Assignment", "Submission", "handed_in", "handed_out"]

_LARGEST = 200_000_000  # bytes of a notebook; pictures make them large
_PACKED = re.compile(r"(.+?)_(\d+)_assignsubmission_|([^_]+?)(?:_LATE)?_(\d+)_\d+_")
_ANSWER = re.compile(r"(?:\s*%%(?!answer)[^\n]*\n)*\s*%%answer[ \t]+(\S+)[^\n]*\n?")
_CHECK = re.compile(r"\s*check\(\s*[\"']([\d.]+)")


@dataclass(frozen=True)
class Assignment:
    """An exercise set as it was handed out."""

    name: str  # of the folder and of the notebook
    tasks: dict[str, Task]
    book: str  # the learners' copy, as JSON
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
    when: float
    code: Sequence[str] = ()
    trouble: str = ""

    @property
    def is_book(self) -> bool:
        return self.place.suffix.lower() == ".ipynb"


def handed_out(exercises: Path = EXERCISES) -> dict[str, Assignment]:
    """Read every exercise set that is handed out, by name."""
    found = {}
    for name, tasks in groupby(all_tasks(exercises), lambda task: task.set):
        path = exercises / "release" / name / f"{name}.ipynb"
        if path.exists():
            book = path.read_text(encoding="utf-8")
            own = {task.id: task for task in tasks}
            found[name] = Assignment(name, own, book, dict(_answers(_code(book))))
    return found


def handed_in(submitted: Path, assignments: dict[str, Assignment]) -> list[Submission]:
    """Read what is in a folder, or in a zip file, one for each student and set.

    The set is known by the answers in the notebook, then by its name. Of several
    attempts the last one that can be read counts, and a note names the others.
    """
    files = list(_found(submitted, Path()))
    if not files[0].place.parts:
        raise GradingError(
            f"There are no submissions in {submitted}. {files[0].trouble}"
        )
    books = {file.place.parent for file in files if file.is_book}
    attempts: dict[tuple[str, str, str], list[Submission]] = {}
    for file in sorted(
        files, key=lambda one: (one.when, len(str(one.place)), one.place)
    ):
        # A picture beside a notebook is a part of it.
        if file.is_book or file.place.parent not in books - {Path()}:
            one = _submission(submitted, file, assignments)
            key = one.student, one.assignment, one.number
            attempts.setdefault(key, []).append(one)
    names = Counter(key[:2] for key in attempts)
    whole = []
    for key, tries in sorted(attempts.items()):
        last = ([one for one in tries if not one.trouble] or tries)[-1]
        notes = [
            f"{one.path.relative_to(submitted)} was passed over: "
            f"{one.trouble or 'it is an earlier attempt.'}"
            for one in tries
            if one is not last
        ]
        if names[key[:2]] > 1:  # two students of the same name
            last = replace(last, student=f"{last.student} {last.number}".strip())
        whole.append(replace(last, notes=(*last.notes, *notes)))
    return whole


def _found(source: Any, place: Path, when: float = 0.0) -> Iterator[_File]:
    """Find every file in a folder or an archive, and what cannot be read."""
    own = isinstance(source, Path)  # else zipfile's
    try:
        when = source.lstat().st_mtime if own else when
        if own and source.is_symlink():
            yield _File(place, when, trouble="It is a link, which is not followed.")
        elif source.is_dir() or source.suffix.lower() == ".zip":
            if not source.is_dir():
                source = zipfile.Path(source if own else source.open("rb"))
            hidden = (".", "__MACOSX")
            inside = [
                one for one in source.iterdir() if not one.name.startswith(hidden)
            ]
            if not inside:
                yield _File(place, when, trouble="There is nothing in it.")
            for one in sorted(inside, key=lambda one: str(one.name)):
                yield from _found(one, place / one.name, when)
        elif source.suffix.lower() == ".ipynb":
            with source.open("rb") as file:
                yield _File(place, when, _code(file.read(_LARGEST + 1)))
        else:
            yield _File(place, when, trouble="It is no notebook.")
    except Exception as error:  # noqa: BLE001 - whatever it holds, it has a row
        why = getattr(error, "strerror", None) or error
        yield _File(place, when, trouble=f"It cannot be read: {why}.")


def _code(data: bytes | str) -> list[str]:
    """Return the code cells of a notebook; raise ValueError if it is none."""
    if len(data) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST:,} bytes")
    try:
        book = json.loads(data)  # in whatever UTF it is
        code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
        return [encodable("".join(cell["source"])) for cell in code]
    except (LookupError, TypeError):
        why = "it is no notebook of format 4: open it in JupyterLab and save it"
    except (ValueError, RecursionError) as error:
        why = f"it is not JSON ({error})"
    raise ValueError(why)


def _student(place: Path) -> tuple[str, str]:
    """Return the name, and the number if a learning platform gave one."""
    for part in place.parts[: 2 if place.parts[0].endswith(".zip") else 1]:
        if found := _PACKED.match(part):
            return found[1] or found[3], found[2] or found[4]
    return re.sub(r"\.(ipynb|zip)$", "", place.parts[0], flags=re.IGNORECASE), ""


def _submission(
    submitted: Path, file: _File, assignments: dict[str, Assignment]
) -> Submission:
    path, named = submitted / file.place, file.place.as_posix().lower()
    name = next((name for name in assignments if name.lower() in named), "")
    answers = dict(_answers(file.code))
    sets = Counter(n for n, of in assignments.items() for a in answers if a in of.tasks)
    if not sets:
        trouble = file.trouble or (
            "No cell begins with %%answer: it is not the copy that was handed out, or "
            "its answer cells were deleted."
        )
        return Submission(*_student(file.place), name, path, trouble=trouble)
    name = sets.most_common(1)[0][0]
    tasks = assignments[name].tasks
    mine = {task: text for task, text in answers.items() if task in tasks}
    notes = tuple(_oddities(file.code, tasks))
    return Submission(*_student(file.place), name, path, mine, notes=notes)


def _answers(code: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield task and text of each answer, the one that counts last.

    As in a run of the notebook from its top, an answer below its own check is too late:
    it comes before the others here.
    """
    found: list[tuple[str, str]] = []
    late: list[tuple[str, str]] = []
    checked: set[str] = set()
    for source in code:
        if answer := _ANSWER.match(source):
            text = without_magics(source[answer.end() :])
            (late if answer[1] in checked else found).append((answer[1], text))
        elif check := _CHECK.match(source):
            checked.add(check[1])
    yield from [*late, *found]


def _oddities(code: Sequence[str], tasks: dict[str, Task]) -> Iterator[str]:
    """Say what is not as it was handed out."""
    sources = [source.strip() for source in code]
    for task, count in Counter(task for task, _ in _answers(code)).items():
        if task not in tasks:
            yield f"Its answer to {task} is not of this set: it was not graded."
        elif count > 1:
            yield f"{task} has {count} answers: the last one above its check counts."
    if edited := [task for task in tasks if f'check("{task}")' not in sources]:
        yield f"The check cell of {', '.join(edited)} is missing, or was edited."
