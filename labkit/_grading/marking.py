"""Examine one answer of a class: a :class:`Job` goes in, a :class:`Graded` comes out.

Both are plain data that can be pickled, so that a job may be done in any process, on
any machine that has the same exercises.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit._checks.feedback import Score
from labkit._checks.proctor import TOO_LARGE
from labkit._checks.scoring import Verdict, grade, try_out
from labkit._checks.scratch import ScratchRun
from labkit._checks.tasks import EXERCISES, Task, find_task
from labkit.errors import ExerciseError
from labkit.supervised import Finished

__all__ = ["CheckResult", "Graded", "Job", "digest_of_checks", "mark", "watch"]

_LARGEST_FILE = 64_000_000  # bytes
_MANY_LEFT = 20  # processes left running that are no mere slip


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
    for path in [task.checks_file, task.folder / "task.toml", *_shared(task)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _shared(task: Task) -> list[Path]:
    """Return the files that the checks of several tasks, and sets, share."""
    return sorted(task.folder.parents[1].glob("*/*.py"))


def watch(task: Task, *closed: str) -> dict[str, object]:
    """Return what :func:`.witness.watch` is told of a task's examination.

    Parameters
    ----------
    task : Task
    *closed : str
        Folders that are nothing for an answer, besides the exercises.

    Returns
    -------
    dict
    """
    return {
        "closed": [str(task.folder.parents[2]), *closed],
        "readable": [str(task.folder.parent), *map(str, _shared(task))],
        "listable": [str(task.folder.parents[3])],
        "largest_file": _LARGEST_FILE,
    }


def mark(job: Job, run: Callable[..., Finished] | None = None) -> Graded:
    """Examine an answer, as its notebook does under nbgrader.

    Parameters
    ----------
    job : Job
    run : callable, optional
        What runs the examiner; by default :func:`.supervised.run`, in fresh processes.

    Returns
    -------
    Graded

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
            f"The checks of {task.id} in {task.folder} are not those of the machine "
            "that grades: bring both to the same version of the kit."
        )
    examined = _Examined(job, task, run)
    score = Score(examined.verdict.points, examined.verdict)
    return Graded(
        job.id, task.id, float(score), task.points, score.message,
        tuple(CheckResult(one.check.says, one.state) for one in score.results),
        score.notes, tuple(dict.fromkeys(examined.noticed)),
        score.words, score._repr_html_(), time.monotonic() - started,
    )  # fmt: skip


class _Examined:
    """Both runs of an answer: its top level, then the checks."""

    def __init__(
        self, job: Job, task: Task, run: Callable[..., Finished] | None
    ) -> None:
        self.noticed: list[str] = []
        self._run = run
        self._watch = watch(task, *job.closed)
        trial = try_out(job.text, scratch=self._scratch)
        if trial.trouble:  # the notebook does not keep such an answer
            self.verdict = Verdict(task, (), trial.trouble)
        else:
            self.verdict = grade(task, job.text, scratch=self._scratch)
        if TOO_LARGE in self.noticed:
            self.verdict = replace(self.verdict, trouble=f"The answer {TOO_LARGE}.")

    def _scratch(self, text: str, checks: Path | None, deadline_s: float) -> ScratchRun:
        scratch = ScratchRun(text, checks, deadline_s, run=self._run, watch=self._watch)
        self.noticed += [one["what"] for one in scratch.events if _is_notice(one)]
        if scratch.finished.timed_out:
            self.noticed.append(f"did not end in {deadline_s:g} s: ended")
        if scratch.finished.leftovers >= _MANY_LEFT:
            left = scratch.finished.leftovers
            self.noticed.append(f"left {left} processes running: ended")
        return scratch


def _is_notice(event: dict[str, Any]) -> bool:
    return event["state"] == "noticed" and isinstance(event.get("what"), str)
