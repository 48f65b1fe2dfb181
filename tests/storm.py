"""The clients of test_storm: run as a program, killed at random."""

import os
import queue
import random
import sys
import threading

from labkit import connect, errors

THREADS = 4
GIVEN_UP = (errors.LabkitError, EOFError, OSError)


def produce(letters, log):
    """Put the batches named on standard input; log each after it was accepted."""
    for line in sys.stdin:
        first, count = map(int, line.split())
        while True:
            try:
                letters.put_many(range(first, first + count))
            except GIVEN_UP:
                continue  # perhaps put, perhaps not: twice is better than never
            break
        os.write(log, b"%d %d\n" % (first, count))


def work(letters, log):
    """Receive, log, acknowledge, for ever."""
    while True:
        try:
            receipt, number = letters.receive(30, timeout=5)
        except (queue.Empty, *GIVEN_UP):
            continue
        os.write(log, b"%d\n" % number)
        try:
            letters.ack(receipt)
        except GIVEN_UP:
            continue  # it may come again, and be logged again
        if random.random() < 0.002:
            letters._link._wire().sock.shutdown(2)  # as a bad cable would


def main():
    """Run one process of clients: ``storm.py ROLE PORT LOG``."""
    role, port, path = sys.argv[1:]
    key = bytes.fromhex(sys.stdin.readline())
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    letters = connect(("127.0.0.1", int(port)), key, retry_for=60).get_queue("letters")
    if role == "producer":
        produce(letters, log)
        return
    for _ in range(THREADS):
        threading.Thread(target=work, args=(letters, log), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
