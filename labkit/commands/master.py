"""``python -m labkit master``: hand out tasks, and print what became of each."""

import argparse
import contextlib
import math
import queue
import random
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from labkit.commands import common
from labkit.errors import NotOfferedError, ReceiptError
from labkit.jobs import WORN_OUT

POLL_S = 0.5
REPORT_EVERY_S = 3.0
SEND_AT_ONCE = 100  # then it looks for results, which take room too
say = partial(common.say, "master")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser(
        "master",
        "Put one task into a queue for each line of JSON that is read, and print a\n"
        "line of JSON for each that is done: id, task, and result or error. Hosts the\n"
        "queues itself, unless --connect names a server. Reads all its input first;\n"
        "from a terminal, it takes the tasks of --demo.",
        "python -m labkit master --demo --port 5555 --key-file lab.key",
    )
    parser.add_server(required=False)
    parser.add_input()
    add = parser.add_argument
    add("--demo", action="store_true", help="ten random numbers, to be squared")
    add("--host", metavar="HOST", help="interface to serve at (127.0.0.1)")
    add(
        "--port", type=common.port, metavar="PORT", help="port to serve at (a free one)"
    )
    add("--queue", default="tasks", metavar="NAME", help="of tasks (%(default)s)")
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")
    add("--ordered", action="store_true", help="results in the order of the tasks")
    limit: Any = {"type": common.seconds, "default": math.inf, "metavar": "S"}
    add("--timeout", help="give up after S seconds", **limit)
    options = parser.parse_args(argv)
    if options.connect and (options.host or options.port):
        parser.error("--connect names a server, --host and --port make one: give one")
    return common.run("master", lambda: _master(options))


def _master(options: argparse.Namespace) -> int:
    if options.demo or (not options.files and sys.stdin.isatty()):
        given = iter(random.sample(range(10_001), 10))
    else:
        given = common.read_items(options, lambda line: say(f"{line} Skipped."))
    # All of the input first: nothing is handed out if a line of it is malformed.
    table = TaskTable(given, ordered=options.ordered)
    begin = time.monotonic()
    with _manager(options) as manager:
        tasks = common.open_queue(manager, options.queue)
        results = common.open_queue(manager, options.results)
        try:
            for record in hand_out(table, tasks, results, options):
                common.emit(record)
        finally:
            say(f"{table.summary()}, in {time.monotonic() - begin:.1f} s.")
    return common.FAILED if table.failed else common.DONE


@contextlib.contextmanager
def _manager(options: argparse.Namespace) -> Iterator[Any]:
    from labkit.manager import read_key_file, shown, write_key_file
    from labkit.servers import start_server

    if options.connect:
        yield common.connect(options)
        return
    if not Path(options.key_file).exists():
        write_key_file(options.key_file)
    key = read_key_file(options.key_file)
    address = (options.host or "127.0.0.1", options.port or 0)
    with start_server(address, key, name="master") as server:
        where = f"--connect {shown(server.address)} --key-file {options.key_file}"
        say(f"Start workers with: python -m labkit worker {where}")
        yield server.connect()


class TaskTable:
    """Every task of one run, from the first to its one record.

    A worker that dies after it gave its result, and before it acknowledged the task,
    makes another do it again: the second record of a task is dropped.
    """

    def __init__(self, tasks: Iterable[Any], *, ordered: bool = False) -> None:
        run = secrets.token_hex(4)  # so that no record of an earlier run is ours
        self.open = {
            n: {"run": run, "id": n, "task": task} for n, task in enumerate(tasks, 1)
        }
        self.run, self.total = run, len(self.open)
        self.failed = self.twice = self.strangers = 0
        self._ordered, self._held, self._next = ordered, dict[int, Any](), 1

    def enter(self, record: Any) -> Iterator[dict[str, Any]]:
        """Take what came from the queue of results; yield what is to be printed."""
        if not isinstance(record, dict) or record.get("run") != self.run:
            self.strangers += 1
        elif record["id"] not in self.open:
            self.twice += 1
        else:
            del self.open[record["id"]]
            self.failed += "error" in record
            place = record["id"] if self._ordered else self._next
            self._held[place] = {k: v for k, v in record.items() if k != "run"}
            while self._next in self._held:
                yield self._held.pop(self._next)
                self._next += 1

    def give_up(self, numbers: Iterable[int], error: str) -> Iterator[dict[str, Any]]:
        """Enter an error for tasks that will have no other record."""
        for item in [self.open[n] for n in numbers if n in self.open]:
            yield from self.enter({**item, "error": error})

    def summary(self) -> str:
        """Return the numbers."""
        hint = (
            "results of other runs dropped (give each master its own --results queue)"
        )
        counts = {
            "of them failed": self.failed,
            "done twice, shown once": self.twice,
            hint: self.strangers,
        }
        done = f"{self.total - len(self.open):,} of {self.total:,} tasks done"
        more = [f"{count:,} {what}" for what, count in counts.items() if count]
        return ", ".join([done, *more])


def hand_out(
    table: TaskTable, tasks: Any, results: Any, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Put tasks and take results in turns; yield the records as they come."""
    # Put or done twice at worst: a second record is dropped.
    patiently = partial(common.patiently, retry_for=options.retry_for, again=True)
    begin = reported = time.monotonic()
    unsent = deque(table.open.values())
    while table.open:
        is_full = False
        for _ in range(min(len(unsent), SEND_AT_ONCE)):
            try:
                patiently(partial(tasks.put, unsent[0], block=False))
            except queue.Full:
                is_full = True
                break
            unsent.popleft()
        wait_s = POLL_S if is_full or not unsent else 0
        with contextlib.suppress(queue.Empty):
            receipt, record = patiently(partial(common.take, results, wait_s))
            yield from table.enter(record)
            with contextlib.suppress(ReceiptError):  # too late: it will come again
                patiently(partial(common.done, results, receipt))
        now = time.monotonic()
        if now - begin >= options.timeout:
            error = f"no result within {options.timeout:g} s"
            yield from table.give_up(list(table.open), error)
        elif table.open and now - reported >= REPORT_EVERY_S:
            yield from table.give_up(_report(table, tasks, patiently), WORN_OUT)
            reported = now


def _report(table: TaskTable, tasks: Any, patiently: Any) -> list[int]:
    """Say what is going on; return the numbers of tasks that the server gave up."""
    waiting = f"Waiting for {common.count_of(len(table.open), 'task')}"
    try:
        stats = patiently(tasks.stats)
    except NotOfferedError:  # a plain server keeps no account
        say(f"{waiting}; {patiently(tasks.qsize):,} still in the queue.")
        return []
    workers = common.count_of(stats.unacked + stats.waiting_consumers, "worker")
    say(
        f"{waiting}: {stats.depth:,} in the queue, {stats.unacked:,} in hand; "
        f"{workers} connected."
    )
    dead = tasks.dead_letters() if stats.dead else []
    return [d["id"] for d in dead if isinstance(d, dict) and d.get("run") == table.run]
