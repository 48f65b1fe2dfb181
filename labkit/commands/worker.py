"""Take tasks from a queue, do a job with each, and put the record into another queue.

Each process says in the end how it ended. One that dies is replaced, and its task goes
back to the queue. Ctrl-C or SIGTERM: finish the tasks in hand, then stop; a second one
stops at once. When the server ends the processes stop, with exit code 0 if no task was
in hand.

    python3 -m labkit worker --connect :5555 --key-file lab.key --workers 3
"""

import contextlib
import multiprocessing
import os
import signal
import sys
from functools import partial
from multiprocessing import connection
from typing import Any

from labkit import supervised
from labkit.commands import common
from labkit.errors import LabkitError, ReceiptError
from labkit.jobs import load_job, perform, record_of

ENDED = 100  # and one of the command's codes: a process that ended on purpose
spawn = multiprocessing.get_context("spawn")


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    common.add_server(add)
    job = "function to call with a task; or square (the default), letters, log_lines"
    visibility = "seconds until a task in hand goes to another worker (%(default)g)"
    add("--workers", type=common.number, default=1, metavar="N", help="processes (1)")
    add("--job", default="square", metavar="MODULE:FUNCTION", help=job)
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")
    some = common.within(float, 0.1, 10**9)
    add("--visibility", type=some, default=600.0, metavar="S", help=visibility)


def run(options: common.Options) -> int:  # noqa: C901 - and what signals do
    """Find out once what is wrong; then keep so many processes running."""
    load_job(options.job)
    common.open_queues(options, options.queue, options.results)
    running, codes, stopping = dict[Any, Any](), [common.DONE], False

    def stop(*_: object) -> None:
        nonlocal stopping
        if stopping:  # the second signal: the processes end with us
            os._exit(common.INTERRUPTED)
        stopping = True
        for process in running.values() if os.name == "posix" else ():
            process.terminate()  # Windows sends Ctrl-C to all of them

    def start() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # while it starts, for it, too
        process = spawn.Process(target=_work, args=(options,))
        process.start()
        running[process.sentinel] = process
        signal.signal(signal.SIGINT, stop)
        if stopping:  # since it began to start
            process.terminate()

    signal.signal(signal.SIGTERM, stop)
    for _ in range(options.workers):
        start()
    while running:
        for sentinel in connection.wait(running, common.POLL_S):
            process = running.pop(sentinel)
            process.join()
            if 0 <= (code := process.exitcode - ENDED) <= common.NO_SERVER:
                codes.append(code)
            elif not stopping:
                died = f"Process {process.pid} died (exit code {process.exitcode})."
                options.say(f"{died} Another takes its place.")
                start()
    return max(codes)


def _work(options: common.Options) -> None:
    """Do tasks until a signal or the end of the server; say how it ended."""
    is_busy, stopping, done, failed, in_hand = False, False, 0, 0, ""

    def stop(*_: object) -> None:
        nonlocal stopping
        is_idle, stopping = not (is_busy or stopping), True
        if is_idle:  # it is waiting for a task
            raise KeyboardInterrupt

    supervised.end_with_parent()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, stop)
    code, ending = common.DONE, "Stopped."
    try:
        job = load_job(options.job)
        tasks, results = common.open_queues(options, options.queue, options.results)
        again = partial(common.again, options)
        while not stopping:
            receipt, item = again(common.take, tasks, None, options.visibility)
            is_busy, in_hand = True, str(record_of(item).get("id", repr(item)))
            record = perform(job, item)
            # Delivered twice at worst: a master drops what it has by its id.
            again(results.put, record)
            done, failed = done + 1, failed + ("error" in record)
            in_hand = ""  # a master that has all results may end at once
            with contextlib.suppress(ReceiptError):  # it was handed out again
                again(common.done, tasks, receipt)
            is_busy = False
    except KeyboardInterrupt:
        pass
    except common.GONE:
        ending = "The server has ended."
        if in_hand:
            code = common.NO_SERVER
            ending += f" The result of task {in_hand:.40} was not delivered."
    except LabkitError as error:
        code, ending = common.BAD_INPUT, str(error)
    except Exception as error:  # noqa: BLE001 - a plain server may raise anything
        code, ending = common.FAILED, f"A process failed: {error!r}."
    is_busy = True  # no signal interrupts its last words
    of_them = f", {failed:,} of them failed" if failed else ""
    options.say(f"{ending} {common.count_of(done, 'task')} done{of_them}.")
    sys.exit(ENDED + code)
