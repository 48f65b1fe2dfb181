"""Take items from a queue, and print each as a line of JSON.

It ends when none has come for 5 seconds; with --forever, at Ctrl-C. An item goes back
to the queue if this command dies before its line is written. What JSON cannot hold is
printed as {"repr": "..."}.

    python3 -m labkit consume --connect :5555 --key-file lab.key --idle 1
"""

import queue
import time

from labkit.commands import common
from labkit.errors import ReceiptError
from labkit.jobs import to_json


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    common.add_server(add)
    idle = "stop when no item has come for so many seconds (5)"
    add("--idle", type=common.seconds, default=5.0, metavar="S", help=idle)
    add("--forever", action="store_true", help="go on until Ctrl-C")


def run(options: common.Options) -> None:
    """Print items until none comes; whatever happens, say how many."""
    (source,) = common.open_queues(options, options.queue)
    say, count, begin = options.say, 0, time.monotonic()
    if options.forever:
        say(f"Printing the items of {options.queue!r} until you press Ctrl-C.")
    try:
        while True:
            try:
                receipt, item = common.take(source, options.idle)
            except queue.Empty:
                if options.forever:
                    continue
                break
            except common.GONE:
                say("The server has ended. No item was in hand.")
                break
            try:
                common.show(to_json(item))
            except OSError:
                source.nack(receipt) if receipt else source.put(item)
                raise
            count += 1
            try:
                common.done(source, receipt)
            except (ReceiptError, *common.GONE) as error:
                say(f"Item {count} is printed, and may be handed out again: {error}")
                if not (options.retry_for or isinstance(error, ReceiptError)):
                    raise
    finally:
        what, spent_s = common.count_of(count, "item"), time.monotonic() - begin
        say(f"Took {what} from {options.queue!r} in {spent_s:.1f} s.")
