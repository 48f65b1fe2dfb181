"""Grade a class: run every answer that was handed in, and say what came of it.

Only the instructor's own checks run, each answer in its own process. What was graded is
kept in a file beside the submissions: after a crash the same call goes on where it was.
"""

import contextlib
import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from labkit.errors import ExerciseError, GradingError
from labkit.grader.confine import require_walls
from labkit.grader.feedback import Score
from labkit.grader.runner import Report, run, try_out
from labkit.grader.submissions import (
    Assignment,
    Submission,
    read_assignments,
    read_submissions,
)
from labkit.grader.tasks import EXERCISES, Task, find_task

__all__ = ["TABLES", "Class", "Graded", "Job", "Line", "grade", "mark"]

JOURNAL = ".labkit-grades.jsonl"
TABLES = ("tasks", "moodle", "canvas")
"""The tables that :meth:`Class.write_csv` can write."""


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
    failed: tuple[str, ...]  # the sentence of each check that did not pass
    notes: tuple[str, ...]  # for the student
    suspect: tuple[str, ...]  # for the instructor alone


def _digest(task: Task, text: str) -> str:
    checks = b"".join(file.read_bytes() for file in task.files)
    return hashlib.sha256(checks + f"\0{task.id}\0{text}".encode()).hexdigest()


