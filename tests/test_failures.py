"""Clients that die, calls that are interrupted, servers that go and come back."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from programs import LABKIT, PLAIN, assert_gone, client, posix_only, until

from labkit import connect, errors
from labkit.grader.fixtures import ManagerServer
from labkit.servers import start_server


@pytest.mark.parametrize(
    "call",
    [
        *("get()", "receive()"),
        pytest.param("get_many(5)", marks=pytest.mark.long),
        pytest.param("get(timeout=60)", marks=pytest.mark.long),
        pytest.param("join()", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("program", [PLAIN, LABKIT], ids=["plain", "labkit"])
def test_a_killed_client_takes_nothing_with_it(program, call):
    """A client killed inside a blocked call loses no item, and its thread ends."""
    with start_server() as server:
        orders = server.connect().get_queue("orders")
        orders.qsize()
        if call == "join()":
            orders.put("tea")
        # The thread of a connection that has ended goes a moment later.
        until(lambda: orders.stats().connections == 1)
        time.sleep(0.1)
        before = psutil.Process(server.pid).num_threads()
        with client(
            server, f"{program}\nprint('going', flush=True)\norders.{call}"
        ) as p:
            p.stdout.readline()
            until(lambda: psutil.Process(server.pid).num_threads() > before)
            if call != "join()":
                until(lambda: orders.stats().waiting_consumers == 1)
        until(lambda: psutil.Process(server.pid).num_threads() <= before, within_s=1)
        if call != "join()":
            orders.put("tea")
        assert orders.get(timeout=5) == "tea"


INTERRUPTED = (
    LABKIT
    + """
import random, signal
from labkit.manager import QueueStats
full = connect(address, key).get_queue("full", 1)
three = connect(address, key).get_queue("three")
three.put_many([1, 2, 3])
full.put("there")

class Stop(Exception):
    pass

def ring(*_):
    raise Stop

signal.signal(signal.SIGALRM, ring)
calls = [
    lambda: orders.get(timeout=0.01),
    lambda: full.put("more", timeout=0.01),
    lambda: orders.receive(timeout=0.01),
    lambda: orders.put_many(["tea"] * 3),
    lambda: three.stats(),
    lambda: orders.get_many(9, timeout=0.01),
]
stopped = 0
import queue
for number in range(100_000):
    if stopped == 1000:
        break
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.003))
        try:
            calls[number % len(calls)]()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop:
        stopped += 1
    except (queue.Empty, queue.Full):
        pass
    assert three.qsize() == 3
    assert full.full() is True
    numbers = three.stats()
    assert isinstance(numbers, QueueStats) and numbers.depth == 3, numbers
    assert full.qsize() == 1
print("stopped", stopped, flush=True)
"""
)


@pytest.mark.long
@posix_only
def test_an_interrupted_call_never_mixes_up_answers():
    """After each of 1,000 interrupted calls, every answer belongs to its question."""
    with start_server() as server, client(server, INTERRUPTED) as program:
        said, _ = program.communicate(timeout=120)
    # An alarm that rings inside a destructor is reported there by Python itself.
    assert said.endswith("stopped 1000\n"), said
    assert "AssertionError" not in said


@posix_only
def test_an_interrupted_call_takes_nothing():
    """Once the stop button has ended a get(), the next item is for somebody else."""
    code = (
        LABKIT
        + """
import signal
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, stop)
for call in (orders.get, orders.receive, lambda: orders.get_many(5)):
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        call()
    except KeyboardInterrupt:
        print("stopped", flush=True)
    sys.stdin.readline()
"""
    )
    with start_server() as server, client(server, code) as program:
        orders = server.connect().get_queue("orders")
        for _ in range(3):
            assert program.stdout.readline() == "stopped\n"
            until(lambda: orders.stats().waiting_consumers == 0, within_s=2)
            orders.put("tea")
            assert orders.get(timeout=1) == "tea"
            program.stdin.write("\n")
            program.stdin.flush()


BLOCKED = """
try:
    orders.get()
except EOFError as error:
    print(type(error).__name__, error, flush=True)
