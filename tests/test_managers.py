"""QueueManager and connect(): real server processes, real sockets."""

import pickle
import queue
import socket
import threading
from multiprocessing import get_context
from multiprocessing.managers import RemoteError

import pytest
from programs import Plain, free_address, unix_only
from test_tap import greet, raw_server

from labkit import errors
from labkit.grader.fixtures import ManagerServer
from labkit.manager import QueueManager, connect, open_connection, wire
from labkit.servers import start_server

KEY = b"lighthouse"


def in_child(address, results):
    """Double every number of the task queue; the target of child processes."""
    manager = connect(address, KEY)
    tasks, answers = manager.get_task_queue(), manager.get_result_queue()
    while (number := tasks.get(timeout=10)) is not None:
        answers.put(2 * number)
    results.put("done")


def test_every_start_method_serves_and_works(context):
    """A started manager and a child process meet at its address."""
    with QueueManager(authkey=KEY, ctx=context) as manager:
        tasks, answers = manager.get_task_queue(), manager.get_result_queue()
        tasks.put_many([1, 2, None])
        done = context.SimpleQueue()
        child = context.Process(target=in_child, args=(manager.address, done))
        child.start()
        assert [answers.get(timeout=20) for _ in range(2)] == [2, 4]
        child.join()
        assert done.get() == "done"
        done.close()
        child.close()


@pytest.fixture(scope="module")
def server():
    """Lend one server; each test asks for queues of other names."""
    with start_server(authkey=KEY) as running:
        yield running


def test_a_queue_has_one_name_and_one_maxsize(server):
    """Who asks again gets the same queue; another name is another, another size no."""
    one, two = server.connect(), server.connect()
    orders = one.get_queue("small", 2)
    orders.put("tea")
    assert two.get_queue("letters").empty()
    assert two.get_queue("small").get(timeout=5) == "tea"
    with pytest.raises(Exception, match="exists with maxsize 2, not 3"):
        two.get_queue("small", 3)
    with pytest.raises(queue.Empty):
        orders.get(timeout=0.01)
    orders.put_many([1, 2])
    with pytest.raises(queue.Full):
        orders.put_nowait("milk")


def test_batches_and_receipts_cross_the_wire(server):
    """Everything TaskQueue offers beyond queue.Queue works through the proxy."""
    orders = server.connect().get_queue("batches")
    orders.put_many(["tea", "milk", "sugar"])
    receipt, item = orders.receive()
    orders.nack(receipt)
    receipt, again = orders.receive()
    orders.ack(receipt)
    with pytest.raises(errors.ReceiptError):
        orders.ack(receipt)
    assert (item, again) == ("tea", "tea")
    assert orders.get_many(9) == ["milk", "sugar"]
    assert orders.stats().redelivered == 1


def put_tea(orders):
    """Put an item; the target of a child process."""
    orders.put("tea")


def test_a_proxy_of_a_plain_queue_works_in_a_child():
    """The child's proxy, too, knows that the queue has no batches and no receipts."""
    server = ManagerServer()
    try:
        orders = connect(server.address, server.authkey).get_queue("x")
        child = get_context("spawn").Process(target=put_tea, args=(orders,))
        child.start()
        assert orders.get(timeout=20) == "tea"
        child.join()
        child.close()
    finally:
        server.kill()


def test_each_thread_has_its_own_connection(server):
    """A blocked get in one thread does not hold up another's put."""
    orders = server.connect().get_queue("threads")
    taken = []
    waiter = threading.Thread(target=lambda: taken.append(orders.get(timeout=10)))
    waiter.start()
    orders.put("tea")
    waiter.join(10)
    assert taken == ["tea"]


def test_nobody_listens():
    """The error names the address and the next step, and is a refused connection."""
    with pytest.raises(errors.NoServerError, match="start the server first") as caught:
        connect(free_address(), KEY)
    assert isinstance(caught.value, ConnectionRefusedError)


def test_a_wrong_key(server):
    """The error is an AuthenticationError and shows neither key."""
    with pytest.raises(errors.WrongKeyError, match="another authkey") as caught:
        connect(server.address, b"lantern")
    assert "light" not in str(caught.value)
    assert "lantern" not in str(caught.value)


def test_something_else_listens_there():
    """A server that speaks another protocol is named as such."""
    with (
        raw_server(greet) as other,
        pytest.raises(errors.NotAQueueServerError, match="did not answer as a"),
    ):
        connect(other, KEY)


def test_a_server_that_says_nothing(monkeypatch):
    """A frozen server costs the deadline, then gets a clear error."""
    monkeypatch.setattr(wire, "HANDSHAKE_DEADLINE_S", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as frozen,
        pytest.raises(errors.ServerTimeoutError, match=r"said nothing for 0\.1 s"),
    ):
        open_connection(frozen.getsockname(), KEY)


@pytest.mark.parametrize(
    "address", [5, ("127.0.0.1",), ("127.0.0.1", 99999), ("h", "5")]
)
def test_an_address_that_is_none(address):
    """A malformed address is refused before any connection."""
    with pytest.raises(ValueError, match="is no address"):
        connect(address, KEY)


def test_a_manager_without_a_server():
    """Asking for a queue before connect() or start() says so."""
    with pytest.raises(errors.NoServerError, match=r"call start\(\) or connect\(\)"):
        QueueManager(("127.0.0.1", 9), KEY).get_task_queue()


def test_connect_waits_for_a_server_that_comes():
    """retry_for bridges the time until the server is up."""
    server = start_server()
    address, key = server.address, server.authkey
    server.stop()
    found = []
    patient = threading.Thread(
        target=lambda: found.append(connect(address, key, retry_for=20))
    )
    patient.start()
    with start_server(address, key):
        patient.join(20)
        assert found[0].get_task_queue().empty()


def test_clients_cannot_shut_the_server_down(server):
    """The standard library lets any client do it; this server says no."""
    with pytest.raises(RemoteError, match="offers clients no 'shutdown'"):
        server.connect().client.ask("shutdown")
    assert server.connect().get_task_queue().empty()


def test_a_proxy_does_not_carry_the_key(server):
    """A pickled proxy, as one put into a queue, holds no key."""
    assert KEY not in pickle.dumps(server.connect().get_task_queue())


@unix_only
def test_a_unix_socket(tmp_path):
    """A path is an address too, also after a server there was killed."""
    with start_server(str(tmp_path / "lab")) as server:
        server.connect().get_task_queue().put("tea")
        server.kill()
        server.restart()
        assert server.connect().get_task_queue().empty()


@pytest.mark.parametrize("items", [[b"x" * 1_000_000, "tea"], [b"y" * 2048] * 300])
def test_items_come_out_as_they_went_in(server, items):
    """One by one and in batches, to labkit's clients and to plain ones."""
    orders = server.connect().get_queue("items")
    orders.put_many(items)
    orders.put(items[0])
    assert orders.get_many(len(items)) == items
    assert orders.get() == items[0]
    orders.put_many(items)
    plain = Plain(server.address, KEY)
    plain.connect()
    tasks = plain.get_queue("items")
    assert [tasks.get() for _ in items] == items
    tasks.put(items[0])
    receipt, item = orders.receive()
    orders.ack(receipt)
    assert item == items[0]
