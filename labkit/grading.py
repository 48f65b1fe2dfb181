"""Grade the exercises of a whole class: :func:`grade`, ``python -m labkit grade``.

Submissions lie in nbgrader's folders, ``SUBMITTED/<student>/<set>/<set>.ipynb``. Only
the text of their answer cells is used, and only the instructor's own checks are run
on it, each answer in a process of its own that is ended with all it started.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from labkit._grading.assignments import Assignment, read_assignments
from labkit._grading.farms import Farm, LocalFarm, default_workers
from labkit._grading.gradelog import GradeLog
from labkit._grading.marking import Graded, Job, mark
from labkit._grading.papers import Papers
from labkit._grading.submissions import Submission, read_submissions
from labkit._grading.tallies import Report
from labkit.commands import common
from labkit.errors import GradingError, LabkitError
from labkit.grader.tasks import EXERCISES

__all__ = ["Farm", "Graded", "Job", "LocalFarm", "Report", "grade", "main", "mark"]

JOURNAL = ".labkit-grades.jsonl"
"""The journal's name, in the folder of the submissions."""


def grade(
    submitted: Path,
    *,
    exercises: Path = EXERCISES,
    workers: int | None = None,
    csv: Path | None = None,
    gradebook: Path | None = None,
    farm: Farm | None = None,
    assignment: str = "",
    again: bool = False,
    progress: bool = False,
) -> Report:
    """Grade every submission in a folder.

    Parameters
    ----------
    submitted : Path
        Holds ``<student>/<set>/<set>.ipynb``, as ``nbgrader collect`` leaves it.
    exercises : Path
        The instructor's exercises.
    workers : int, optional
        How many answers are examined at a time, by default two for each core.
    csv : Path, optional
        Where to write a table.
    gradebook : Path, optional
        nbgrader's database; it is made if it is not there. Beside it, in
        ``autograded``, the notebooks are written that ``nbgrader generate_feedback``
        reads.
    farm : Farm, optional
        What does the work; by default processes of this machine.
    assignment : str
        The only exercise set to grade; by default all.
    again : bool
        Grade everything anew, also what the journal has.
    progress : bool
        Show a bar on standard error, if that is a terminal.

    Returns
    -------
    Report

    Raises
    ------
    GradingError
        There is nothing to grade in that folder.
    ExerciseError
        The exercises are missing or broken.
    ProgramError
        No process could be started.

    Notes
    -----
    What has been graded is kept in a journal in the folder of the submissions at once:
    after a crash the same call goes on where it was.
    """
    started = time.monotonic()
    wanted = _assignments(exercises, assignment)
    found = _submissions(submitted, wanted)
    papers = Papers(found, wanted, exercises)
    log = GradeLog(submitted / JOURNAL)
    done = {} if again else log.read()
    before = {key: done[key] for key in papers.jobs if key in done}
    todo = [job for key, job in papers.jobs.items() if key not in done]
    advance = _bar(len(papers.jobs)) if progress else _nobody
    advance(len(before))
    now = {}
    for graded in (farm or LocalFarm(workers)).run(todo, lambda _: advance(1)):
        log.add(graded, papers.students[graded.job_id])
        now[graded.job_id] = graded
    rows = tuple(papers.rows(before | now))
    seconds = time.monotonic() - started
    report = Report(rows, tuple(found), len(before), len(now), seconds)
    _write(report, wanted, csv, gradebook)
    return report


def _nobody(_count: int) -> None:
    """Stand in for the progress bar, where nobody looks."""


def _assignments(exercises: Path, name: str) -> dict[str, Assignment]:
    known = read_assignments(exercises)
    wanted = {n: a for n, a in known.items() if name in {"", n}}
    if not wanted:
        raise GradingError(
            f"There is no exercise set {name!r}; there are {', '.join(known)}."
        )
    return wanted


def _submissions(
    submitted: Path, assignments: dict[str, Assignment]
) -> list[Submission]:
    found = list(read_submissions(submitted, assignments))
    if not found:
        raise GradingError(
            f"No submissions in {submitted}: they are wanted in nbgrader's folders, "
            "as in ada/04_produce_and_consume/04_produce_and_consume.ipynb."
        )
    return found


def _write(
    report: Report,
    assignments: dict[str, Assignment],
    csv: Path | None,
    gradebook: Path | None,
) -> None:
    if csv:
        report.write_csv(csv)
    if gradebook:
        from labkit._grading.gradebooks import write_gradebook

        write_gradebook(gradebook, report, assignments)


def _parser() -> common.Parser:
    parser = common.Parser(
        "grade",
        "Grade the exercises of a class, each answer in a process of its own.",
        "python -m labkit grade submitted --csv grades.csv --gradebook gradebook.db",
    )
    parser.add_argument(
        "submitted", type=Path, help="the folder with <student>/<set>/<set>.ipynb"
    )
    add = parser.add_argument
    add("--assignment", default="", metavar="NAME", help="one exercise set only")
    at_a_time = f"answers at a time (here {default_workers()})"
    add("--workers", type=common.number, metavar="N", help=at_a_time)
    elsewhere = "grade on a Dask cluster, tcp://HOST:PORT or tls://HOST:PORT"
    add("--scheduler", metavar="ADDRESS", help=elsewhere)
    add("--tls", type=Path, metavar="FOLDER", help="ca.pem, cert.pem, key.pem for it")
    add("--csv", type=Path, metavar="FILE", help="write a table")
    beside = "write nbgrader's database, and the notebooks of its feedback beside it"
    add("--gradebook", type=Path, metavar="FILE", help=beside)
    add("--again", action="store_true", help="grade anew what the journal has")
    return parser


def _farm(options: argparse.Namespace) -> Farm | None:
    if options.scheduler is None:
        return None
    from labkit._grading.daskfarm import DaskFarm

    return DaskFarm(options.scheduler, options.tls)


def _bar(total: int) -> Callable[[int], object]:
    if not sys.stderr.isatty():
        return _nobody
    from tqdm import tqdm

    return tqdm(total=total, unit=" answers", leave=False, file=sys.stderr).update  # type: ignore[no-any-return]


def main(argv: list[str]) -> int:
    """Run ``python -m labkit grade``.

    Parameters
    ----------
    argv : list of str
        What stands after the command.

    Returns
    -------
    int
        Exit status: 0 when every submission has been graded, 1 otherwise.
    """
    options = _parser().parse_args(argv)
    try:
        report = grade(
            options.submitted,
            workers=options.workers,
            farm=_farm(options),
            csv=options.csv,
            gradebook=options.gradebook,
            assignment=options.assignment,
            again=options.again,
            progress=True,
        )
    except (LabkitError, OSError, ValueError) as error:
        print(f"grade: {error}", file=sys.stderr)
        return 1
    print(report.words)
    return 0
