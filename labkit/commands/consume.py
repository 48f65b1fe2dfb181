"""``python -m labkit consume``: take items and print them as lines of JSON."""

import argparse
import queue
import time
from typing import Any

from labkit.commands import cli, jsonlines
from labkit.errors import ReceiptError, ServerStoppedError

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = cli.Parser(
        "consume",
        "Take items from a queue and print each as a line of JSON. An item counts\n"
        "as taken once its line is written; until then it goes back to the queue if\n"
        'this command dies. What JSON cannot hold is printed as {"repr": "..."}.',
        "python -m labkit consume --connect 127.0.0.1:5555 --key-file lab.key --idle 1",
    )
    parser.add_server()
    add = parser.add_argument
    add("--queue", default="tasks", metavar="NAME", help="the queue (%(default)s)")
    add("--max", type=cli.number, metavar="N", help="stop after so many items")
    add(
        "--idle",
        type=cli.seconds,
        default=5.0,
        metavar="S",
        help="stop when no item came for so many seconds (5)",
    )
    add("--forever", action="store_true", help="do not stop for that")
    options = parser.parse_args(argv)
    return cli.run("consume", _Consumer(options).run)


class _Consumer:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.count = 0

    def run(self) -> int:
        """Print items until there are enough; whatever happens, say how many."""
        from labkit.commands import clients

        manager = clients.connect(self.options)
        source = clients.open_queue(manager, self.options.queue)
        self.intake = clients.Intake(source)
        advance = cli.progress(None, "items")
        begin = time.monotonic()
        try:
            while self.count != self.options.max and self._one():
                advance(1)
        finally:
            items, name = cli.count_of(self.count, "item"), self.options.queue
            spent_s = time.monotonic() - begin
            cli.say("consume", f"took {items} from {name!r} in {spent_s:.1f} s")
        return cli.Exit.DONE

    def _one(self) -> bool:
        """Take and print one item; False when no more will come."""
        try:
            receipt, item = self._take()
        except queue.Empty:
            return bool(self.options.forever)
        except cli.GONE:
            if self.options.max is not None:
                raise
            cli.say("consume", "the server has ended; no item was in hand")
            return False
        self._print(receipt, item)
        self.count += 1
        self._acknowledge(receipt)
        return True

    def _take(self) -> tuple[str | None, Any]:
        from labkit.commands.clients import patiently

        idle_s = self.options.idle
        return patiently(lambda: self.intake.take(idle_s), self.options.retry_for)

    def _acknowledge(self, receipt: str | None) -> None:
        try:
            self.intake.done(receipt)
        except ReceiptError as error:
            cli.say("consume", f"item {self.count}: {error}")
        except cli.GONE:
            sentence = (
                f"the server ended before it heard that item {self.count} is printed; "
                "one with a journal will hand it out again"
            )
            if not self.options.retry_for:
                raise ServerStoppedError(sentence) from None
            cli.say("consume", sentence)

    def _print(self, receipt: str | None, item: Any) -> None:
        try:
            jsonlines.emit(item)
        except (jsonlines.ReaderGoneError, OSError):
            self.intake.give_back(receipt, item)
            raise
