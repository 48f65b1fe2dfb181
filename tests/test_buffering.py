"""Ends that do not wait for each answer: order, bounds, failures, nothing lost."""

import threading
from itertools import chain

import pytest
from programs import LABKIT, client

from labkit.buffering import buffered, prefetched
from labkit.errors import (
    LabkitError,
    NoServerError,
    NotOfferedError,
    OutcomeUnknownError,
)
from labkit.grader.fixtures import ManagerServer
from labkit.manager import TaskQueue, connect
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


@pytest.mark.parametrize(
    "bounds", [{"max_items": 0}, {"max_wait_s": 0}, {"in_flight": 0}]
)
def test_bounds_must_be_positive(bounds):
    """A batch of nothing, or no time, is refused."""
    with pytest.raises(ValueError, match="give"):
        buffered(TaskQueue(), **bounds)
    with pytest.raises(ValueError, match="give 1 or more"):
        prefetched(None, max_items=0)


@pytest.mark.parametrize("ending", ["pass", "1 / 0"])
def test_an_exiting_program_flushes(ending):
    """Whatever the reason for the exit, what was put arrives."""
    code = f"""{LABKIT}
from labkit.buffering import buffered
out = buffered(orders, max_wait_s=60)
for number in range(5):
    out.put(number)
{ending}
"""
    with start_server() as server:
        with client(server, code) as program:
            program.wait(20)
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


@pytest.fixture
def server():
    """Lend a server."""
    with start_server() as server:
        yield server


def test_batches_arrive_in_order(server):
    """Sent before the answers to those before, they are put one after the other."""
    orders = server.connect().get_queue("orders")
    with buffered(orders, max_items=10, max_wait_s=60) as out:
        for number in range(0, 1000, 4):
            out.put_many(range(number, number + 4))
            assert out.waiting <= 40
    with prefetched(orders, 7, limit=1000) as batches:
        taken = list(batches)
    assert list(chain.from_iterable(taken)) == list(range(1000))
    assert orders.qsize() == 0


def test_several_inlets_take_no_more_than_their_limit(server):
    """What is asked for ahead is counted, so each leaves the others their share."""
    orders = server.connect().get_queue("orders")
    orders.put_many(range(100))
    shares = []

    def take():
        with prefetched(orders, 8, limit=25) as batches:
            shares.append(list(chain.from_iterable(batches)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [len(share) for share in shares] == [25] * 4
    assert sorted(chain.from_iterable(shares)) == list(range(100))


def test_a_waiting_inlet_takes_nothing_once_closed(server):
    """The request that still waits on the server ends before it takes an item."""
    orders = server.connect().get_queue("orders")
    orders.put("tea")
    batches = prefetched(orders)
    assert next(batches) == ["tea"]
    assert batches.close() == []
    orders.put("sugar")
    assert orders.get(timeout=5) == "sugar"


def test_a_buffered_producer_survives_a_restart(tmp_path):
    """What was not settled when the server died is put again: twice, never lost."""
    with start_server(journal=tmp_path / "journal") as server:
        orders = server.connect().get_queue("orders")
        out = buffered(orders, max_items=10, max_wait_s=60)
        for number in range(25):
            out.put(number)
        server.kill()
        with pytest.raises(LabkitError):
            out.flush()
        assert out.waiting >= 5
        server.restart()
        out.close()
        assert set(server.connect().get_queue("orders").get_many(99)) == {*range(25)}


def test_a_small_queue_behind_a_server_gets_smaller_batches():
    """A batch that never fits is refused before others like it are under way."""
    with start_server() as server:
        orders = server.connect().get_queue("small", maxsize=3)
        batches = prefetched(orders, limit=50)
        taken = []
        taker = threading.Thread(
            target=lambda: taken.extend(chain.from_iterable(batches))
        )
        taker.start()
        with buffered(orders, max_items=20, max_wait_s=60) as out:
            for number in range(50):
                out.put(number)
        taker.join(10)
    assert taken == list(range(50))


def test_a_killed_server_leaves_nothing_forgotten():
    """Batches on their way stay with the producer, and a consumer hears the truth."""
    with start_server() as server:
        out = buffered(server.connect().get_queue("orders"), max_wait_s=60)
        batches = prefetched(server.connect().get_queue("letters"))
        out.put(0)
        out.flush()
        server.connect().get_queue("letters").put("a")
        assert next(batches) == ["a"]
        server.kill()
        out.put(1)
        out.put(2)
        for _ in range(2):
            with pytest.raises(NoServerError, match="start the server first"):
                out.flush()
        assert out.waiting == 2
        with pytest.raises(OutcomeUnknownError, match="get"):
            next(batches)
        with pytest.raises(NoServerError):
            next(batches)
        server.restart()
        out.close()
        assert server.connect().get_queue("orders").get_many() == [1, 2]


def test_a_plain_queue_has_no_batches():
    """The sentence names the queue that has them."""
    server = ManagerServer()
    try:
        plain = connect(server.address, server.authkey).get_queue("x")
        with pytest.raises(NotOfferedError, match="host a TaskQueue"):
            buffered(plain)
        with pytest.raises(NotOfferedError, match="host a TaskQueue"):
            prefetched(plain)
    finally:
        server.kill()
