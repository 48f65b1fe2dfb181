"""The answers of a class as jobs, and how their results go back to the students."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from labkit._grading.assignments import Assignment
from labkit._grading.marking import Graded, Job, digest_of_checks
from labkit._grading.submissions import Submission, blank_answers
from labkit._grading.tallies import Row
from labkit.grader.runner import TRIAL_S
from labkit.grader.tasks import Task

__all__ = ["Papers"]

_STARTING_S = 30.0  # for processes to start and end, on a busy machine


class Papers:
    """The answers of a class.

    Parameters
    ----------
    submissions : iterable of Submission
    assignments : dict
        The exercise sets, by name.
    exercises : Path
        Their folder.

    Attributes
    ----------
    jobs : dict
        One for each answer, by its id; equal answers share one.
    students : dict
        Job id to those who gave this answer.
    """

    def __init__(
        self,
        submissions: Iterable[Submission],
        assignments: dict[str, Assignment],
        exercises: Path,
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.students: dict[str, set[str]] = {}
        self._submissions = list(submissions)
        self._assignments = assignments
        self._exercises = exercises.resolve()
        self._digests = {
            task.id: digest_of_checks(task)
            for assignment in assignments.values()
            for task in assignment.tasks
        }
        self._blank = {
            task_id: text
            for assignment in assignments.values()
            for task_id, text in blank_answers(assignment).items()
        }
        for submission in self._submissions:
            for task in assignments[submission.assignment].tasks:
                if task.id in submission.answers:
                    job = self._job(submission, task)
                    # Two answers with the same text get the same, and are run once.
                    self.jobs.setdefault(job.id, job)
                    self.students.setdefault(job.id, set()).add(submission.student)

    def _job(self, submission: Submission, task: Task) -> Job:
        text, checks = submission.answers[task.id], self._digests[task.id]
        whole = f"{task.id}\0{checks}\0{text}"
        digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass"))
        closed = str(submission.folder.resolve().parents[1])
        return Job(
            digest.hexdigest(),
            task.id,
            text,
            checks,
            str(self._exercises),
            (closed,),
            TRIAL_S + task.deadline_s + _STARTING_S,
        )

    def rows(self, graded: dict[str, Graded]) -> Iterator[Row]:
        """Yield what each student got for each task."""
        for one in self._submissions:
            for task in self._assignments[one.assignment].tasks:
                yield self._row(one, task, graded)

    def _row(self, one: Submission, task: Task, graded: dict[str, Graded]) -> Row:
        place = (one.student, one.assignment, task.id)
        if task.id not in one.answers:
            why = one.trouble or (
                f"There is no answer to {task.id}: no cell above its check begins "
                f"with %%answer {task.id}."
            )
            return Row(*place, 0.0, task.points, why, one.notes)
        got = graded[self._job(one, task).id]
        tried = tuple(f"The answer {what}." for what in got.noticed)
        notes = one.notes + tried + got.notes
        blank = one.answers[task.id].strip() == self._blank[task.id].strip()
        return Row(*place, got.points, task.points, got.message, notes, got, blank)
