"""Who gets in, and what strangers can do to those who are in."""

import concurrent.futures
import contextlib
import random
import socket
import struct
import subprocess
import threading
import time

import psutil
import pytest
from programs import BEGIN, client, descriptors_of, limits
from pythons import pythons
from test_seeds import serve

from labkit import connect, errors
from labkit.manager.keys import write_key_file
from labkit.servers import start_server

CHALLENGE = b"#CHALLENGE#{sha256}"


@pytest.fixture(scope="module")
def server():
    """Return one server, for all that is thrown at it here."""
    with start_server() as running:
        yield running


def knock(address):
    """Return a socket that has connected and says nothing yet."""
    return socket.create_connection(address, timeout=20)


def all_it_says(stranger):
    """Return every byte the server sends until it hangs up."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := stranger.recv(4096):
            said += piece
    return said


def threads_of(server):
    """Return the number of threads in the server's process."""
    return psutil.Process(server.pid).num_threads()


def round_trip(server):
    """Connect, put, get; return the seconds it took."""
    begin = time.perf_counter()
    orders = connect(server.address, server.authkey).get_queue("orders")
    orders.put("tea")
    assert orders.get(timeout=5) == "tea"
    return time.perf_counter() - begin


# A program that goes in and out all the time, and says its longest round trip.
HONEST = f"""{BEGIN}
import threading, time
from labkit import connect
longest = rounds = 0
print("going", flush=True)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set():
    begin = time.perf_counter()
    letters = connect(address, key).get_queue("letters")
    letters.put("hello")
    assert letters.get(timeout=5) == "hello"
    longest, rounds = max(longest, time.perf_counter() - begin), rounds + 1
    over.wait(0.02)
print(longest, rounds, flush=True)
"""


def test_a_stranger_learns_nothing(server):
    """Garbage is answered with silence: no traceback, no path, no version."""
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64, struct.pack("!i", -1) * 9):
        with knock(server.address) as stranger:
            stranger.sendall(garbage)
            said = all_it_says(stranger)
        assert said[4:].startswith(CHALLENGE)
        assert len(said) == 4 + len(CHALLENGE) + 40


def test_a_wrong_key_is_told_so_and_no_more(server):
    """The answer to a wrong digest is the word of the protocol."""
    with knock(server.address) as stranger:
        stranger.sendall(struct.pack("!i", 40) + b"{sha256}" + b"x" * 32)
        said = all_it_says(stranger)
    assert said.endswith(b"#FAILURE#")


@pytest.mark.long
def test_idle_and_slow_strangers_are_sent_away_in_time(server):
    """Whoever has not proved anything in 5 s is out; dripping bytes are no proof."""
    begin = time.perf_counter()
    with knock(server.address) as idle, knock(server.address) as slow:
        slow.sendall(struct.pack("!i", 200))
        pause = threading.Event()
        with contextlib.suppress(OSError):
            while time.perf_counter() - begin < 10:
                slow.sendall(b"x")
                pause.wait(0.2)
        all_it_says(idle)
    assert 4 < time.perf_counter() - begin < 8


def test_a_huge_length_costs_nothing(server):
    """A stranger that announces gigabytes is disconnected at once."""
    before = psutil.Process(server.pid).memory_info().rss
    for size in (257, 1 << 30, 0x7FFFFFFF):
        with knock(server.address) as stranger:
            stranger.sendall(struct.pack("!i", size))
            all_it_says(stranger)
    assert psutil.Process(server.pid).memory_info().rss - before < 10_000_000


def test_strangers_cost_no_thread(server):
    """A hundred silent connections add no thread, and an honest client gets in."""
    round_trip(server)
    before = threads_of(server)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(knock(server.address))
        assert round_trip(server) < 1
        assert threads_of(server) <= before + 1


def test_at_the_descriptor_limit_it_waits_and_recovers():
    """Out of descriptors, the server does not spin, and serves again afterwards."""
    resource = limits()
    with start_server() as server:
        round_trip(server)
        used = psutil.Process(server.pid).num_fds()
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 20, used + 20))
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(knock(server.address))
            process = psutil.Process(server.pid)
            begin = sum(process.cpu_times()[:2])
            threading.Event().wait(1)
            assert sum(process.cpu_times()[:2]) - begin < 0.5
        assert connect(server.address, server.authkey, retry_for=10)
        round_trip(server)


BURST = """
import sys, threading
from multiprocessing.managers import BaseManager

class QueueManager(BaseManager):
    pass

QueueManager.register("get_task_queue")
port, count = int(sys.argv[2]), int(sys.argv[3])
with open(sys.argv[1]) as file:
    key = bytes.fromhex(file.read())
served = []
gate = threading.Barrier(count)

def client(number):
    gate.wait()
    manager = QueueManager(("127.0.0.1", port), key)
    manager.connect()
    tasks = manager.get_task_queue()
    tasks.put(number)
    served.append(tasks.get())

threads = [threading.Thread(target=client, args=(n,)) for n in range(count)]
for thread in threads:
    thread.daemon = True
    thread.start()
for thread in threads:
    thread.join(40)
print(len(served), len(set(served)))
"""


@pytest.mark.long
@pytest.mark.parametrize("version", pythons())
def test_a_burst_of_400_clients_is_served_in_full(version, tmp_path):
    """The standard library loses most of them, up to 3.12."""
    key_file = write_key_file(tmp_path / "lab.key")
    server, port = serve("labkit", version, key_file)
    try:
        answer = subprocess.run(
            [pythons()[version], "-c", BURST, str(key_file), port, "400"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.terminate()
        server.communicate(timeout=10)
    assert answer.stdout == "400 400\n"
    assert answer.stderr == ""


def _wrong_key(server):
    with pytest.raises(errors.WrongKeyError):
        connect(server.address, b"lantern")


def malformed(chance):
    """Return noise, with its length or another one, or what begins as a digest."""
    noise = chance.randbytes(chance.randrange(300))
    wrong = chance.randrange(-(2**31), 2**31)
    lengths = [struct.pack("!i", size) for size in (len(noise), wrong, 48)]
    digest = lengths[2] + b"{sha256}" + noise[:40]
    return chance.choice([noise[:64], lengths[0] + noise, lengths[1], digest])


@pytest.mark.long
def test_an_honest_client_is_served_throughout_an_attack():
    """Idle, wrong-key and malformed connections do not keep anyone waiting 1 s."""
    with start_server() as server:
        round_trip(server)
        process = psutil.Process(server.pid)
        before = process.memory_info().rss, descriptors_of(process)
        with contextlib.ExitStack() as stack:
            honest = stack.enter_context(client(server, HONEST))
            assert honest.stdout.readline() == "going\n"
            for _ in range(1000):
                stack.enter_context(knock(server.address))
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for _ in pool.map(_wrong_key, [server] * 1000):
                    pass
            chance, breath = random.Random(7), threading.Event()
            for _ in range(10_000):
                breath.wait(0.001)  # for machines that do much else
                with knock(server.address) as stranger, contextlib.suppress(OSError):
                    stranger.sendall(malformed(chance))
            longest, rounds = honest.communicate(timeout=30)[0].split()
        assert float(longest) < 1
        assert int(rounds) > 0
        assert round_trip(server) < 1
        until = time.monotonic() + 8
        while descriptors_of(process) > before[1] + 2 and time.monotonic() < until:
            threading.Event().wait(0.05)
        assert descriptors_of(process) <= before[1] + 2
        assert process.memory_info().rss - before[0] < 30_000_000
