"""Grade the exercises of a class; interrupted, go on from there the next time.

Each answer runs in its own process. The exit code is 1 if something was not graded.

    python3 -m labkit grade submitted --csv points.csv
"""

import contextlib
import os
from pathlib import Path
from typing import Any

from labkit.commands import common
from labkit.errors import GradingError
from labkit.grader.classroom import TABLES, grade, write_gradebook
from labkit.grader.tasks import EXERCISES
from labkit.jobs import dask_client

SAFE = ("tls://", "tcp://127.0.0.1:", "tcp://localhost:")  # to send answers to


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    whose = "the instructor's exercises; by default those of this checkout"
    rows = "what the table has rows for, or which platform is going to read it"
    book = "write nbgrader's database, and beside it the notebooks for its feedback"
    add("submitted", type=Path, help="what was handed in: a folder, or a zip file")
    add("--assignment", default="", metavar="SET", help="one exercise set only")
    add("--checks", type=Path, default=EXERCISES, metavar="FOLDER", help=whose)
    add("--workers", type=common.number, metavar="N", help="students at a time")
    add("--scheduler", metavar="ADDRESS", help="a Dask scheduler, tls://HOST:PORT")
    add("--tls", type=Path, metavar="FOLDER", help="ca.pem, cert.pem, key.pem")
    add("--csv", type=Path, metavar="FILE", help="write a table")
    add("--table", choices=TABLES, default="tasks", help=rows)
    add("--gradebook", type=Path, metavar="FILE", help=book)
    add("--again", action="store_true", help="grade what was graded before, too")
    add("--unconfined", action="store_true", help="answers without walls")


def run(options: common.Options) -> int:
    """Grade, and write what was asked for; 1 if something was not graded."""
    for file in filter(None, (options.csv, options.gradebook)):
        if not os.access(file if file.exists() else file.resolve().parent, os.W_OK):
            raise GradingError(f"{file} cannot be written: name another place.")
    dask: Any = contextlib.nullcontext()
    if options.scheduler:
        if not options.scheduler.startswith(SAFE):
            raise GradingError(
                f"{options.scheduler} is on a network: use tls://, or anybody there can "
                "grade, too."
            )
        dask = dask_client(options.scheduler, tls=options.tls)
    with dask as client:
        pool = client and client.get_executor(pure=False)
        graded = grade(
            options.submitted, exercises=options.checks,
            assignment=options.assignment, pool=pool, workers=options.workers,
            again=options.again, unconfined=options.unconfined,
        )  # fmt: skip
    if options.csv:
        graded.write_csv(options.csv, options.table)
    if options.gradebook:
        write_gradebook(options.gradebook, graded)
    print(graded.words)
    return common.DONE if graded.is_whole else common.FAILED
