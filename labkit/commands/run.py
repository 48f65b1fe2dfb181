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

    python3 -m labkit run jobs.toml
"""

import sys
import time
from pathlib import Path

from labkit import jobs
from labkit.commands import common


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    tls = "ca.pem, cert.pem, key.pem: Dask encrypts, and asks for certificates"
    add("file", metavar="JOBFILE", type=Path, help="what is to be done")
    add("--engine", default="manager", metavar="ENGINE", help="(%(default)s)")
    add("--workers", type=common.number, metavar="N", help="processes (one a core)")
    add("--tls", type=Path, metavar="FOLDER", help=tls)


def run(options: common.Options) -> int:
    """Do the jobs, print the records, and say how many there were."""
    folder = options.file.resolve().parent
    sys.path.insert(0, str(folder))  # a job may come from a module beside the file
    where = {"workers": options.workers, "tls": options.tls, "folder": folder}
    works, failed, begin = jobs.read_job_file(options.file), 0, time.monotonic()
    for record in jobs.run(works, options.engine, say=options.say, **where):
        common.show(jobs.to_json(record))
        failed += "error" in record
    done = common.count_of(sum(len(work.tasks) for work in works), "task")
    of_them = f", {failed:,} of them failed" if failed else ""
    options.say(f"{done} done{of_them}, in {time.monotonic() - begin:.1f} s.")
    return common.FAILED if failed else common.DONE
