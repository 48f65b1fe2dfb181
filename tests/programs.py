"""Small programs that the tests run, and ways to look at what became of them."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.managers import BaseManager

import psutil
import pytest

from labkit.manager import QueueManager

posix_only = pytest.mark.skipif(
    os.name != "posix", reason="Windows has no signals, no modes and no fork"
)
unix_only = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here"
)

# In short pieces: a signal that arrives on the way into a sleep is seen after it.
SLEEP = "import time; any(time.sleep(0.05) for _ in range(2400))"
# A child in a session of its own, deaf to SIGTERM, as a learner's server may be.
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
WITH_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
print(child.pid)
"""


# How a client program begins: it reads where and with what from its input.
BEGIN = """
import sys
port, key = sys.stdin.readline().split()
address, key = ("127.0.0.1", int(port)), bytes.fromhex(key)
"""
LABKIT = f"""{BEGIN}
from labkit import connect
orders = connect(address, key).get_queue("orders")
"""
PLAIN = f"""{BEGIN}
from multiprocessing.managers import BaseManager
class QueueManager(BaseManager):
    pass
QueueManager.register("get_queue")
manager = QueueManager(address, key)
manager.connect()
orders = manager.get_queue("orders")
"""


@contextlib.contextmanager
def client(server, code, *args):
    """Run a client program against the server; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.stdin.write(f"{server.address[1]} {bytes(server.authkey).hex()}\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Plain(BaseManager):
    """A client of the standard library."""


Plain.register("get_queue")


@contextlib.contextmanager
def hosted(authkey, journal=None):
    """Serve from a thread of this process, whose parts a test can reach."""
    server = QueueManager(authkey=authkey).get_server()
    if journal:
        server.keep(journal)
    running = threading.Thread(target=server.serve_forever)
    running.start()
    try:
        yield server
    finally:
        server.stop()
        running.join(10)


def free_address():
    """Return a loopback address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


def environment(home, **variables):
    """Return the environment of somebody with that home folder and no settings."""
    ours = ("JUPYTER", "IPYTHON", "XDG", "LABKIT", "PYTHON")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return (
        kept | dict.fromkeys(("HOME", "USERPROFILE", "APPDATA"), str(home)) | variables
    )


def descriptors_of(process):
    """Return the number of descriptors (handles on Windows) of a process."""
    return process.num_fds() if os.name == "posix" else process.num_handles()


def python(code: str) -> list[str]:
    """Return the command that runs a piece of code."""
    return [sys.executable, "-c", code]


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that nobody has reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(is_so, within_s: float = 10.0):
    """Return what a function returns, once that is true; fail if it never is."""
    deadline = time.monotonic() + within_s
    look_again = threading.Event()
    while not (answer := is_so()):
        assert time.monotonic() < deadline, "it did not happen in time"
        look_again.wait(0.01)
    return answer


def assert_gone(pids: list[int], within_s: float) -> None:
    """Fail if one of the processes still runs after so many seconds."""
    deadline = time.monotonic() + within_s
    look_again = threading.Event()
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        look_again.wait(0.01)
    assert [pid for pid in pids if is_running(pid)] == []


class Lines:
    """Collect a program's output, and wait for a text in it."""

    def __init__(self) -> None:
        self.text = ""
        self._changed = threading.Condition()

    def __call__(self, text: str) -> None:
        """Take the next piece."""
        with self._changed:
            self.text += text
            self._changed.notify_all()

    def wait_for(self, wanted: str) -> str:
        """Return all there is as soon as it has the text; fail after 20 seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: wanted in self.text, timeout=20)
        return self.text


def limits():
    """Return the module that changes another process's limits, or skip the test."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux changes another process's limits")
    return resource


def limit_files(running, size):
    """Let the server's files grow no further, as a full disk does."""
    resource = limits()
    _, hard = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size or hard, hard))
