"""``python -m labkit grade``: grade the exercises of a whole class."""

import argparse
import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from labkit.errors import GradingError, LabkitError
from labkit.grader.classroom import grade
from labkit.grader.tasks import EXERCISES

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m labkit grade",
        description="Grade the exercises of a class, each answer in its own process.",
        epilog="example: python -m labkit grade submitted --csv points.csv",
    )
    add = parser.add_argument
    add("submitted", type=Path, help="what was handed in, in folders of any layout")
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


def _dask(address: str, tls: Path | None) -> Executor:
    import distributed

    host = address.partition("://")[2].rpartition(":")[0]
    if not address.startswith("tls://") and host not in {"127.0.0.1", "localhost"}:
        raise GradingError(
            f"{address} is on a network: use tls://, or anybody there can grade, too."
        )
    files = {} if tls is None else {
        "tls_ca_file": str(tls / "ca.pem"),
        "tls_client_cert": str(tls / "cert.pem"),
        "tls_client_key": str(tls / "key.pem"),
        "require_encryption": True,
    }  # fmt: skip
    try:
        security = distributed.Security(**files)  # type: ignore[no-untyped-call]
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]
            address, security=security, timeout=10
        )
    except (OSError, ValueError) as error:
        raise GradingError(
            f"No Dask scheduler answers at {address}: start one with "
            f"dask scheduler, and workers with dask worker {address}."
        ) from error
    pool: Executor = client.get_executor(pure=False)
    return pool


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
        pool = _dask(options.scheduler, options.tls) if options.scheduler else None
        with tqdm(unit=" answers", disable=None) as bar:

            def tick(total: int) -> None:
                bar.total = total
                bar.update()

            graded = grade(
                options.submitted, exercises=options.checks,
                assignment=options.assignment, pool=pool, workers=options.workers,
                again=options.again, unconfined=options.unconfined, tick=tick,
            )  # fmt: skip
        if options.csv:
            graded.write_csv(options.csv)
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
    return 1 if graded.troubled else 0
