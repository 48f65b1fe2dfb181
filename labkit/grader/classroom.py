"""Grade a class: run every answer that was handed in, and say what came of it.

Only the instructor's own checks run, each answer in its own process. What was graded is
kept in a file beside the submissions: after a crash the same call goes on where it was.
"""

import contextlib
import csv
import hashlib
import itertools
import json
import os
import re
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from labkit.confine import require_walls
from labkit.errors import ExerciseError, GradingError
from labkit.grader.feedback import Score
from labkit.grader.runner import Report, run
from labkit.grader.submissions import Assignment, Submission, handed_in, handed_out
from labkit.grader.tasks import EXERCISES, Task, find_task

__all__ = ["TABLES", "Class", "Sheet", "grade", "mark", "write_gradebook"]

COURSE = "labkit"  # as in exercises/nbgrader_config.py
JOURNAL = ".labkit-grades.jsonl"
_UNKNOWN = Assignment("", {}, "", {})
TABLES = ("tasks", "moodle", "canvas")  # that Class.write_csv() can write


class Job(NamedTuple):
    """An answer to mark: plain data, so that any machine with the kit can do it."""

    key: str  # a digest of the task, of its checks and of the answer
    task: str
    text: str
    unconfined: bool  # whether the answer may run without walls around it
    exercises: str  # where the checks are, on a machine that has that folder


class Graded(NamedTuple):
    """What an answer got: plain data, too."""

    key: str  # of the job
    points: float
    message: str  # the first sentence
    html: str  # all of the feedback
    failed: tuple[str, ...] = ()  # the sentence of each check that did not pass
    suspect: tuple[str, ...] = ()  # for the instructor alone


def _missing(why: str) -> Graded:
    """Return what a student gets for an answer that is not there: it has no key."""
    return Graded("", 0.0, why, Score(None, why)._repr_html_())


def _digest(task: Task, text: str) -> str:
    checks = b"".join(file.read_bytes() for file in task.files)
    return hashlib.sha256(checks + f"\0{task.id}\0{text}".encode()).hexdigest()


def mark(jobs: Sequence[Job]) -> list[Graded]:
    """Run the answers of one student, as their notebook does.

    Raises ExerciseError if the checks on this machine are not those that the jobs were
    made for, and GradingError if they want walls that this machine cannot have.
    """
    answers = []
    for job in jobs:
        there = Path(job.exercises)
        task = find_task(job.task, there if there.is_dir() else EXERCISES)
        if _digest(task, job.text) != job.key:
            raise ExerciseError(
                f"The checks of {task.id} in {task.path} are not those of the machine "
                "that grades: bring both to the same version of the kit."
            )
        # A busy machine takes no points.
        answers.append((replace(task, deadline_s=3 * task.deadline_s), job.text))
    if walls := not jobs[0].unconfined:
        require_walls()
    reports = run(answers, walls=walls)
    return [_graded(job.key, one) for job, one in zip(jobs, reports, strict=True)]


def _graded(key: str, report: Report) -> Graded:
    failed = tuple(row.check.says for row in report.rows if not row.passed)
    html = Score(report)._repr_html_()
    return Graded(key, report.points, report.message, html, failed, report.suspect)


@dataclass(frozen=True)
class Sheet:
    """What one student got for one exercise set."""

    submission: Submission
    of: Assignment  # without a name if nobody can tell of which set it is
    graded: dict[str, Graded]  # by task

    @property
    def points(self) -> float:
        """What all of its answers are worth."""
        return sum(one.points for one in self.graded.values())

    @property
    def out_of(self) -> float:
        """The most that they could be worth."""
        return sum(task.points for task in self.of.tasks.values())


