"""``python -m labkit grade``: grade the exercises of a whole class."""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from labkit.errors import GradingError, LabkitError
from labkit.grader.classroom import TABLES, grade
from labkit.grader.tasks import EXERCISES
from labkit.jobs import dask_client

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m labkit grade",
        description="Grade the exercises of a class, each answer in its own process.",
        epilog="example: python -m labkit grade submitted --csv points.csv",
    )
    add = parser.add_argument
    add("submitted", type=Path, help="what was handed in: a folder, or a zip file")
    add("--assignment", default="", metavar="SET", help="one exercise set only")
    whose = "the instructor's exercises; by default those of this checkout"
    add("--checks", type=Path, default=EXERCISES, metavar="FOLDER", help=whose)
    add("--workers", type=int, metavar="N", help="answers at a time; two for each core")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="a Dask scheduler, tls://HOST:PORT",
    )
    add(
        "--tls",
        type=Path,
        metavar="FOLDER",
        help="ca.pem, cert.pem, key.pem for tls://",
    )
    add("--csv", type=Path, metavar="FILE", help="write a table")
    rows = "what the table has rows for, or which platform is going to read it"
    add("--table", choices=TABLES, default="tasks", help=rows)
    beside = "write nbgrader's database, and beside it the notebooks for its feedback"
    add("--gradebook", type=Path, metavar="FILE", help=beside)
    add(
        "--again", action="store_true", help="grade anew what an earlier run has graded"
    )
    add(
        "--unconfined",
        action="store_true",
        help="run answers without walls around them",
    )
    return parser


def _refuse_clear_text(address: str) -> None:
    host = address.partition("://")[2].rpartition(":")[0]
    if not address.startswith("tls://") and host not in {"127.0.0.1", "localhost"}:
        raise GradingError(
            f"{address} is on a network: use tls://, or anybody there can grade, too."
        )


def main(argv: list[str]) -> int:
    """Run the command.

    Parameters
    ----------
    argv : list of str
        What follows its name.

    Returns
    -------
    int
        0 if everything was graded, 1 if something was not.
    """
    options = _parser().parse_args(argv)
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread of its own

    try:
        for file in filter(None, (options.csv, options.gradebook)):
            if not file.resolve().parent.is_dir():
                raise GradingError(f"There is no folder {file.parent} for {file.name}.")
            if not os.access(file if file.exists() else file.resolve().parent, os.W_OK):
                raise GradingError(f"You may not write {file}: name another place.")
        with ExitStack() as cleanup:
            pool = None
            if options.scheduler:
                _refuse_clear_text(options.scheduler)
                dask = dask_client(options.scheduler, tls=options.tls)
                pool = cleanup.enter_context(dask).get_executor(pure=False)
            bar = cleanup.enter_context(tqdm(unit=" answers", disable=None))

            def tick(total: int) -> None:
                bar.total = total
                bar.update()

            graded = grade(
                options.submitted, exercises=options.checks,
                assignment=options.assignment, pool=pool, workers=options.workers,
                again=options.again, unconfined=options.unconfined, tick=tick,
            )  # fmt: skip
        if options.csv:
            graded.write_csv(options.csv, options.table)
        if options.gradebook:
            from labkit.grader.gradebook import write_gradebook

            write_gradebook(options.gradebook, graded)
    except (LabkitError, OSError) as error:
        print(f"grade: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("grade: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(graded.words)
    return 0 if graded.is_whole else 1
