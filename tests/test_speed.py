"""Per call, the hardened server is as quick as the standard library's."""

import queue
import statistics
import time
from multiprocessing import get_context
from multiprocessing.managers import BaseManager

import pytest

from labkit.manager import QueueManager, connect

KEY = b"lighthouse"
CALLS = 500
ROUNDS = 9


class PlainManager(BaseManager):
    """The standard library's manager with one queue."""


PlainManager.register("get_task_queue", callable=queue.Queue)


def seconds(tasks):
    """Return the time of so many puts and gets, one call each."""
    begin = time.perf_counter()
    for number in range(CALLS):
        tasks.put(number)
    for _ in range(CALLS):
        tasks.get()
    return time.perf_counter() - begin


@pytest.mark.long
def test_a_call_costs_no_more_than_with_the_plain_manager():
    """In one interleaved run, and within a wide bound: other programs run beside it."""
    context = get_context("spawn")
    with (
        PlainManager(("127.0.0.1", 0), KEY, ctx=context) as plain,
        QueueManager(("127.0.0.1", 0), KEY, ctx=context) as ours,
    ):
        theirs = plain.get_task_queue()
        tasks = connect(ours.address, KEY).get_task_queue()
        pairs = [(seconds(theirs), seconds(tasks)) for _ in range(ROUNDS)]
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"labkit makes {ratio:.2f} times the calls per second")
    assert ratio >= 0.7
