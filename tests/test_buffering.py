"""The producer that puts in batches: bounds, failures, and the exit."""

import subprocess
import sys
import threading

import pytest

from labkit.buffering import buffered
from labkit.queues import TaskQueue
from labkit.servers import start_server


class Broken:
    """A queue that cannot be reached until it is mended."""

    def __init__(self):
        self.taken = []
        self.is_broken = True
        self.tried = threading.Event()

    def put_many(self, items):
        """Take the items, or fail."""
        self.tried.set()
        if self.is_broken:
            raise ConnectionError("gone")
        self.taken += items


def test_a_full_batch_is_put_at_once():
    """max_items bounds what waits here."""
    orders = TaskQueue()
    with buffered(orders, max_items=10, max_wait_s=60) as out:
        for number in range(25):
            out.put(number)
        assert (orders.qsize(), out.waiting) == (20, 5)
    assert orders.get_many(99) == list(range(25))


def test_an_item_waits_no_longer_than_asked():
    """max_wait_s bounds how long an item waits here."""
    orders = TaskQueue()
    with buffered(orders, max_wait_s=0.02) as out:
        out.put("tea")
        assert orders.get(timeout=5) == "tea"
        assert out.waiting == 0


def test_a_small_queue_gets_smaller_batches():
    """A batch above the queue's maxsize goes in pieces, as there is room."""
    orders = TaskQueue(maxsize=3)
    taken = []
    getter = threading.Thread(
        target=lambda: taken.extend(orders.get() for _ in range(20))
    )
    getter.start()
    with buffered(orders, max_items=20, max_wait_s=60) as out:
        for number in range(20):
            out.put(number)
    getter.join(10)
    assert taken == list(range(20))


def test_a_failed_flush_keeps_its_items_and_tells():
    """The next put raises what went wrong, and nothing is lost."""
    queue = Broken()
    out = buffered(queue, max_wait_s=0.01)
    out.put("tea")
    assert queue.tried.wait(5)
    with pytest.raises(ConnectionError):
        out.flush()
    assert out.waiting == 1
    queue.is_broken = False
    out.close()
    assert queue.taken == ["tea"]


def test_a_closed_producer_takes_nothing():
    """After the block a put is an error, not a silent loss."""
    with buffered(TaskQueue()) as out:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        out.put("tea")


@pytest.mark.parametrize("bounds", [{"max_items": 0}, {"max_wait_s": 0}])
def test_bounds_must_be_positive(bounds):
    """A batch of nothing, or no time, is refused."""
    with pytest.raises(ValueError, match="give"):
        buffered(TaskQueue(), **bounds)


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)", "1 / 0"])
def test_an_exiting_program_flushes(ending):
    """Whatever the reason for the exit, what was put arrives."""
    code = f"""
import sys
from labkit import connect
from labkit.buffering import buffered
port, key = sys.stdin.readline().split()
orders = connect(("127.0.0.1", int(port)), bytes.fromhex(key)).get_queue("orders")
out = buffered(orders, max_wait_s=60)
for number in range(5):
    out.put(number)
{ending}
"""
    with start_server() as server:
        subprocess.run(
            [sys.executable, "-c", code],
            input=f"{server.address[1]} {bytes(server.authkey).hex()}\n",
            text=True,
            check=False,
            capture_output=True,
            timeout=20,
        )
        assert server.connect().get_queue("orders").get_many(9) == list(range(5))


def test_many_threads_share_a_producer():
    """Nothing is lost or doubled between threads."""
    orders = TaskQueue()
    with buffered(orders, max_items=7) as out:
        threads = [
            threading.Thread(target=lambda n=n: [out.put((n, i)) for i in range(200)])
            for n in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(orders.get_many(9999)) == [
        (n, i) for n in range(5) for i in range(200)
    ]
