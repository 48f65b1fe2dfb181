"""start_server(): background processes that are ready, and that end."""

import base64
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from programs import posix_only, unix_only

from labkit import connect, errors
from labkit.servers import start_server

KEY = b"lighthouse"


def test_it_is_ready_on_return_and_gone_after_the_block():
    """The first call succeeds without waiting; leaving the block ends the process."""
    with start_server() as server:
        server.connect().get_task_queue().put("tea")
        assert server.is_alive()
    assert not server.is_alive()
    assert not psutil.pid_exists(server.pid)
    server.stop()  # a second time: nothing happens


@posix_only  # Windows is slower
def test_starting_and_stopping_is_quick():
    """Ready in 2 s and stopped in 1 s beside other tests; alone, in a quarter of it."""
    started, stopped = [], []
    for _ in range(3):
        begin = time.perf_counter()
        server = start_server()
        started.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        server.stop()
        stopped.append(time.perf_counter() - begin)
    assert min(started) <= 2
    assert min(stopped) <= 1


def test_a_port_in_use():
    """The error names the address and the way out, and is an OSError."""
    with start_server() as server:
        with pytest.raises(errors.AddressInUseError, match="or use port 0"):
            start_server(server.address)
        assert server.is_alive()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ((("127.0.0.1", 0), "lighthouse"), errors.KeyTypeError, "bytes, not str"),
        ((("0.0.0.0", 0), b"abracadabra"), errors.WeakKeyError, "make a good one"),
        ((("127.0.0.1", 99999),), errors.ServerStartError, None),
        ((("host.invalid", 0),), errors.ServerStartError, None),
    ],
)
def test_a_server_that_cannot_be(given, error, said):
    """A bad key, a key that everybody knows on an open address, no address."""
    with pytest.raises(error, match=said):
        start_server(*given)


@posix_only
def test_a_frozen_server_is_ended():
    """A server that does not answer is killed after two seconds."""
    server = start_server()
    os.kill(server.pid, signal.SIGSTOP)
    server.stop()
    assert not psutil.pid_exists(server.pid)


def test_what_is_left_is_reported():
    """The log of a stopped server says what its queues still held."""
    with start_server() as server:
        server.connect().get_queue("orders").put_many(["tea", "milk"])
    assert "Stopped. Left in the queue 'orders': 2 items." in server.log


def test_the_key_is_nowhere_to_be_seen():
    """Not in a repr, the log, the command line, the environment, or the errors."""
    with start_server(authkey=KEY) as server:
        process = psutil.Process(server.pid)
        places = [repr(server), repr(vars(server)), server.log, str(process.cmdline())]
        places += [str(process.environ()), str(os.environ)]
        manager = server.connect()
        tasks = manager.get_task_queue()
        tasks.put("tea")
        for thing in (manager, tasks, tasks._tls.connection):
            places += [repr(thing), str(getattr(thing, "__dict__", ""))]
        with pytest.raises(errors.LabkitError) as caught:
            connect(server.address, KEY + b"!")
        places += [caught.exconly(), str(caught.getrepr(showlocals=True, style="long"))]
    # The test's own text stands in its traceback, as KEY and not as the key.
    for text in places:
        for form in ("lighthouse", KEY.hex(), base64.b64encode(KEY).decode()[:-3]):
            assert form not in text


@unix_only
def test_its_own_connections_take_a_unix_socket():
    """connect() goes the quicker way, errors name the address people know."""
    with start_server() as server:
        tasks = server.connect().get_task_queue()
        tasks.put("tea")
        assert tasks._tls.connection.sock.family == socket.AF_UNIX
        folder = server._folder
        server.stop()
        with pytest.raises(errors.NoServerError, match=r"at 127\.0\.0\.1:"):
            tasks.put("milk")
    assert not folder.exists()


@unix_only
def test_a_killed_starter_leaves_no_folder(monkeypatch):
    """What it and its server could not remove goes at the next start."""
    code = (
        "from labkit import start_server; import os, time; s = start_server()\n"
        "print(s._folder); s._process.kill(); s._process.wait(); os.kill(os.getpid(), 9)"
    )
    with tempfile.TemporaryDirectory() as place:  # its path is short enough
        monkeypatch.setattr("tempfile.tempdir", place)
        env = os.environ | {"TMPDIR": place, "PYTHONUNBUFFERED": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=False, env=env
        )
        left = Path(done.stdout.decode().strip())
        assert left.is_dir()
        with start_server():
            assert not left.exists()
        assert list(Path(place).iterdir()) == []
