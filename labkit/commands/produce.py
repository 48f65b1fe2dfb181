"""Put one item into a queue for each line of JSON that is read.

echo '{"tea": 2}' | python -m labkit produce --connect :5555 --key-file lab.key
"""

import argparse
import queue
import time

from labkit.commands import common

REPORT_EVERY_S = 5.0


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser("produce", __doc__)
    parser.add_server()
    parser.add_argument("files", metavar="FILE", nargs="*", help=common.FILES)
    return parser.run(_produce, argv)


def _produce(options: argparse.Namespace) -> None:
    """Put everything; whatever happens, say how much it was."""
    (target,) = common.open_queues(options, options.queue)
    count, begin = 0, time.monotonic()
    try:
        for item in common.read_items(options.files):
            while True:
                try:
                    target.put(item, timeout=REPORT_EVERY_S)
                    break
                except queue.Full:
                    full = f"The queue {options.queue!r} is full."
                    options.say(f"{full} Waiting for a consumer.")
            count += 1
    finally:
        what, spent_s = common.count_of(count, "item"), time.monotonic() - begin
        options.say(f"Put {what} into {options.queue!r} in {spent_s:.1f} s.")
