"""``python -m labkit produce``: put lines of JSON, or of text, into a queue."""

import argparse
import itertools
import queue
import time
from functools import partial

from labkit import setup
from labkit.commands import common

REPORT_EVERY_S = 5.0
say = partial(setup.say, who="labkit produce")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser(
        "produce",
        "Put one item into a queue for each line of JSON that is read.",
        """echo '{"tea": 2}' | python -m labkit produce """
        "--connect 127.0.0.1:5555 --key-file lab.key",
    )
    parser.add_server()
    parser.add_input()
    add = parser.add_argument
    add("--queue", default="tasks", metavar="NAME", help="the queue (%(default)s)")
    add("--batch", type=common.number, default=1, metavar="N", help="items a call (1)")
    return parser.run(_produce, argv)


def _produce(options: argparse.Namespace) -> int:
    """Put everything; whatever happens, say how much it was."""
    target = common.open_queue(common.connect(options), options.queue)
    count, begin, items = 0, time.monotonic(), common.read_items(options)
    try:
        while batch := [*itertools.islice(items, options.batch)]:
            if options.batch == 1:  # a plain server has no put_many()
                _put(partial(target.put, batch[0]), options)
            else:
                _put(partial(target.put_many, batch), options)
            count += len(batch)
    finally:
        what, spent_s = common.count_of(count, "item"), time.monotonic() - begin
        say(f"Put {what} into {options.queue!r} in {spent_s:.1f} s.")
    return common.DONE


def _put(put: "partial[None]", options: argparse.Namespace) -> None:
    """Put; wait while the queue is full, and say so."""
    wait = partial(put, timeout=REPORT_EVERY_S)
    while True:
        try:
            return common.patiently(wait, options.retry_for)
        except queue.Full:
            say(f"The queue {options.queue!r} is full. Waiting for a consumer.")