@dataclass(frozen=True)
class Class:
    """A class, graded."""

    sheets: tuple[Sheet, ...]  # one for each student and exercise set
    before: int = 0  # how many answers an earlier run had graded
    now: int = 0  # and this one

    @property
    def is_whole(self) -> bool:
        """Whether every task of every student has an answer that was graded."""
        return all(one.key for sheet in self.sheets for one in sheet.graded.values())

    def write_csv(self, path: Path, table: str = "tasks") -> None:
        """Write a table that every spreadsheet opens.

        Parameters
        ----------
        path : Path
        table : str, default "tasks"
            A row for each task; or one for each student, as Moodle's grading worksheet
            ("moodle", for one exercise set) or Canvas's gradebook ("canvas") takes it.
        """
        coding = "utf-8-sig" if table == "tasks" else "utf-8"
        with path.open("w", -1, coding, "backslashreplace", "") as file:
            for row in getattr(self, f"_{table}")():
                csv.writer(file).writerow([_harmless(str(cell)) for cell in row])

    def _tasks(self) -> Iterator[tuple[object, ...]]:
        yield "student", "assignment", "task", "points", "max", "why", "notes"
        for sheet in self.sheets:
            one, notes = sheet.submission, " ".join(sheet.submission.notes)
            for task, graded in sheet.graded.items():
                points, why = f"{graded.points:g}", " ".join(graded.message.split())
                most = f"{sheet.of.tasks[task].points:g}" if task else "0"
                yield one.student, one.assignment, task, points, most, why[:500], notes

    def _moodle(self) -> Iterator[tuple[object, ...]]:
        yield "Identifier", "Full name", "Grade", "Last modified (grade)"
        for sheet in self.sheets:
            if sheet.of.name:
                one = sheet.submission
                yield f"Participant {one.number}", one.student, f"{sheet.points:g}", ""

    def _canvas(self) -> Iterator[tuple[object, ...]]:
        most = {sheet.of.name: f"{sheet.out_of:g}" for sheet in self.sheets}
        sets = sorted(filter(None, most))
        yield "Student", "ID", "Section", *sets
        yield "    Points Possible", "", "", *(most[name] for name in sets)
        students: dict[tuple[str, str], dict[str, float]] = {}
        for sheet in self.sheets:
            who = sheet.submission.student, sheet.submission.number
            students.setdefault(who, {})[sheet.of.name] = sheet.points
        for (student, number), got in students.items():
            yield student, number, "", *(got.get(name, "") for name in sets)

    @property
    def words(self) -> str:
        """The class as text: points, what fails most often, what to look at."""
        points, missing, suspect, blank = [], [], [], 0
        fails = Counter[str]()
        for sheet in self.sheets:
            one = sheet.submission
            got = f"{sheet.points:g} of {sheet.out_of:g}"
            points.append(f"{one.student:<20} {one.assignment:<28} {got}")
            notes = [*one.notes]
            for task, graded in sheet.graded.items():
                if not graded.key:
                    missing.append(f"{one.student}: {one.path}: {graded.message}")
                elif one.answers[task].strip() == sheet.of.blank.get(task, "").strip():
                    blank += 1
                else:
                    fails.update(f"{task}: {says}" for says in graded.failed)
                notes += [f"{task}, {what}" for what in graded.suspect]
            suspect += [f"{one.student}, {one.assignment}: {note}" for note in notes]
        parts = {
            "Points": points,
            "Checks that fail most often": [
                f"{count} times  {says}" for says, count in fails.most_common(9)
            ],
            "Not graded": missing,
            "Look at these": suspect,
        }
        students = {sheet.submission.student for sheet in self.sheets}
        said = (
            f"Students: {len(students)}. Answers graded: {self.now}, and "
            f"{self.before} earlier. As they were handed out: {blank}."
        )
        for title, lines in parts.items():
            said += f"\n\n{title}" * bool(lines)
            said += "".join(f"\n  {line}" for line in dict.fromkeys(lines))
        return re.sub(r"[^\n -~\u00a0-\U0010ffff]", "?", said)


