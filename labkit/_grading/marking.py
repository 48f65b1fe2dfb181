"""Examine one answer of a class: a :class:`Job` goes in, a :class:`Graded` comes out.

Both are plain data that can be pickled, so that a job may be done in any process, on
any machine that has the same exercises.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import ExerciseError
from labkit.grader.feedback import Score
from labkit.grader.runner import Report, run, try_out
from labkit.grader.tasks import EXERCISES, Task, find_task

__all__ = ["CheckResult", "Graded", "Job", "digest_of_checks", "mark"]


@dataclass(frozen=True)
class Job:
    """An answer to examine.

    Attributes
    ----------
    id : str
        A digest of the task, of its checks and of the answer: equal jobs are done once.
    task_id : str
    text : str
        The answer.
    checks : str
        The digest of the task's checks.
    exercises : str
        The folder of the exercises, on the machine that made the job.
    closed : tuple of str
        Folders that are nothing for an answer, such as the other submissions.
    deadline_s : float
        The longest the job takes, in seconds; then whatever does it has failed.
    """

    id: str
    task_id: str
    text: str
    checks: str
    exercises: str = str(EXERCISES)
    closed: tuple[str, ...] = ()
    deadline_s: float = 60.0


@dataclass(frozen=True)
class CheckResult:
    """What became of one check: its words, and a state as in `scoring.Result`."""

    says: str
    state: str


@dataclass(frozen=True)
class Graded:
    """What an answer got.

    Attributes
    ----------
    job_id, task_id : str
    points, out_of : float
    message : str
        Why, the most important first.
    checks : tuple of CheckResult
    notes : tuple of str
        What else there is to tell the student.
    noticed : tuple of str
        What the answer tried, to tell the instructor.
    words, html : str
        The whole feedback, as the notebook shows it.
    seconds : float
        How long it took.
    """

    job_id: str
    task_id: str
    points: float
    out_of: float
    message: str
    checks: tuple[CheckResult, ...] = ()
    notes: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()
    words: str = ""
    html: str = ""
    seconds: float = 0.0


def digest_of_checks(task: Task) -> str:
    """Return a digest of what decides on an answer to a task: its checks' files."""
    digest = hashlib.sha256()
    conftest = task.path.with_name("conftest.py")
    for path in [task.path, task.path.with_suffix(".md"), conftest]:
        if path.exists():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def mark(job: Job) -> Graded:
    """Examine an answer, as its notebook does under nbgrader.

    Raises
    ------
    ExerciseError
        The exercises here are not those that the job was made for.
    ProgramError
        No process could be started.
    """
    started = time.monotonic()
    here = Path(job.exercises)
    task = find_task(job.task_id, here if here.is_dir() else EXERCISES)
    if digest_of_checks(task) != job.checks:
        raise ExerciseError(
            f"The checks of {task.id} in {task.path} are not those of the machine "
            "that grades: bring both to the same version of the kit."
        )
    trial = try_out(job.text)
    if trial.trouble:  # the notebook does not keep such an answer
        report = Report(task, (), "refused", trial.trouble)
    else:
        report = run(task, job.text)
    score = Score(report.points, report)
    return Graded(
        job.id, task.id, report.points, task.points, report.message,
        tuple(CheckResult(row.says, row.state) for row in report.rows),
        report.notes, report.suspect,
        score.words, score._repr_html_(), time.monotonic() - started,
    )  # fmt: skip
