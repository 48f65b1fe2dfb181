"""07.4: each story is played on a real server, then compared with the prediction."""

import multiprocessing.connection
from multiprocessing.managers import BaseManager, listener_client

from labkit import buffered
from labkit.grader.fixtures import points

PREDICTS = "round_trips"
LETTERS = range(1000)


class _Counting(BaseManager):
    """A plain manager that counts its connections."""


_Counting.register("get_queue")


@points(2, "counts the calls of put()")
def test_put(prediction, mailbox):
    """Letters one by one; then lists of letters."""
    box = mailbox()
    for letter in LETTERS:
        box.put(letter)
    why = "Each put() waits for its answer."
    prediction.must_be("put, 1,000 letters one by one", len(box.calls), why)
    box.calls.clear()
    for start in range(0, 1000, 100):
        box.put(list(LETTERS[start : start + 100]))
    why = "A list is one item, and one call."
    prediction.must_be("put, 1,000 letters in lists of 100", len(box.calls), why)


@points(2, "counts the calls of put_many() and get_many()")
def test_many(prediction, mailbox):
    """All letters at once; then as many as come, until none is left."""
    box = mailbox()
    box.put_many(LETTERS)
    why = "The whole list goes in one call; the server makes items of it."
    prediction.must_be("put_many, 1,000 letters", len(box.calls), why)
    box.calls.clear()
    while box.qsize():
        box.get_many(400)
    brought = ", ".join(str(count) for _, count in box.calls)
    why = f"The calls brought {brought}: it takes what is there, and does not wait."
    prediction.must_be("get_many(400) until 1,000 are out", len(box.calls), why)


@points(1, "counts the calls that a buffer makes")
def test_buffered(prediction, mailbox):
    """A buffer is closed when it is not full."""
    box = mailbox()
    with buffered(box, max_items=100, max_wait_s=60) as out:
        for letter in LETTERS[:250]:
            out.put(letter)
    took = ", ".join(str(count) for _, count in box.calls)
    why = f"The calls took {took} letters: leaving the block flushes."
    prediction.must_be("buffered, 250 letters, max_items=100", len(box.calls), why)


@points(1, "counts the connections of a new client")
def test_connections(prediction, server):
    """A new client connects, gets a proxy, and makes one call."""
    dialled = []

    def dial(*args, **options):
        dialled.append(args)
        return multiprocessing.connection.Client(*args, **options)

    listener_client["counting"] = (multiprocessing.connection.Listener, dial)
    manager = _Counting(server.address, server.authkey, serializer="counting")
    manager.connect()
    box = manager.get_queue("counted")
    box.qsize()
    why = (
        "connect() makes one and closes it, get_queue() three (to create, to count "
        "itself in, to count out what create counted), the first call one that stays."
    )
    prediction.must_be("connections up to a plain first answer", len(dialled), why)
