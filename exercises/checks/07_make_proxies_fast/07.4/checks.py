"""07.4: each story is played on a real server, then compared with the prediction."""

import importlib
import multiprocessing.connection
from multiprocessing.managers import BaseManager, listener_client

from labkit.buffering import buffered

shared = importlib.import_module("exercises.checks.07_make_proxies_fast.post")
post = shared.post

LETTERS = range(1000)


class _Counting(BaseManager):
    """A plain manager that counts its connections."""


_Counting.register("get_queue")


def _compare(answer, story, number, why):
    said = answer.call("round_trips").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"round_trips() returned {said!r}; expected the dictionary of the task."
    )
    assert story in said, (
        f"round_trips() says nothing of the story {story!r}; keep the task's words."
    )
    assert type(said[story]) is int, (
        f"{story!r}: you said {said[story]!r}; expected a number."
    )
    assert said[story] == number, (
        f"{story!r}: you said {said[story]}, and it was {number}. {why}"
    )


def test_put(answer, post):
    """One letter in each call."""
    mailbox = post.mailbox()
    for letter in LETTERS:
        mailbox.put(letter)
    why = "Each put() waits for its answer."
    _compare(answer, "put, 1,000 letters one by one", len(mailbox.calls), why)


def test_lists(answer, post):
    """The items are lists."""
    mailbox = post.mailbox()
    for start in range(0, 1000, 100):
        mailbox.put(list(LETTERS[start : start + 100]))
    why = "A list is one item, and one call."
    _compare(answer, "put, 1,000 letters in lists of 100", len(mailbox.calls), why)


def test_put_many(answer, post):
    """All at once."""
    mailbox = post.mailbox()
    mailbox.put_many(LETTERS)
    why = "The whole list goes in one call; the server makes items of it."
    _compare(answer, "put_many, 1,000 letters", len(mailbox.calls), why)


def test_get_many(answer, post):
    """Take until nothing is left."""
    mailbox = post.mailbox()
    mailbox.put_many(LETTERS)
    mailbox.calls.clear()
    while mailbox.qsize():
        mailbox.get_many(400)
    brought = ", ".join(str(count) for _, count in mailbox.calls)
    why = f"The calls brought {brought}: it takes what is there, and does not wait."
    _compare(answer, "get_many(400) until 1,000 are out", len(mailbox.calls), why)


def test_buffered(answer, post):
    """A buffer is closed when it is not full."""
    mailbox = post.mailbox()
    with buffered(mailbox, max_items=100, max_wait_s=60) as out:
        for letter in LETTERS[:250]:
            out.put(letter)
    took = ", ".join(str(count) for _, count in mailbox.calls)
    why = f"The calls took {took} letters: leaving the block flushes."
    _compare(answer, "buffered, 250 letters, max_items=100", len(mailbox.calls), why)


def test_connections(answer, server):
    """A new client connects, gets a proxy, and makes one call."""
    dialled = []

    def dial(*args, **options):
        dialled.append(args)
        return multiprocessing.connection.Client(*args, **options)

    listener_client["counting"] = (multiprocessing.connection.Listener, dial)
    address, authkey = server._manager.address, bytes(server._manager._authkey)
    manager = _Counting(address, authkey, serializer="counting")
    manager.connect()
    mailbox = manager.get_queue("counted")
    mailbox.qsize()
    why = (
        "connect() makes one and closes it, get_queue() three (to create, to count "
        "itself in, to count out what create counted), the first call one that stays."
    )
    _compare(answer, "connections up to a plain first answer", len(dialled), why)
