"""The server in each way that strangers' reports broke it: never worse than plain."""

import contextlib
import multiprocessing
import os
import pickle
import queue
import random
import signal
import socket
import sqlite3
import sys
import threading
import time
import traceback
from multiprocessing import connection
from multiprocessing.managers import DictProxy, RemoteError
from pathlib import Path

import psutil
import pytest
from programs import (
    LABKIT,
    Plain,
    client,
    descriptors_of,
    hosted,
    limit_files,
    posix_only,
    until,
)

from labkit import connect, errors
from labkit.manager import QueueManager, TaskQueue, handshake, keys, server, wire
from labkit.manager.journal import Journal
from labkit.manager.queue import CALLER
from labkit.servers import start_server

KEY = b"lighthouse"


class Thing:
    """What a server hosts here."""

    def leave(self):
        """Try to end the server."""
        sys.exit("bye")

    def stop(self):
        """Do as the stop button does."""
        raise KeyboardInterrupt

    def same(self, value):
        """Return what came."""
        return value

    def hire(self):
        """Start a child process that has nothing to do; return its exit code later."""
        fork = multiprocessing.get_context("fork")
        child = fork.Process(target=time.sleep, args=(60,), daemon=True)
        child.start()
        child.terminate()
        child.join(3)
        return child.exitcode


class Shop(QueueManager):
    """A manager with something else than queues."""


Shop.register("thing", Thing)
Shop.register("dict", dict, DictProxy)


@pytest.fixture(scope="module")
def shop():
    """Lend a started manager."""
    with Shop(("127.0.0.1", 0), KEY) as shop:
        yield shop


def size_of(manager):
    """Return how many descriptors (or handles) and threads a started server has."""
    process = psutil.Process(manager._process.pid)
    return descriptors_of(process), process.num_threads()


@pytest.mark.parametrize("method", ["leave", "stop"])
def test_a_method_that_exits_is_an_error_of_its_caller(shop, method):
    """The client is told, its connection is in step, and the server goes on."""
    thing = shop.thing()
    with pytest.raises(RemoteError):
        getattr(thing, method)()
    assert thing.same(5) == 5


NO_MESSAGES = {
    "no pickle": b"\x80\x05garbage.",
    "three fields": pickle.dumps((None, "dummy", ())),
    "no name": pickle.dumps((None, "accept_connection", (), {})),
    "arguments that are none": pickle.dumps((None, "dummy", 5, {})),
    "a list for a name": pickle.dumps((None, ["x"], (), {})),
    "an unknown class": b"cno_such_module\nX\n.",
    "an exit": b"csys\nexit\n(I3\ntR.",
}


@pytest.mark.parametrize("message", NO_MESSAGES)
def test_a_malformed_first_message_is_answered_and_leaves_nothing(shop, message):
    """Whoever holds the key may send what it likes: it costs nothing for long."""
    before = size_of(shop)
    for _ in range(10):
        with connection.Client(shop.address, authkey=KEY) as peer:
            peer.send_bytes(NO_MESSAGES[message])
            assert peer.poll(5)
            assert peer.recv()[0] in ("#TRACEBACK", "#ERROR")
    until(lambda: size_of(shop) <= before)


class OnlyHere:
    """A class that the server cannot import."""

    def __init__(self, number=0):
        self.number = number

    def __reduce__(self):
        return _only_here, (self.number,)

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None


def _only_here(number):
    if multiprocessing.parent_process() is not None:
        raise ImportError("not known here")
    return OnlyHere(number)


def test_an_argument_that_cannot_be_opened_is_an_error(shop):
    """The client hears why, and the next call works."""
    thing = shop.thing()
    with pytest.raises(RemoteError, match="not known here"):
        thing.same(OnlyHere())
    assert thing.same(5) == 5


def test_what_multiprocessing_can_pickle_is_carried(shop):
    """The views of a dict, and sockets, as the standard library's manager does."""
    letters = shop.dict(a=1, b=2)
    assert list(letters.keys()) == ["a", "b"]
    assert list(letters.items()) == [("a", 1), ("b", 2)]
    assert shop.thing().same({1: 2}.keys()) == [1]


@posix_only
def test_a_child_of_the_server_can_be_ended_by_signal(shop):
    """It has not the server's signal handlers, and the server does not spin."""
    assert shop.thing().hire() == -signal.SIGTERM
    process = psutil.Process(shop._process.pid)
    before = sum(process.cpu_times()[:2])
    threading.Event().wait(0.5)
    assert sum(process.cpu_times()[:2]) - before < 0.2


