"""``python -m labkit produce``: put lines of JSON, or of text, into a queue."""

import argparse
import math
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from labkit.commands import common

REPORT_EVERY_S = 5.0
say = partial(common.say, "produce")


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
    room = "give up when there is no room for so many seconds"
    add("--timeout", type=common.seconds, default=math.inf, metavar="S", help=room)
    options = parser.parse_args(argv)
    return common.run("produce", lambda: _produce(options))


def _produce(options: argparse.Namespace) -> int:
    """Put everything; whatever happens, say how much it was."""
    target = common.open_queue(common.connect(options), options.queue)
    count, skipped, begin = 0, 0, time.monotonic()

    def skip(sentence: str) -> None:
        nonlocal skipped
        skipped += 1
        say(f"{sentence} Skipped.")

    try:
        for batch in _batches(common.read_items(options, skip), options.batch):
            # A plain server has put() alone.
            put = target.put if len(batch) == 1 else target.put_many
            _put(partial(put, batch[0] if len(batch) == 1 else batch), options, count)
            count += len(batch)
    finally:
        items, spent_s = common.count_of(count, "item"), time.monotonic() - begin
        lines = common.count_of(skipped, "malformed line")
        tail = f" Skipped {lines}." if skipped else ""
        say(f"Put {items} into {options.queue!r} in {spent_s:.1f} s.{tail}")
    return common.DONE


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) >= size:
                full, batch = batch, []
                yield full
    finally:  # what precedes a bad line is put before its error is raised
        if batch:
            yield batch


def _put(put: Callable[..., None], options: argparse.Namespace, count: int) -> None:
    """Put; wait while the queue is full, and say so."""
    name, until = options.queue, time.monotonic() + options.timeout
    while True:
        wait_s = max(0, min(until - time.monotonic(), REPORT_EVERY_S))
        try:
            return common.patiently(partial(put, timeout=wait_s), options.retry_for)
        except queue.Full:
            if time.monotonic() >= until:
                raise TimeoutError(
                    f"The queue {name!r} was full for {options.timeout:g} s. Start a "
                    f"consumer, and go on after item {count}."
                ) from None
            say(f"The queue {name!r} is full. Waiting for a consumer.")