def _harmless(cell: str) -> str:
    """Keep a spreadsheet program from taking a text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell


def grade(
    submitted: Path,
    *,
    exercises: Path = EXERCISES,
    assignment: str = "",
    pool: Executor | None = None,
    workers: int | None = None,
    again: bool = False,
    unconfined: bool = False,
) -> Class:
    """Grade every submission in a folder or a zip file with an instructor's checks.

    In a terminal a bar shows how far it is.

    Parameters
    ----------
    submitted, exercises : Path
        What was handed in; the folder of exercises whose checks count.
    assignment : str, default ""
        The only exercise set to grade; all by default.
    pool : concurrent.futures.Executor, optional
        Does the work, such as Dask's ``Client.get_executor()``; threads by default.
    workers : int, optional
        How many students' answers run at a time there; three for each core if omitted.
    again, unconfined : bool, default False
        Whether to grade what an earlier run has graded; to run answers without walls.

    Raises
    ------
    GradingError
        There is nothing to grade, or no way to confine the answers.
    """
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread of its own
    known = handed_out(exercises)
    if assignment and assignment not in known:
        raise GradingError(
            f"There is no exercise set {assignment!r}; there are {', '.join(known)}."
        )
    wanted = {"", assignment} if assignment else {"", *known}
    found = [one for one in handed_in(submitted, known) if one.assignment in wanted]
    if not found:
        raise GradingError(f"There are no submissions of {assignment} in {submitted}.")
    where = str(exercises.resolve())
    tasks = {name: task for of in known.values() for name, task in of.tasks.items()}
    if pool is None and not unconfined:
        require_walls()
    journal = (submitted if submitted.is_dir() else submitted.parent) / JOURNAL
    done = {} if again else _read_journal(journal)
    jobs: dict[tuple[str, str], Job] = {}  # equal answers are run once
    todo: list[list[Job]] = []  # of each student
    for one in found:
        own = {
            answer: Job(
                _digest(tasks[answer[0]], answer[1]), *answer, unconfined, where
            )
            for answer in one.answers.items()
            if answer not in jobs
        }
        jobs |= own
        todo.append([job for job in own.values() if job.key not in done])
    now = sum(map(len, todo))
    try:
        file = journal.open("a", encoding="utf-8")
    except OSError as error:
        raise GradingError(
            f"{journal} cannot be written ({error.strerror}): copy what was handed in to "
            "a folder of your own."
        ) from error
    pool = pool or ThreadPoolExecutor(workers or 3 * (os.cpu_count() or 1))
    # What has not begun does not, on an error.
    marked = pool.map(mark, [own for own in todo if own])
    with file, tqdm(total=now, unit=" answers", disable=None) as shown:
        for got in itertools.chain.from_iterable(marked):
            file.write("\n" * (file.tell() > 0) + json.dumps(got._asdict()))
            file.flush()
            done[got.key] = got
            shown.update()
    results: dict[Any, Graded] = {one: done[job.key] for one, job in jobs.items()}
    sheets = []
    for one in found:
        of, graded = known.get(one.assignment, _UNKNOWN), {}
        for task in of.tasks or [""]:
            why = one.trouble or f"No cell begins with %%answer {task}."
            answer = task, one.answers.get(task)
            graded[task] = results.get(answer) or _missing(why)
        sheets.append(Sheet(one, of, graded))
    return Class(tuple(sheets), len(jobs) - now, now)


def _read_journal(path: Path) -> dict[str, Graded]:
    """Return what was graded before; a line that a crash cut short is passed over."""
    found = {}
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    for line in text.split("\n"):
        with contextlib.suppress(ValueError, TypeError):
            entry = Graded(**json.loads(line))
            found[entry.key] = entry
    return found


# --- nbgrader -------------------------------------------------------------------------


def write_gradebook(path: Path, graded: Class) -> None:
    """Write scores into nbgrader's database, and the notebooks it calls autograded.

    nbgrader's own preprocessors do it, so that formgrader, ``nbgrader
    generate_feedback`` and ``nbgrader export`` go on from there. Scores that a person
    gave stay. Raises GradingError if the database has graded this exercise set with
    other cells, or is none.
    """
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.api import Gradebook
    from nbgrader.preprocessors import SaveAutoGrades, SaveCells
    from nbgrader.utils import parse_utc
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    # nbgrader calls the program alembic by its name.
    here = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])
    url, known = f"sqlite:///{path.resolve()}", set[str]()
    try:
        with warnings.catch_warnings(), Gradebook(url, COURSE) as book:
            # nbgrader builds its records in an order that SQLAlchemy warns of.
            warnings.simplefilter("ignore", SAWarning)
            for sheet in graded.sheets:
                one, name = sheet.submission, sheet.of.name
                if not name:
                    continue
                where = {"notebook": name, "assignment": name, "db_url": url}
                place = {"nbgrader": where | {"student": one.student}}
                if name not in known:
                    book.update_or_create_assignment(name, course_id=COURSE)
                    SaveCells().preprocess(nbformat.reads(sheet.of.book, 4), place)
                    known.add(name)
                when = None
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    stamp = one.path.with_name("timestamp.txt")
                    when = parse_utc(stamp.read_text().strip())
                book.update_or_create_student(one.student)
                book.update_or_create_submission(name, one.student, timestamp=when)
                filled = _filled(sheet)
                SaveAutoGrades().preprocess(filled, place)
                folder = path.parent / "autograded" / one.student / name
                _write(folder, filled, one.path)
    except (SQLAlchemyError, RuntimeError) as error:  # the second is SaveCells's
        raise GradingError(
            f"{path} cannot be used as a gradebook: {error}. Grade into a new one."
        ) from error


def _filled(sheet: Sheet) -> Any:
    """Return our copy with the student's answers, and the words for each."""
    book, one = nbformat.reads(sheet.of.book, 4), sheet.submission
    for task, graded in sheet.graded.items():
        data = {"text/plain": str(graded.points), "text/html": graded.html}
        magic, nothing = f"%%answer {task}\n", one.trouble or "There was no answer."
        for cell in book.cells:
            if cell.source == f'check("{task}")':
                cell.outputs = [nbformat.v4.new_output("execute_result", data)]
            elif cell.source.startswith(magic):
                cell.source = magic + one.answers.get(task, f"# {nothing}")
    return book


def _write(folder: Path, book: Any, submitted: Path) -> None:
    """Write what generate_feedback shows, and what release_feedback asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{folder.name}.ipynb"
    target.unlink(missing_ok=True)  # nbgrader's own cannot be written to
    nbformat.write(book, target)
    for own in ("timestamp.txt", "submission_secret.txt"):
        file = submitted.with_name(own)
        if file.is_file() and not file.is_symlink():
            shutil.copyfile(file, folder / own)