def test_a_restart_at_the_same_address_is_not_taken_for_the_old_server():
    """A proxy of the old one lives on; a new one works all the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    held = []
    for _ in range(2):
        with Shop(address, KEY) as shop:
            held.append(shop.thing())
            assert held[-1].same(5) == 5


@posix_only
def test_an_interrupted_call_of_any_proxy_takes_no_answer_with_it(shop):
    """Not only queues: the next call gets its own answer."""

    def ring(*_):
        raise InterruptedError("stop")

    shop.register("event", threading.Event)
    thing = shop.thing()
    assert thing.same(1) == 1
    before = signal.signal(signal.SIGALRM, ring)
    try:
        for number in range(50):
            with contextlib.suppress(InterruptedError):
                signal.setitimer(signal.ITIMER_REAL, 0.0002)
                try:
                    thing.same(number)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            assert thing.same("next") == "next"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("journal", [None, "journal"])
def test_items_of_unknown_classes_go_through_one_by_one(tmp_path, journal):
    """A batch is cut without being opened, for labkit's and for plain clients."""
    with start_server(authkey=KEY, journal=journal and tmp_path / journal) as running:
        orders = running.connect().get_queue("orders")
        orders.put_many([*map(Note, range(7)), "last"])
        plain = Plain(running.address, KEY)
        plain.connect()
        theirs = plain.get_queue("orders")
        assert orders.get() == Note(0)
        assert orders.get_many(2) == [Note(1), Note(2)]
        receipt, item = orders.receive()
        orders.nack(receipt)
        assert (item, theirs.get()) == (Note(3), Note(3))
        assert theirs.get_many(2) == [Note(4), Note(5)]
        settle(orders, theirs)
        if journal:
            running.kill()
            running.restart()
            orders = running.connect().get_queue("orders")
        assert orders.get_many() == [Note(6), "last"]


def settle(*proxies):
    """Let the journal forget what was got: it does so once the answer is sent."""
    for proxy in proxies:
        proxy.qsize()


class Note:
    """A class of this file, which a server in another process cannot import."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return type(other) is Note and self.number == other.number

    __hash__ = None


def test_names_that_nobody_uses_any_more_are_forgotten(monkeypatch):
    """A queue for each reply costs nothing for ever; what holds items stays."""
    monkeypatch.setattr(server, "MANY_QUEUES", 20)
    with hosted(KEY) as running:
        manager = connect(running.address, KEY)
        kept = manager.get_queue("kept")
        kept.put("tea")
        first = manager.get_queue("reply 0")
        for number in range(100):
            reply = manager.get_queue(f"reply {number}")
            reply.put(number)
            assert reply.get() == number
        assert len(running.queues) <= 21
        first.put("again")  # a proxy of a forgotten queue: it is made again
        assert (first.get(), kept.get()) == ("again", "tea")


FORKED = f"""{LABKIT}
import multiprocessing, os, subprocess, threading, time
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nothing of ours may hold the pipe
orders.qsize()
def fork():
    time.sleep(0.2)
    if sys.argv[1] == "os.fork" and os.fork() == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
    elif sys.argv[1] == "Process":
        context = multiprocessing.get_context("fork")
        context.Process(target=lambda: (os.close(1), time.sleep(60))).start()
    elif sys.argv[1] == "subprocess":
        subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
threading.Thread(target=fork).start()
print(os.getpid(), flush=True)
orders.get()
"""


@posix_only
@pytest.mark.parametrize("how", ["os.fork", "Process", "subprocess"])
def test_a_child_that_outlives_a_killed_client_holds_nothing(how):
    """It was forked while the client was in get(); the item is for somebody else."""
    with start_server() as running:
        orders = running.connect().get_queue("orders")
        with client(running, FORKED, how) as forking:
            children = psutil.Process(int(forking.stdout.readline())).children
            (child,) = until(children)
            until(lambda: orders.stats().waiting_consumers == 1)
        until(lambda: orders.stats().waiting_consumers == 0, within_s=3)
        child.kill()
        orders.put("tea")
        assert orders.get(timeout=1) == "tea"


def test_a_full_disk_refuses_what_it_cannot_keep(tmp_path):
    """A put is an error, an ack leaves its item held; with room all goes on."""
    with start_server(journal=tmp_path / "journal") as running:
        orders = running.connect().get_queue("orders")
        orders.put_many(["a", "b", "c"])
        orders.put("d")
        receipt, _ = orders.receive()
        limit_files(running, 1)
        with pytest.raises(errors.JournalError, match="make room"):
            orders.put("e")
        with pytest.raises(errors.JournalError, match="make room"):
            running.connect().get_queue("letters")
        for _ in range(2):
            with pytest.raises(errors.JournalError, match="make room"):
                orders.ack(receipt)
        limit_files(running, None)
        orders.ack(receipt)
        orders.put("f")
        assert orders.get() == "b"
        settle(orders)
        running.kill()
        running.restart()
        assert running.connect().get_queue("orders").get_many() == ["c", "d", "f"]


def test_what_a_full_disk_could_not_forget_is_forgotten_later(tmp_path):
    """An item that a client has does not come twice because of that."""
    with start_server(journal=tmp_path / "journal") as running:
        orders = running.connect().get_queue("orders")
        for item in "abc":
            orders.put(item)
        limit_files(running, 1)
        assert orders.get() == "a"
        limit_files(running, None)
        assert orders.get() == "b"
        settle(orders)
        running.kill()
        running.restart()
        assert running.connect().get_queue("orders").get_many() == ["c"]


def test_without_md5_a_client_that_uses_it_is_refused_alone(monkeypatch):
    """On a FIPS Python an old client's digest does not end the server."""
    digest = handshake.hmac.digest

    def without_md5(key, message, name):
        if name == "md5":
            raise ValueError("unsupported hash type")
        return digest(key, message, name)

    monkeypatch.setattr(handshake.hmac, "digest", without_md5)
    with hosted(KEY) as running:
        with socket.create_connection(running.address) as stranger:
            stranger.recv(64)
            stranger.sendall(b"\0\0\0\x10" + b"x" * 16)
            assert b"#FAILURE#" in stranger.recv(64)
        assert connect(running.address, KEY).get_task_queue().empty()


