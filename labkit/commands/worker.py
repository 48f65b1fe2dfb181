"""``python -m labkit worker``: processes that do the tasks of a queue.

Each takes a task, does it, puts the record of it and acknowledges. This command keeps
them running: a process that dies is replaced, and its task goes back to the queue.
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import queue
import signal
from functools import partial
from multiprocessing import connection, resource_tracker

from labkit import setup, supervised
from labkit.commands import common
from labkit.errors import ReceiptError
from labkit.jobs import load_job, perform, record_of

POLL_S = 0.5  # Windows cannot interrupt a longer wait
HAS_MASK = hasattr(signal, "pthread_sigmask")  # not so on Windows
STOPS = (signal.SIGINT, signal.SIGTERM)
spawn = multiprocessing.get_context("spawn")
say = partial(setup.say, who="labkit worker")
above_zero = common.checked(float, lambda s: 0 < s < math.inf, "a number above 0")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser(
        "worker",
        "Take tasks from a queue, do a job with each, and put what became of it into\n"
        "another queue. A task goes back to the queue if its worker dies. Ctrl-C or\n"
        "SIGTERM: finish the tasks in hand, then stop; a second one stops at once.\n"
        "When the server ends it stops, with exit code 0 if no task was in hand.",
        "python -m labkit worker --connect 127.0.0.1:5555 --key-file lab.key "
        "--workers 3",
    )
    parser.add_server()
    add = parser.add_argument
    job = "function to call with a task; or square (the default), letters, log_lines"
    visibility = "seconds until a task in hand goes to another worker (%(default)g)"
    idle = "stop after S seconds without a task"
    add("--workers", type=common.number, default=1, metavar="N", help="processes (1)")
    add("--job", default="square", metavar="MODULE:FUNCTION", help=job)
    add("--queue", default="tasks", metavar="NAME", help="of tasks (%(default)s)")
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")
    add("--visibility", type=above_zero, default=600.0, metavar="S", help=visibility)
    add("--idle", type=common.seconds, default=math.inf, metavar="S", help=idle)
    return parser.run(_worker, argv)


def _worker(options: argparse.Namespace) -> int:
    """Find out once what is wrong; then keep so many processes running."""
    load_job(options.job)
    manager = common.connect(options)
    common.open_queue(manager, options.queue)
    common.open_queue(manager, options.results)
    workers, stopping = list[Worker](), False

    def stop(*_: object) -> None:
        nonlocal stopping
        if stopping:  # the second signal: the processes end with us
            os._exit(common.INTERRUPTED)
        stopping = True
        for worker in workers if HAS_MASK else ():
            worker.terminate()  # Windows sends Ctrl-C to all of them

    def start(count: int) -> None:
        _mask(signal.SIG_BLOCK)  # a process that is starting would die of it
        for _ in range(0 if stopping else count):
            workers.append(Worker(options))
            workers[-1].start()
        _mask(signal.SIG_UNBLOCK)

    for signum in STOPS:
        signal.signal(signum, stop)
    start(options.workers)
    while running := {w.sentinel: w for w in workers if w.is_alive()}:
        for sentinel in connection.wait(running, POLL_S):
            worker = running[sentinel]
            if worker.has_died() and not stopping:
                say(f"{worker.death()} Another takes its place.")
                start(1)
    say(_summary(workers))
    return max(worker.code for worker in workers)


def _summary(workers: "list[Worker]") -> str:
    endings = dict.fromkeys(worker.ending for worker in workers if worker.ending)
    done, failed = (sum(worker.counts[n] for worker in workers) for n in (0, 1))
    of_them = f", {failed:,} of them failed." if failed else "."
    return " ".join([*endings, f"{common.count_of(done, 'task')} done{of_them}"])


def _mask(how: int) -> None:
    if HAS_MASK:
        resource_tracker.ensure_running()  # started later, it would undo the mask
        signal.pthread_sigmask(how, STOPS)


def _server_ended(options: argparse.Namespace, in_hand: str) -> tuple[int, str]:
    from labkit.manager import shown

    ended = f"The server at {shown(options.connect)} has ended."
    if not in_hand:
        return common.DONE, ended
    return common.NO_SERVER, f"{ended} The result of {in_hand} was not delivered."


class Worker(spawn.Process):  # type: ignore[name-defined,misc]
    """A process that does tasks, counts them, and reports in the end how it ended."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.options = options
        self.counts = spawn.RawArray("Q", 2)  # done, failed
        self.report, self._report = spawn.Pipe(duplex=False)
        self.code, self.ending = common.DONE, ""

    def has_died(self) -> bool:
        """Wait for the end; tell whether it came without a report."""
        self.join()
        if self.report.poll():
            self.code, self.ending = self.report.recv()
        return not self.ending

    def death(self) -> str:
        """Say what ended it."""
        cause = f"exit code {self.exitcode}"
        with contextlib.suppress(ValueError):  # not a signal of this system
            cause = signal.Signals(-self.exitcode).name
        return f"Process {self.pid} died ({cause})."

    def run(self) -> None:
        """Do tasks until a signal, a long pause, or the end of the server."""
        in_hand, is_busy, stopping, options = "", False, False, self.options

        def stop(*_: object) -> None:
            nonlocal stopping
            is_idle, stopping = not (is_busy or stopping), True
            if is_idle:  # it is waiting for a task
                raise KeyboardInterrupt

        supervised.end_with_parent()
        for signum in STOPS:
            signal.signal(signum, stop)
        report = (common.FAILED, "A process failed.")
        try:
            _mask(signal.SIG_UNBLOCK)
            job, retry = load_job(options.job), options.retry_for
            patiently = partial(common.patiently, retry_for=retry, again=True)
            manager = common.connect(options)
            tasks = common.open_queue(manager, options.queue)
            results = common.open_queue(manager, options.results)
            idle = None if options.idle == math.inf else options.idle
            take = partial(common.take, tasks, idle, options.visibility)
            while not stopping:
                receipt, item = patiently(take)
                is_busy = True
                name = repr(record_of(item).get("id", item))
                in_hand = f"task {name if len(name) <= 40 else name[:37] + '...'}"
                record = perform(job, item)
                # Delivered twice at worst: a master drops what it has by its id.
                patiently(partial(results.put, record))
                self.counts[0] += 1
                self.counts[1] += "error" in record
                in_hand = ""  # a master that has all results may end at once
                with contextlib.suppress(ReceiptError):  # it was handed out again
                    patiently(partial(common.done, tasks, receipt))
                is_busy = False
            report = (common.DONE, "Stopped.")
        except KeyboardInterrupt:
            report = (common.DONE, "Stopped.")
        except queue.Empty:
            report = (common.DONE, f"No task came for {options.idle:g} s.")
        except common.GONE:
            report = _server_ended(options, in_hand)
        except Exception as error:  # noqa: BLE001 - or verdict raises it
            report = common.verdict(error)
        finally:
            self._report.send(report)
