"""Batches that do not wait for one another: order, bounds, failures, nothing lost."""

import threading
from itertools import chain

import pytest
from programs import until

from labkit._buffering.inlets import prefetched
from labkit._buffering.outlets import Outlet
from labkit._checks.plainserver import QueueServer as PlainServer
from labkit.buffering import buffered
from labkit.errors import LabkitError, NotOfferedError, OutcomeUnknownError
from labkit.managers import connect
from labkit.servers import start_server


@pytest.fixture
def server():
    """Lend a server."""
    with start_server() as server:
        yield server


def test_batches_arrive_in_order(server):
    """Sent before the answers to those before, they are put one after the other."""
    orders = server.connect().get_queue("orders")
    outlet = Outlet(orders)
    for first in range(0, 1000, 10):
        outlet.put_many(list(range(first, first + 10)))
        assert outlet.unsettled <= 30
    outlet.settle()
    assert outlet.unsettled == 0
    outlet.close()
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


def test_a_closed_inlet_returns_what_had_come(server):
    """A block that is left early loses nothing."""
    orders = server.connect().get_queue("orders")
    orders.put_many(range(10))
    with prefetched(orders, 3) as batches:
        assert next(batches) == [0, 1, 2]
    assert [*batches.left, *orders.get_many(10)] == list(range(3, 10))


def test_a_waiting_inlet_takes_nothing_once_closed(server):
    """The request that still waits on the server ends before it takes an item."""
    orders = server.connect().get_queue("orders")
    orders.put("tea")
    batches = prefetched(orders)
    assert next(batches) == ["tea"]
    assert batches.close() == []
    orders.put("sugar")
    assert orders.get(timeout=5) == "sugar"


def test_the_time_to_wait_begins_with_the_question(server):
    """Nothing for so long ends the iteration; slow work on a batch does not."""
    orders = server.connect().get_queue("orders")
    orders.put("tea")
    batches = prefetched(orders, timeout=0.2)
    assert next(batches) == ["tea"]
    until(
        lambda: orders.stats().waiting_consumers == 0
    )  # the early request has given up
    threading.Timer(0.05, orders.put, ["sugar"]).start()
    assert next(batches) == ["sugar"]
    assert list(batches) == []
    batches.close()


def test_a_killed_server_leaves_nothing_forgotten():
    """Batches on their way are unsettled, and told as such."""
    with start_server() as server:
        outlet = Outlet(server.connect().get_queue("orders"))
        batches = prefetched(server.connect().get_queue("letters"))
        outlet.put_many([0])
        outlet.settle()
        server.kill()
        with pytest.raises(OutcomeUnknownError, match="put"):  # noqa: PT012 - either
            outlet.put_many([1, 2])
            outlet.settle()
        assert outlet.unsettled == 2
        assert outlet.take_back() == [[1, 2]]
        with pytest.raises(LabkitError):
            outlet.put_many([3])
        assert outlet.take_back() == [[3]]
        with pytest.raises(OutcomeUnknownError, match="get"):
            next(batches)


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


def test_a_plain_queue_has_no_streams():
    """The sentence names the queue that has them."""
    server = PlainServer()
    try:
        manager = server._manager
        plain = connect(manager.address, bytes(manager._authkey)).get_queue("x")
        with pytest.raises(NotOfferedError, match="host a TaskQueue"):
            Outlet(plain).put_many([1])
        with pytest.raises(NotOfferedError, match="host a TaskQueue"):
            prefetched(plain)
    finally:
        server.kill()


@pytest.mark.parametrize(
    "make", [lambda q: Outlet(q, 0), lambda q: prefetched(q, 0)], ids=["out", "in"]
)
def test_bounds_must_be_positive(server, make):
    """No batch in flight, or an empty one, is refused."""
    orders = server.connect().get_queue("orders")
    with pytest.raises(ValueError, match="give 1 or more"):
        make(orders)
