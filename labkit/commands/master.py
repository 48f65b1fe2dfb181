"""Put a task into a queue for each line of JSON, and print what became of each.

A line of JSON is printed for each task that is done: id, task, and result or error.
All input is read first.

    python3 -m labkit master --demo --connect :5555 --key-file lab.key
"""

import contextlib
import queue
import random
import secrets
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from labkit.commands import common
from labkit.errors import NotOfferedError, ReceiptError
from labkit.jobs import WORN_OUT, to_json


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    common.add_server(add)
    add("files", metavar="FILE", nargs="*", help=common.FILES)
    add("--demo", action="store_true", help="ten random numbers, to be squared")
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")


def run(options: common.Options) -> int:
    """Hand out tasks, and print records; whatever happens, say how far it came."""
    demo = options.demo and random.sample(range(10_001), 10)
    given = demo or common.read_items(options.files)
    # All of the input first: nothing is handed out if a line of it is malformed.
    run = secrets.token_hex(4)  # so that no record of an earlier run is ours
    waiting = {n: {"run": run, "id": n, "task": t} for n, t in enumerate(given, 1)}
    total, failed, begin = len(waiting), 0, time.monotonic()
    queues = common.open_queues(options, options.queue, options.results)
    options.say(f"Handing out {common.count_of(total, 'task')}; workers do them.")
    try:
        for record in hand_out(options, run, waiting, *queues):
            failed += "error" in record
            del record["run"]
            common.show(to_json(record))
    finally:
        of_them = f", {failed:,} of them failed" if failed else ""
        ended = f"{total - len(waiting):,} of {total:,} tasks done{of_them}"
        options.say(f"{ended}, in {time.monotonic() - begin:.1f} s.")
    return common.FAILED if failed else common.DONE


def hand_out(
    options: common.Options, run: str, waiting: dict[int, Any], tasks: Any, results: Any
) -> Iterator[dict[str, Any]]:
    """Put tasks and take results in turns; yield one record of each as they come.

    A worker that dies after it gave its result, and before it acknowledged the task,
    makes another do it again: the second record of a task is dropped.
    """
    unsent = deque(waiting.values())
    while waiting:
        with contextlib.suppress(queue.Full):
            while unsent:
                common.again(options, tasks.put, unsent[0], block=False)
                unsent.popleft()
        try:
            receipt, record = common.again(options, common.take, results, common.POLL_S)
        except queue.Empty:
            with contextlib.suppress(NotOfferedError):  # a plain server gives none up
                for dead in tasks.dead_letters():
                    is_ours = isinstance(dead, dict) and dead.get("run") == run
                    if is_ours and waiting.pop(dead["id"], None):
                        yield {**dead, "error": WORN_OUT}
            continue
        if not isinstance(record, dict) or record.get("run") != run:
            options.say("Dropped a result of another run: give each its own --results.")
        elif waiting.pop(record["id"], None):
            yield record
        with contextlib.suppress(ReceiptError):  # too late: it will come again
            common.again(options, common.done, results, receipt)
