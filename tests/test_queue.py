"""TaskQueue in one's own process: batches, receipts, and waiting callers."""

import queue
import threading

import pytest

from labkit.errors import ReceiptError
from labkit.manager import TaskQueue
from labkit.manager.queue import CALLER


def test_a_batch_that_does_not_fit_puts_nothing():
    """put_many is all or nothing."""
    orders = TaskQueue(maxsize=3)
    orders.put_many([1, 2])
    with pytest.raises(queue.Full):
        orders.put_many([3, 4], timeout=0.01)
    assert orders.qsize() == 2


def test_a_batch_larger_than_the_queue_is_refused():
    """A batch that could never fit is an error at once, not a wait for ever."""
    with pytest.raises(ValueError, match="4 items never fit a queue of maxsize 3"):
        TaskQueue(maxsize=3).put_many(range(4))


def test_get_many_waits_for_the_first_item_only():
    """An empty queue raises Empty after the timeout; numbers below 1 are refused."""
    orders = TaskQueue()
    with pytest.raises(queue.Empty):
        orders.get_many(2, timeout=0.01)
    with pytest.raises(ValueError, match="max_items is 0"):
        orders.get_many(0)


def test_an_overdue_item_comes_back():
    """After the visibility timeout another worker gets the item."""
    orders = TaskQueue()
    orders.put("tea")
    late, _ = orders.receive(visibility_timeout=0.05)
    receipt, item = orders.receive(timeout=5)
    assert item == "tea"
    with pytest.raises(ReceiptError):
        orders.ack(late)
    orders.ack(receipt)
    assert orders.stats().redelivered == 1


def test_overdue_items_keep_their_order():
    """Several overdue items come back oldest first, before newer ones."""
    orders = TaskQueue()
    orders.put_many([1, 2, 3])
    orders.receive(visibility_timeout=0.01)
    orders.receive(visibility_timeout=0.01)
    threading.Event().wait(0.02)
    assert orders.get_many(5) == [1, 2, 3]


def test_an_item_that_always_fails_becomes_a_dead_letter():
    """After max_deliveries an item is set aside, and join() no longer waits for it."""
    orders = TaskQueue(max_deliveries=2)
    orders.put("poison")
    for _ in range(2):
        receipt, _ = orders.receive()
        orders.nack(receipt)
    assert orders.empty()
    assert orders.dead_letters() == ["poison"]
    orders.join()


def test_release_returns_what_one_owner_held():
    """When a connection ends, exactly its items come back, in order."""
    orders = TaskQueue()
    orders.put_many([1, 2, 3])
    mine, yours = object(), object()
    CALLER.owner = mine
    orders.receive()
    CALLER.owner = yours
    orders.receive()
    CALLER.owner = mine
    orders.receive()
    CALLER.owner = None
    orders.release(mine)
    assert orders.get_many(5) == [1, 3]


def test_a_waiting_call_that_gives_up_passes_its_wake_up_on():
    """A dead client's get takes nothing: the item goes to the next in line."""
    orders = TaskQueue()
    taken = []
    gone = threading.Event()

    def dead_client():
        CALLER.check = lambda: (
            (_ for _ in ()).throw(EOFError) if gone.is_set() else None
        )
        with pytest.raises(EOFError):
            orders.get()

    threads = [threading.Thread(target=dead_client)]
    threads[0].start()
    while not orders.stats().waiting_consumers:
        pass
    threads.append(threading.Thread(target=lambda: taken.append(orders.get())))
    threads[1].start()
    while orders.stats().waiting_consumers < 2:
        pass
    gone.set()
    orders.put("tea")
    for thread in threads:
        thread.join(5)
    assert taken == ["tea"]


def test_stats_are_a_frozen_record():
    """stats() counts what was put, handed out, and waits."""
    orders = TaskQueue()
    orders.put_many(range(4))
    orders.get()
    orders.receive()
    numbers = orders.stats()
    assert (numbers.depth, numbers.unacked, numbers.put, numbers.got) == (2, 1, 4, 2)
    with pytest.raises(AttributeError):
        numbers.depth = 0


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_visibility_timeout_must_be_positive(seconds):
    """A receipt that is overdue from the start would be a trap; so would no delivery."""
    with pytest.raises(ValueError, match="visibility_timeout"):
        TaskQueue().receive(seconds)
    with pytest.raises(ValueError, match="max_deliveries is 0"):
        TaskQueue(max_deliveries=0)
