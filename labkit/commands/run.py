"""Do the jobs of a file, on the engine of your choice.

What became of each task is printed as a line of JSON: name, id, task, and result or
error, in the order of the file. The same file gives the same results on every engine:

  manager           a manager server and worker processes, here (the default)
  dask              a Dask cluster of processes, here
  tcp://HOST:PORT   a Dask scheduler that runs elsewhere; tls:// for an encrypted one

The file is TOML, with a table for each job:

  [squares]
  job = "square"            # or letters, log_lines, MODULE:FUNCTION
  tasks = [1, 2, 3]         # or files = ["logs/*.log"], handed over as paths

    python -m labkit run jobs.toml
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from labkit import setup
from labkit.commands import common


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser("run", __doc__)
    add = parser.add_argument
    tls = "ca.pem, cert.pem, key.pem: Dask encrypts, and asks for certificates"
    count = "processes (one a processor)"
    add("file", metavar="JOBFILE", type=Path, help="what is to be done")
    add("--engine", default="manager", metavar="ENGINE", help="(%(default)s)")
    add("--workers", type=common.number, metavar="N", help=count)
    add("--tls", type=Path, metavar="FOLDER", help=tls)
    return parser.run(_run, argv)


def _run(options: argparse.Namespace) -> int:
    from labkit import jobs

    say = partial(setup.say, who="labkit run")
    folder = options.file.resolve().parent
    sys.path.insert(0, str(folder))  # a job may come from a module beside the file
    works, where = jobs.read_job_file(options.file), {"folder": folder, "say": say}
    done, failed, begin = 0, 0, time.monotonic()
    count, tls = options.workers, options.tls
    for record in jobs.run(works, options.engine, workers=count, tls=tls, **where):
        common.emit(record)
        done += 1
        failed += "error" in record
    of_them = f", {failed:,} of them failed" if failed else ""
    spent_s = time.monotonic() - begin
    say(f"{common.count_of(done, 'task')} done{of_them}, in {spent_s:.1f} s.")
    return common.FAILED if failed else common.DONE
