"""A program of the checks: a function of the answer, in a process of its own.

Told what to do by a line of JSON. It says what it does on lines that begin with an @.
"""

import importlib.util
import json
import os
import signal
import sys
import threading
from pathlib import Path

from labkit.manager import connect

OURS = "@ "


class _Spied:
    """A queue that tells what is called on it, and may die of it."""

    def __init__(self, orders, dies_at):
        self._orders, self._dies_at = orders, dies_at

    def __getattr__(self, name):
        method = getattr(self._orders, name)

        def call(*args, **kwds):
            print(OURS + "call " + name)
            if name == self._dies_at:
                os.kill(
                    os.getpid(),
                    signal.SIGKILL if os.name == "posix" else signal.SIGTERM,
                )
            return method(*args, **kwds)

        return call


def _obey(may_end):
    for line in sys.stdin:
        if line == "go on\n":
            may_end.release()
        else:
            signal.raise_signal(signal.SIGTERM)


def _main():
    job = json.loads(sys.stdin.readline())
    spec = importlib.util.spec_from_file_location("answer", job["answer"])
    answer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(answer)
    manager = connect(tuple(job["address"]), bytes.fromhex(job["key"]))
    orders = _Spied(manager.get_queue(job["queue"]), job.get("dies_at"))
    may_end = threading.Semaphore(job.get("free", 0))
    threading.Thread(target=_obey, args=(may_end,), daemon=True).start()

    def work(order):
        print(f"{OURS}begin {order}")
        may_end.acquire()
        if "error" in job:
            raise {"bug": ZeroDivisionError, "link": ConnectionResetError}[job["error"]]
        print(f"{OURS}end {order}")

    args = [Path(job["ledger"])] if "ledger" in job else []
    sys.exit(getattr(answer, job["function"])(orders, work, *args, *job["args"]))


if __name__ == "__main__":
    _main()
