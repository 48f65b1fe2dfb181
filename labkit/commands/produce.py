"""Put one item into a queue for each line of JSON that is read.

echo '{"tea": 2}' | python3 -m labkit produce --connect :5555 --key-file lab.key
"""

import queue
import time

from labkit.commands import common


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    common.add_server(add)
    add("files", metavar="FILE", nargs="*", help=common.FILES)


def run(options: common.Options) -> None:
    """Put everything; whatever happens, say how much it was."""
    (target,) = common.open_queues(options, options.queue)
    count, begin = 0, time.monotonic()
    try:
        for item in common.read_items(options.files):
            while True:
                try:
                    target.put(item, timeout=5.0)
                    break
                except queue.Full:
                    full = f"The queue {options.queue!r} is full."
                    options.say(f"{full} Waiting for a consumer.")
            count += 1
    finally:
        what, spent_s = common.count_of(count, "item"), time.monotonic() - begin
        options.say(f"Put {what} into {options.queue!r} in {spent_s:.1f} s.")