def mark(job: Job) -> Graded:
    """Run one answer, as its notebook does.

    Raises ExerciseError if the checks on this machine are not those that the job was
    made for, and GradingError if it wants walls that this machine cannot have.
    """
    there = Path(job.exercises)
    task = find_task(job.task, there if there.is_dir() else EXERCISES)
    if _digest(task, job.text) != job.key:
        raise ExerciseError(
            f"The checks of {task.id} in {task.path} are not those of the machine that "
            "grades: bring both to the same version of the kit."
        )
    if not job.unconfined:
        require_walls()
    walls = not job.unconfined
    trouble = "" if task.program else try_out(job.text, walls=walls)[0]
    report = Report(task, (), trouble)  # the notebook doesn't keep such an answer
    if not trouble:  # a busy machine takes no points
        patient_s = 3 * task.deadline_s
        report = run(task, job.text, deadline_s=patient_s, walls=walls)
    failed = tuple(row.check.says for row in report.rows if not row.passed)
    return Graded(
        job.key, report.points, report.message, Score(report)._repr_html_(), failed,
        report.notes, report.suspect,
    )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What one student got for one task."""

    submission: Submission
    task: str  # empty if nothing is known of the submission
    points: float
    out_of: float
    why: str
    graded: Graded | None = None  # None if there was no answer to run
    blank: bool = False  # whether the answer is what was handed out


@dataclass(frozen=True)
class Class:
    """A class, graded."""

    lines: tuple[Line, ...]  # one for each student and task
    assignments: dict[str, Assignment]
    before: int = 0  # how many answers an earlier run had graded
    now: int = 0  # and this one

    @property
    def is_whole(self) -> bool:
        """Whether every line has an answer that was graded."""
        return all(line.graded for line in self.lines)

    def totals(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Return points and the most there are, by student and exercise set."""
        sums: dict[tuple[str, str], tuple[float, float]] = {}
        for line in self.lines:
            place = line.submission.student, line.submission.assignment
            points, most = sums.get(place, (0.0, 0.0))
            sums[place] = points + line.points, most + line.out_of
        return sums

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
        for line in self.lines:
            one = line.submission
            notes = " ".join([*one.notes, *(line.graded.notes if line.graded else ())])
            points, most = f"{line.points:g}", f"{line.out_of:g}"
            why = " ".join(line.why.split())[:500]
            yield one.student, one.assignment, line.task, points, most, why, notes

    def _moodle(self) -> Iterator[tuple[object, ...]]:
        yield "Identifier", "Full name", "Grade", "Last modified (grade)"
        for (student, assignment), (points, _) in self.totals().items():
            if assignment:
                number = self._numbers()[student]
                yield f"Participant {number}", student, f"{points:g}", ""

    def _canvas(self) -> Iterator[tuple[object, ...]]:
        totals = self.totals()
        sets = sorted({name for _, name in totals if name})
        most = {name: f"{of:g}" for (_, name), (_, of) in totals.items()}
        yield "Student", "ID", "Section", *sets
        yield "    Points Possible", "", "", *(most[name] for name in sets)
        for student, number in self._numbers().items():
            got = (totals.get((student, name), ("", ""))[0] for name in sets)
            yield student, number, "", *got

    def _numbers(self) -> dict[str, str]:
        return {one.submission.student: one.submission.number for one in self.lines}

    @property
    def words(self) -> str:
        """The class as text: points, what fails most often, what to look at."""
        fails = Counter(
            f"{line.task}: {says}"
            for line in self.lines
            for says in (line.graded.failed if line.graded and not line.blank else ())
        )
        parts = {
            "Points": [
                f"{student:<20} {name:<28} {got:g} of {most:g}"
                for (student, name), (got, most) in self.totals().items()
            ],
            "Checks that fail most often": [
                f"{count} times  {says}" for says, count in fails.most_common(9)
            ],
            "Not graded": [
                f"{line.submission.student}: {line.submission.path}: {line.why}"
                for line in self.lines
                if not line.graded
            ],
            "Look at these": list(self._suspects()),
        }
        blank = sum(line.blank for line in self.lines)
        said = (
            f"Students: {len(self._numbers())}. Answers graded: {self.now}, and "
            f"{self.before} earlier. As they were handed out: {blank}."
        )
        for title, lines in parts.items():
            said += f"\n\n{title}" * bool(lines)
            said += "".join(f"\n  {line}" for line in dict.fromkeys(lines))
        return re.sub(r"[^\n -~\u00a0-\U0010ffff]", "?", said)

    def _suspects(self) -> Iterator[str]:
        for line in self.lines:
            one = line.submission
            for note in one.notes:
                yield f"{one.student}, {one.assignment}: {note}"
            for what in line.graded.suspect if line.graded else ():
                yield f"{one.student}, {line.task}: {what}"


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
    tick: Callable[[int], object] = lambda _total: None,
) -> Class:
    """Grade every submission in a folder or a zip file with an instructor's checks.

    Parameters
    ----------
    submitted, exercises : Path
        What was handed in; the folder of exercises whose checks count.
    assignment : str, default ""
        The only exercise set to grade; all by default.
    pool : concurrent.futures.Executor, optional
        Does the work, such as Dask's ``Client.get_executor()``; threads by default.
    workers : int, optional
        How many answers run at a time in that default; two for each core if omitted.
    again, unconfined : bool, default False
        Whether to grade what an earlier run has graded; to run answers without walls.
    tick : callable
        Called with the number of all answers, once for each that is done.

    Raises
    ------
    GradingError
        There is nothing to grade, or no way to confine the answers.
    """
    known = read_assignments(exercises)
    if assignment and assignment not in known:
        raise GradingError(
            f"There is no exercise set {assignment!r}; there are {', '.join(known)}."
        )
    found = read_submissions(submitted, known)
    if assignment:
        found = [one for one in found if one.assignment in {"", assignment}]
    if not found:
        raise GradingError(f"There are no submissions of {assignment} in {submitted}.")
    where = str(exercises.resolve())
    tasks = {name: task for of in known.values() for name, task in of.tasks.items()}
    jobs = {
        answer: Job(_digest(tasks[answer[0]], answer[1]), *answer, unconfined, where)
        for one in found
        for answer in one.answers.items()
    }
    if pool is None and not unconfined:
        require_walls()
    journal = (submitted if submitted.is_dir() else submitted.parent) / JOURNAL
    done = {} if again else _read_journal(journal)
    todo = [job for job in jobs.values() if job.key not in done]
    try:
        file = journal.open("a", encoding="utf-8")
    except OSError as error:
        raise GradingError(
            f"{journal} cannot be written ({error.strerror}): copy what was handed in to "
            "a folder of your own."
        ) from error
    pool = pool or ThreadPoolExecutor(workers or 2 * (os.cpu_count() or 1))
    with file:
        for graded in pool.map(mark, todo):  # what has not begun does not, on an error
            file.write("\n" * (file.tell() > 0) + json.dumps(graded._asdict()))
            file.flush()
            done[graded.key] = graded
            tick(len(jobs))
    results = {answer: done[job.key] for answer, job in jobs.items()}
    lines = tuple(_lines(found, known, results))
    return Class(lines, known, len(jobs) - len(todo), len(todo))


def _lines(
    found: Iterable[Submission],
    known: dict[str, Assignment],
    results: dict[tuple[str, str], Graded],
) -> Iterator[Line]:
    for one in found:
        of = known.get(one.assignment)
        if of is None:
            yield Line(one, "", 0.0, 0.0, one.trouble)
            continue
        for name, task in of.tasks.items():
            text = one.answers.get(name)
            if text is None:
                why = one.trouble or f"No cell begins with %%answer {name}."
                yield Line(one, name, 0.0, task.points, why)
            else:
                got = results[name, text]
                blank = text.strip() == of.blank.get(name, "").strip()
                yield Line(one, name, got.points, task.points, got.message, got, blank)


def _read_journal(path: Path) -> dict[str, Graded]:
    """Return what was graded before; a line that a crash cut short is passed over."""
    found = {}
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    for line in text.split("\n"):
        with contextlib.suppress(ValueError, TypeError):
            entry = Graded(**json.loads(line))
            found[entry.key] = entry
    return found