"""


@posix_only
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("program", [PLAIN, LABKIT], ids=["plain", "labkit"])
def test_a_stopping_server_tells_who_waits(program, signum):
    """Blocked callers get an EOFError in words; the server ends with status 0."""
    with start_server() as server, client(server, program + BLOCKED) as blocked:
        orders = server.connect().get_queue("orders")
        until(lambda: orders.stats().waiting_consumers == 1)
        os.kill(server.pid, signum)
        said, _ = blocked.communicate(timeout=5)
        until(lambda: not server.is_alive(), within_s=2)
        assert server._process.returncode == 0
    assert "is stopping" in said
    assert ("ServerStoppedError" in said) == (program is LABKIT)


@posix_only
def test_a_second_signal_ends_it_at_once():
    """A server held up by a client that does not read ends on the second signal."""
    with start_server() as server:
        orders = server.connect().get_queue("orders")
        orders.put(b"x" * 30_000_000)
        with client(server, LABKIT + "import os\nos.kill(os.getpid(), 19)") as frozen:
            until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED)
        wire = orders._client.connection
        wire.send((orders._token.id, "get", (), {}))
        until(lambda: server.stats()["orders"].depth == 0)
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: not can_connect(server.address))
        begin = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: not server.is_alive(), within_s=0.5)
        assert time.monotonic() - begin < 0.5
        assert server._process.returncode == 128 + signal.SIGTERM


def can_connect(address):
    """Tell whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


@posix_only
def test_a_frozen_server_does_not_keep_clients_from_exiting():
    """A program that holds proxies exits although the server does not answer."""
    code = LABKIT + "orders.qsize()\nprint('going', flush=True)\nsys.stdin.readline()"
    with start_server() as server, client(server, code) as program:
        program.stdout.readline()
        os.kill(server.pid, signal.SIGSTOP)
        begin = time.monotonic()
        program.communicate("\n", timeout=10)
        os.kill(server.pid, signal.SIGCONT)
        assert time.monotonic() - begin < 2
        assert program.returncode == 0


MASTER = """
import time
from labkit.manager import QueueManager
if __name__ == "__main__":
    import multiprocessing, sys
    context = multiprocessing.get_context(sys.argv[1])
    manager = QueueManager(authkey=b"k", ctx=context)
    manager.start()
    brother = context.Process(target=time.sleep, args=(30,), daemon=True)
    brother.start()
    print(manager._process.pid, brother.pid, flush=True)
    time.sleep(60)
"""


@posix_only
@pytest.mark.parametrize("signum", [signal.SIGTERM, getattr(signal, "SIGKILL", 9)])
def test_a_killed_master_orphans_no_server(tmp_path, context, signum):
    """The server of a QueueManager.start() ends with the master that started it."""
    program = tmp_path / "master.py"
    program.write_text(MASTER, encoding="utf-8")
    command = [sys.executable, str(program), context.get_start_method()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as master:
        server, brother = map(int, master.stdout.readline().split())
        master.send_signal(signum)
        master.wait(5)
    assert_gone([server], within_s=3)
    with contextlib.suppress(ProcessLookupError):
        os.kill(brother, signal.SIGKILL)
    assert_gone([brother], within_s=3)


@pytest.mark.parametrize(
    ("call", "args"),
    [("put", ("milk",)), ("get", ()), ("put_many", (["a"],)), ("join", ())],
)
def test_a_call_cut_in_half_is_not_repeated(call, args):
    """Where repeating could do a thing twice, the error says what is not known."""
    with start_server() as server:
        orders = connect(server.address, server.authkey, retry_for=5).get_queue(
            "orders", 1
        )
        if call != "get":
            orders.put("tea")
        killer = threading.Timer(0.3, server.kill)
        killer.start()
        with pytest.raises(
            errors.OutcomeUnknownError, match="may or may not have done"
        ):
            getattr(orders, call)(*args)
        killer.join()


def test_a_receive_cut_in_half_is_repeated():
    """receive() is safe to repeat: what the lost connection took has gone back."""
    with start_server() as server:
        orders = connect(server.address, server.authkey, retry_for=10).get_queue(
            "orders"
        )
        received = []
        worker = threading.Thread(target=lambda: received.append(orders.receive()))
        worker.start()
        until(
            lambda: (
                server.stats().get("orders")
                and server.stats()["orders"].waiting_consumers
            )
        )
        server.kill()
        server.restart()
        server.connect().get_queue("orders").put("tea")
        worker.join(10)
        assert received[0][1] == "tea"


def test_a_plain_queue_has_no_receipts():
    """Against the standard library's server, the kit's own methods say so."""
    plain = ManagerServer()
    try:
        manager = connect(plain.address, plain.authkey)
        tasks = manager.get_queue("tasks")
        tasks.put("tea")
        with pytest.raises(errors.NotOfferedError, match=r"has no receive\(\)"):
            tasks.receive()
        assert tasks.get() == "tea"
    finally:
        plain.kill()
