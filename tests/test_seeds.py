"""Programs as a stranger writes them from the documents, against labkit's and back.

Every server, client and pair of Pythons meets every other: the handshake changed
in 3.12, and neither side may notice.
"""

import os
import subprocess

import pytest
from pythons import ROOT, oldest_and_newest, pythons

from labkit.manager.keys import write_key_file

PLAIN_SERVER = """
import queue, sys
from multiprocessing.managers import BaseManager

tasks, results = queue.Queue(), queue.Queue()

class QueueManager(BaseManager):
    pass

QueueManager.register("get_task_queue", callable=lambda: tasks)
QueueManager.register("get_result_queue", callable=lambda: results)
with open(sys.argv[1]) as file:
    key = bytes.fromhex(file.read())
server = QueueManager(address=("127.0.0.1", 0), authkey=key).get_server()
print("serving at 127.0.0.1:%d;" % server.address[1], flush=True)
server.serve_forever()
"""

PLAIN = """
from multiprocessing.managers import BaseManager

class QueueManager(BaseManager):
    pass

QueueManager.register("get_task_queue")
QueueManager.register("get_result_queue")
manager = QueueManager(address=("127.0.0.1", port), authkey=key)
manager.connect()
"""

LABKIT = """
from labkit import connect

manager = connect(("127.0.0.1", port), key)
"""

# The master and the worker of the second document in one program; it uses nothing
# but the interface of queue.Queue.
CLIENT = """
import queue, sys

port = int(sys.argv[2])
with open(sys.argv[1]) as file:
    key = bytes.fromhex(file.read())
{connect}
task, result = manager.get_task_queue(), manager.get_result_queue()
for n in range(10):
    task.put(n)
assert task.qsize() == 10 and not task.empty() and not task.full()
for _ in range(10):
    n = task.get(timeout=5)
    result.put("%d * %d = %d" % (n, n, n * n))
    task.task_done()
task.join()
try:
    task.get(timeout=0.05)
except queue.Empty:
    result.put("task queue is empty.")
big = b"x" * 100_000
task.put(big, block=True)
assert task.get_nowait() == big
print([result.get(timeout=5) for _ in range(11)])
"""

VERSIONS = oldest_and_newest()


@pytest.fixture
def key_file(tmp_path):
    """Return the path of a fresh key file."""
    return write_key_file(tmp_path / "lab.key")


def serve(kind, version, key_file):
    """Start a server program; return it and the port it reports."""
    command = {
        "plain": ["-c", PLAIN_SERVER, str(key_file)],
        "labkit": ["-m", "labkit", "serve", "--key-file", str(key_file)],
    }[kind]
    process = subprocess.Popen(
        [pythons()[version], *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    line = process.stdout.readline()
    return process, line.split(";")[0].rpartition(":")[2]


# The standard library with itself is not our subject; one Python with itself is long.
PAIRS = [
    pytest.param(
        kind, connect, server, client, marks=marks, id=f"{name}-{server}-{client}"
    )
    for name, kind, connect in (
        ("plain server", "plain", LABKIT),
        ("plain client", "labkit", PLAIN),
        ("both labkit", "labkit", LABKIT),
    )
    for server in VERSIONS
    for client in VERSIONS
    for marks in [[pytest.mark.long] * (server == client and len(VERSIONS) > 1)]
]


@pytest.mark.parametrize(("kind", "connect", "server_python", "client_python"), PAIRS)
def test_every_client_works_with_every_server(
    kind, connect, server_python, client_python, key_file
):
    """One client program gets the same answers from each server."""
    program = CLIENT.format(connect=connect)
    server, port = serve(kind, server_python, key_file)
    try:
        answer = subprocess.run(
            [pythons()[client_python], "-c", program, str(key_file), port],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    finally:
        server.terminate()
        server.communicate(timeout=10)
    assert answer.stderr == ""
    expected = [f"{n} * {n} = {n * n}" for n in range(10)] + ["task queue is empty."]
    assert answer.stdout.strip() == str(expected)
