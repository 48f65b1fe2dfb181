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
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from labkit import setup
from labkit.commands import common
from labkit.errors import NotOfferedError, ReceiptError
from labkit.jobs import WORN_OUT

POLL_S = 0.5
REPORT_EVERY_S = 3.0
say = partial(setup.say, who="labkit master")


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
    add("--port", type=common.port, metavar="N", help="port to serve at (a free one)")
    add("--queue", default="tasks", metavar="NAME", help="of tasks (%(default)s)")
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")
    limit: Any = {"type": common.seconds, "default": math.inf, "metavar": "S"}
    add("--timeout", help="give up after S seconds", **limit)
    return parser.run(_master, argv)


def _master(options: argparse.Namespace) -> int:
    if options.connect and (options.host or options.port):
        raise ValueError("--connect names a server, --host and --port make one.")
    if options.demo or (not options.files and sys.stdin.isatty()):
        given = iter(random.sample(range(10_001), 10))
    else:
        given = common.read_items(options)
    # All of the input first: nothing is handed out if a line of it is malformed.
    run = secrets.token_hex(4)  # so that no record of an earlier run is ours
    waiting = {n: {"run": run, "id": n, "task": t} for n, t in enumerate(given, 1)}
    total, failed, begin = len(waiting), 0, time.monotonic()
    with _manager(options) as manager:
        tasks = common.open_queue(manager, options.queue)
        results = common.open_queue(manager, options.results)
        try:
            for record in hand_out(run, waiting, tasks, results, options):
                failed += "error" in record
                common.emit({k: v for k, v in record.items() if k != "run"})
        finally:
            of_them = f", {failed:,} of them failed" if failed else ""
            ended = f"{total - len(waiting):,} of {total:,} tasks done{of_them}"
            say(f"{ended}, in {time.monotonic() - begin:.1f} s.")
    return common.FAILED if failed else common.DONE


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


def hand_out(
    run: str,
    waiting: dict[int, dict[str, Any]],
    tasks: Any,
    results: Any,
    options: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Put tasks and take results in turns; yield one record of each as they come.

    A worker that dies after it gave its result, and before it acknowledged the task,
    makes another do it again: the second record of a task is dropped.
    """
    patiently = partial(common.patiently, retry_for=options.retry_for, again=True)
    take = partial(common.take, results, POLL_S)
    begin = reported = time.monotonic()
    unsent = deque(waiting.values())
    while waiting:
        with contextlib.suppress(queue.Full):
            while unsent:
                patiently(partial(tasks.put, unsent[0], block=False))
                unsent.popleft()
        with contextlib.suppress(queue.Empty):
            receipt, record = patiently(take)
            if not isinstance(record, dict) or record.get("run") != run:
                say("Dropped a result of another run: give each its own --results.")
            elif waiting.pop(record["id"], None):
                yield record
            with contextlib.suppress(ReceiptError):  # too late: it will come again
                patiently(partial(common.done, results, receipt))
        now, lost = time.monotonic(), dict[int, str]()
        if now - begin >= options.timeout:
            lost = dict.fromkeys(waiting, f"no result within {options.timeout:g} s")
        elif waiting and now - reported >= REPORT_EVERY_S:
            reported, dead = now, _report(len(waiting), tasks, patiently)
            lost = {one["id"]: WORN_OUT for one in dead if one.get("run") == run}
        for number in lost.keys() & waiting.keys():
            yield {**waiting.pop(number), "error": lost[number]}


def _report(count: int, tasks: Any, patiently: Any) -> list[dict[str, Any]]:
    """Say what is going on; return the tasks that the server has given up."""
    waiting = f"Waiting for {common.count_of(count, 'task')}"
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
    return [letter for letter in dead if isinstance(letter, dict)]
