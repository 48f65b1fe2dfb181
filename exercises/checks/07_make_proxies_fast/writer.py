"""A program of the checks: puts letters into the answer's outbox, and ends.

Told by a line of JSON on its standard input how many, and how it ends.
"""

import importlib.util
import json
import os
import sys
import threading

from labkit.manager import connect


def _main():
    job = json.loads(sys.stdin.readline())
    spec = importlib.util.spec_from_file_location("answer", job["answer"])
    answer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(answer)
    manager = connect(tuple(job["address"]), bytes.fromhex(job["key"]))
    outbox = answer.Outbox(manager.get_queue(job["mailbox"]), 100, 60)
    for number in range(job["letters"]):
        outbox.put(number)
    # From here on it should end by itself; os._exit asks no thread.
    watch = threading.Timer(2, os._exit, [job["stuck"]])
    watch.daemon = True
    watch.start()
    if job["fails"]:
        raise ValueError("out of ink")


if __name__ == "__main__":
    _main()