@pytest.mark.parametrize("fault", ["connect", "read"])
def test_no_traceback_shows_a_key(tmp_path, fault):
    """Even where it prints the local variables."""
    if fault == "read" and os.name != "posix":
        pytest.skip("Windows has no modes that let others read a file")
    secret = keys.new_key()
    path = keys.write_key_file(tmp_path / "lab.key", secret)
    try:
        if fault == "connect":
            connect(("127.0.0.1", 1), keys.read_key_file(path))
        path.chmod(0o644)
        keys.read_key_file(path)
    except errors.LabkitError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(shown.format())
    assert secret.hex() not in text
    assert repr(bytes(secret)) not in text


FAULTS = [OSError, MemoryError, RecursionError, SystemExit, KeyboardInterrupt]
FAULTS += [sqlite3.OperationalError, EOFError, ValueError]
FAILED = contextlib.suppress(Exception, SystemExit, KeyboardInterrupt)
# Each step of a call at the server; what undoes a step must not fail.
STEPS = [
    (wire, "loads"),
    (server.QueueServer, "_call"),
    (wire.Connection, "send"),
    (TaskQueue, "_await"),
    (TaskQueue, "_pop"),
    (TaskQueue, "_check_open"),
    (Journal, "write"),
    (wire.Connection, "send_bytes"),
    (wire.Connection, "recv_bytes"),
]


@pytest.fixture
def faults(monkeypatch):
    """Make the steps of a call fail now and then, in the server's threads only."""
    chance = random.Random(7)
    state = {"rate": 0.0, "count": 0}

    def failing(step):
        def wrapper(*args, **kwds):
            if CALLER.owner is not None and chance.random() < state["rate"]:
                state["count"] += 1
                raise chance.choice(FAULTS)
            return step(*args, **kwds)

        return wrapper

    for place, name in STEPS:
        monkeypatch.setattr(place, name, failing(getattr(place, name)))
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    return state


@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_whatever_fails_in_a_call_nothing_hangs_and_nothing_is_lost(
    tmp_path, faults, times
):
    """Every call ends, every accepted item is there, threads and descriptors go."""
    journal = Journal(tmp_path / "journal")
    with hosted(KEY, journal) as running:
        orders = connect(running.address, KEY).get_queue("orders")
        accepted, had, number = set(), set(), 0
        faults["rate"] = 0.05
        while faults["count"] < times:
            number += 1
            begin = time.monotonic()
            with FAILED:
                orders.put(number)
                accepted.add(number)
            with FAILED:
                had.add(orders.get(timeout=0.01))
            with FAILED:
                receipt, item = orders.receive(timeout=0.01)
                had.add(item)
                orders.ack(receipt)
            assert time.monotonic() - begin < 3
        faults["rate"] = 0.0
        orders._tls.connection.close()
        until(lambda: not running._clients)
        with contextlib.suppress(queue.Empty):
            while True:
                had.update(orders.get_many(timeout=0.5))
        assert accepted <= had | set(orders.dead_letters())
        orders._tls.connection.close()
    journal.close()


def test_a_journal_is_for_its_owner_only(tmp_path):
    """What is queued is nobody else's to read."""
    path = Path(tmp_path / "journal")
    with contextlib.closing(Journal(path)):
        if os.name == "posix":
            assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
