"""``python -m labkit produce``: put lines of JSON, or of text, into a queue."""

import argparse
import functools
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

from labkit.commands import cli
from labkit.errors import NotOfferedError

__all__ = ["main"]

REPORT_EVERY_S = 5.0


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = cli.Parser(
        "produce",
        "Put one item into a queue for each line of JSON that is read.",
        """echo '{"tea": 2}' | python -m labkit produce """
        "--connect 127.0.0.1:5555 --key-file lab.key",
    )
    parser.add_server()
    parser.add_input()
    add = parser.add_argument
    add("--queue", default="tasks", metavar="NAME", help="the queue (%(default)s)")
    add("--batch", type=cli.number, default=1, metavar="N", help="items per call (1)")
    add("--timeout", type=cli.seconds, metavar="S", help="wait so long for room")
    options = parser.parse_args(argv)
    return cli.run("produce", _Producer(options).run)


class _Producer:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.count = self.skipped = 0

    def run(self) -> int:
        """Put everything; whatever happens, say how much it was."""
        from labkit.commands import clients

        manager = clients.connect(self.options)
        self.queue = clients.open_queue(manager, self.options.queue)
        advance = cli.progress(None, "items")
        begin = time.monotonic()
        try:
            for batch in self._batches():
                self._put(batch)
                advance(len(batch))
        finally:
            self._sum_up(time.monotonic() - begin)
        return cli.Exit.DONE

    def _sum_up(self, spent_s: float) -> None:
        items = cli.count_of(self.count, "item")
        sentence = f"put {items} into {self.options.queue!r} in {spent_s:.1f} s"
        if self.skipped:
            sentence += f"; skipped {cli.count_of(self.skipped, 'malformed line')}"
        cli.say("produce", sentence)

    def _batches(self) -> Iterator[list[Any]]:
        """Yield the input in batches; what precedes a bad line, before its error."""
        batch: list[Any] = []
        try:
            for item in cli.read_items(self.options, self._skip):
                batch.append(item)
                if len(batch) >= self.options.batch:
                    yield batch
                    batch = []
        except (ValueError, OSError):
            if batch:
                yield batch
            raise
        if batch:
            yield batch

    def _skip(self, sentence: str) -> None:
        cli.say("produce", f"{sentence}; skipped")
        self.skipped += 1

    def _put(self, batch: list[Any]) -> None:
        if len(batch) > 1:
            try:
                self._wait_for_room(functools.partial(self.queue.put_many, batch))
            except NotOfferedError:
                pass  # a plain server: one by one, below
            else:
                self.count += len(batch)
                return
        for item in batch:
            self._wait_for_room(functools.partial(self.queue.put, item))
            self.count += 1

    def _wait_for_room(self, put: Callable[..., None]) -> None:
        from labkit.commands.clients import patiently

        wait_s = self.options.timeout
        until = None if wait_s is None else time.monotonic() + wait_s
        while True:
            left = REPORT_EVERY_S if until is None else until - time.monotonic()
            call = functools.partial(put, timeout=max(0, min(left, REPORT_EVERY_S)))
            try:
                patiently(call, self.options.retry_for)
            except queue.Full:
                self._still_full(until)
            else:
                return

    def _still_full(self, until: float | None) -> None:
        name = self.options.queue
        if until is not None and time.monotonic() >= until:
            raise cli.UnfinishedError(
                f"the queue {name!r} was full for {self.options.timeout:g} s: start "
                f"a consumer, and go on after item {self.count}"
            )
        cli.say("produce", f"the queue {name!r} is full; waiting for a consumer")
