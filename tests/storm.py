"""The clients of test_storm: processes of their own, killed at random."""

import contextlib
import os
import queue
import random
import threading

from labkit import connect, errors

THREADS = 4
GIVEN_UP = (errors.LabkitError, EOFError, OSError)


def produce(letters, orders, log):
    """Put the batches that come through a pipe; log each after it was accepted."""
    while True:
        try:
            first, count = orders.recv()
        except EOFError:
            return
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
            letters._client.connection.sock.shutdown(2)  # as a bad cable would


def main(role, address, key, path, orders):
    """Be one process of clients, until the pipe `orders` ends."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    letters = connect(address, key, retry_for=60).get_queue("letters")
    if role == "producer":
        produce(letters, orders, log)
        return
    for _ in range(THREADS):
        threading.Thread(target=work, args=(letters, log), daemon=True).start()
    with contextlib.suppress(EOFError):
        orders.recv()
    os._exit(0)
