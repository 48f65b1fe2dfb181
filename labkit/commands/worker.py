"""``python -m labkit worker``: processes that do the tasks of a queue.

Each has a thread here, which takes a task, has the process do it, puts the record and
acknowledges. The process does nothing but the job, so that this command knows which
task it had when it dies, and can be told to stop while a job runs.
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import queue
import signal
import threading
import time
from functools import partial
from multiprocessing import connection, resource_tracker
from typing import Any

from labkit import supervised
from labkit.commands import common
from labkit.errors import ReceiptError
from labkit.jobs import load_job, perform, record_of

POLL_S = 0.5  # how long a worker without a task may not hear that it shall stop
GRACE_S = 2.0  # how long the call of such a worker may hang, in a frozen server
STOPS = (signal.SIGINT, signal.SIGTERM)
HAS_MASK = hasattr(signal, "pthread_sigmask")  # not so on Windows
say = partial(common.say, "worker")
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
    options = parser.parse_args(argv)
    return common.run("worker", lambda: _worker(options))


def _worker(options: argparse.Namespace) -> int:
    """Find out once what is wrong; then run a thread for each process."""
    load_job(options.job)
    manager = common.connect(options)
    for name in (options.queue, options.results):
        common.open_queue(manager, name)
    stopping, stopped_at = threading.Event(), math.inf

    def stop(_signum: int, _frame: object) -> None:
        nonlocal stopped_at
        if stopping.is_set():  # the second signal: the processes end with us
            os._exit(common.INTERRUPTED)
        stopping.set()
        stopped_at = time.monotonic()

    if HAS_MASK:
        resource_tracker.ensure_running()  # started later, it would unblock signals
    for signum in STOPS:
        signal.signal(signum, stop)
    workers = [Worker(options, stopping) for _ in range(options.workers)]
    for worker in workers:
        worker.start()
    while alive := [worker for worker in workers if worker.is_alive()]:
        alive[0].join(POLL_S)  # Windows cannot interrupt a longer one
        is_late = time.monotonic() > stopped_at + GRACE_S
        if is_late and not any(worker.in_hand for worker in alive):
            break  # their calls hang, in a frozen server
    failed = sum(worker.failed for worker in workers)
    done = common.count_of(sum(worker.done for worker in workers), "task") + " done"
    done += f", {failed:,} of them failed." if failed else "."
    say(" ".join([*dict.fromkeys(worker.ending for worker in workers), done]))
    code = max(worker.code for worker in workers)
    if alive:
        os._exit(code)
    return code


class Worker(threading.Thread):
    """Take tasks, and have a process do them."""

    def __init__(self, options: argparse.Namespace, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self.options, self.stopping = options, stopping
        self.in_hand = ""
        self.done = self.failed = 0
        self.code, self.ending = common.DONE, "Stopped."

    def run(self) -> None:
        """Work; note how it ended."""
        from labkit.manager import shown

        if HAS_MASK:  # a process that is starting would die of Ctrl-C
            signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        self.start_process()
        try:
            self.work()
        except common.GONE:
            self.ending = f"The server at {shown(self.options.connect)} has ended."
            if self.in_hand:
                self.code = common.NO_SERVER
                self.ending += f" The result of {self.in_hand} was not delivered."
        except Exception as error:  # noqa: BLE001 - or verdict raises it
            self.code, self.ending = common.verdict(error)
        finally:
            self.pipe.close()
            self.process.join()

    def work(self) -> None:
        """Do tasks, until told to stop or until none has come for long enough."""
        options = self.options
        patiently = partial(common.patiently, retry_for=options.retry_for, again=True)
        manager = common.connect(options)
        tasks = common.open_queue(manager, options.queue)
        results = common.open_queue(manager, options.results)
        take = partial(common.take, tasks, POLL_S, options.visibility)
        idle_since = time.monotonic()
        while not self.stopping.is_set():
            try:
                receipt, item = patiently(take)
            except queue.Empty:
                if time.monotonic() - idle_since < options.idle:
                    continue
                self.ending = f"No task came for {options.idle:g} s."
                return
            name = repr(record_of(item).get("id", item))
            self.in_hand = f"task {name if len(name) <= 40 else name[:37] + '...'}"
            record = self.perform(item)
            if record is None and receipt is None:  # a plain server: no second try
                record = {**record_of(item), "error": "the worker's process died"}
            # Delivered twice at worst: a master drops what it has by its id.
            if record is not None:
                patiently(partial(results.put, record))
            self.in_hand, idle_since = "", time.monotonic()
            with contextlib.suppress(ReceiptError):  # it was handed out again meanwhile
                if record is None:
                    patiently(partial(tasks.nack, receipt))
                    continue
                self.done += 1
                self.failed += "error" in record
                patiently(partial(common.done, tasks, receipt))

    def start_process(self) -> None:
        """Start the process; spawned, for it must hold no copy of our pipe's end."""
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(self.options.job, theirs))
        self.process.start()
        theirs.close()

    def perform(self, item: Any) -> dict[str, Any] | None:
        """Return the record of a task; None if the process died, and is replaced."""
        with contextlib.suppress(EOFError, OSError):
            self.pipe.send(item)
            connection.wait([self.pipe, self.process.sentinel])
            if self.pipe.poll():
                return self.pipe.recv()  # type: ignore[no-any-return]
        self.process.join()
        code = self.process.exitcode or 0
        how = f"exit code {code}"
        with contextlib.suppress(ValueError):  # not a signal of this system
            how = signal.Signals(-code).name
        died = f"Process {self.process.pid} died ({how}) during {self.in_hand}."
        say(f"{died} Another takes its place.")
        self.pipe.close()
        self.start_process()
        return None


def serve(job: str, pipe: connection.Connection) -> None:
    """Do the tasks that come through the pipe, in a process; end with the parent."""
    supervised.end_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: None)  # the parent's, as Ctrl-C is
    if HAS_MASK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    function = load_job(job)
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(perform(function, pipe.recv()))
