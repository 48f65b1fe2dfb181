"""``python -m labkit run``: do the jobs of a file, on the engine of your choice."""

import argparse
import sys
import time
from pathlib import Path

from labkit.commands import cli

__all__ = ["main"]

_DESCRIPTION = """\
Do the jobs of a file, and print what came of each task as a line of JSON: name,
id, task, and result or error, in the order of the file. The same file gives the
same results on every engine:
  manager           a manager server and worker processes, here (the default)
  dask              a Dask cluster of processes, here
  tcp://HOST:PORT   a Dask scheduler that runs elsewhere; tls:// for an encrypted one
The file is TOML, with a table for each job:
  [squares]
  job = "square"            # or letters, log_lines, MODULE:FUNCTION
  tasks = [1, 2, 3]         # or files = ["logs/*.log"], handed over as paths"""


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = cli.Parser("run", _DESCRIPTION, "python -m labkit run jobs.toml")
    add = parser.add_argument
    add("file", metavar="JOBFILE", type=Path, help="what is to be done")
    add("--engine", default="manager", metavar="ENGINE", help="(%(default)s)")
    add("--workers", type=cli.number, metavar="N", help="processes (one a processor)")
    add(
        "--tls",
        type=Path,
        metavar="FOLDER",
        help="ca.pem, cert.pem, key.pem: Dask encrypts, and asks for certificates",
    )
    options = parser.parse_args(argv)
    return cli.run("run", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from labkit import engines
    from labkit._engines.jobfiles import read_job_file
    from labkit.commands import jsonlines

    folder = options.file.resolve().parent
    sys.path.insert(0, str(folder))  # a job may come from a module beside the file
    works = read_job_file(options.file)
    settings = {"workers": options.workers, "tls": options.tls, "folder": folder}
    total = sum(len(work.tasks) for work in works)
    advance = cli.progress(total, "tasks")
    failed = 0
    with engines.open_engine(options.engine, **settings) as engine:
        begin = time.monotonic()
        for record in engines.run(works, engine, _say):
            jsonlines.emit(record)
            advance(1)
            failed += "error" in record
        spent_s = time.monotonic() - begin
    of_them = f", {failed:,} of them failed" if failed else ""
    _say(f"{cli.count_of(total, 'task')} done{of_them}, in {spent_s:.1f} s")
    return cli.Exit.FAILED if failed else cli.Exit.DONE


def _say(sentence: str) -> None:
    cli.say("run", sentence)
