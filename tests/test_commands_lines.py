"""key, produce and consume: lines in, lines out, and everything that goes wrong."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Lab
from pythons import ROOT
from test_seeds import PLAIN_SERVER

POSIX = os.name == "posix"
FULL = Path("/dev/full")


@pytest.fixture
def lab(tmp_path):
    """Return a folder with a key and a server."""
    lab = Lab(tmp_path)
    with lab.serve():
        yield lab
        lab.close()


@pytest.fixture
def plain(tmp_path):
    """Return a folder with a key and a server of the standard library."""
    lab = Lab(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", PLAIN_SERVER, str(lab.key_file)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        port = process.stdout.readline().split(";")[0].rpartition(":")[2]
        lab.server = type("Plain", (), {"address": ("127.0.0.1", int(port))})
        yield lab
        lab.close()
        process.kill()


def items(out):
    """Return what was printed."""
    return [json.loads(line) for line in out.splitlines()]


# key


def test_a_new_key(tmp_path):
    """The file is made, for its owner alone, and the key is not shown."""
    lab = Lab(tmp_path)
    lab.key_file.unlink()
    _, err = lab.run("key", "lab.key")
    assert err == (
        "labkit key: wrote a new key to lab.key; give clients a copy in a safe way\n"
    )
    assert len(bytes.fromhex(lab.key_file.read_text(encoding="ascii"))) == 32
    if POSIX:
        assert stat.S_IMODE(lab.key_file.stat().st_mode) == 0o600


def test_a_key_is_not_overwritten(tmp_path):
    """An old key stays, unless --force says otherwise."""
    lab = Lab(tmp_path)
    old = lab.key_file.read_bytes()
    _, err = lab.run("key", "lab.key", code=2)
    assert "lab.key exists" in err
    assert lab.key_file.read_bytes() == old
    lab.run("key", "lab.key", "--force")
    assert lab.key_file.read_bytes() != old


def test_a_key_that_cannot_be_written(tmp_path):
    """A folder that is not there is one sentence."""
    _, err = Lab(tmp_path).run("key", "nowhere/lab.key", code=2)
    assert err == "labkit key: nowhere/lab.key: No such file or directory\n"


# produce and consume


def test_lines_in_and_out(lab):
    """What is put comes out again, in order."""
    lines = '{"tea": 2}\n\n[1, null]\n"K\u00e4se \\ud800"\n1e3'
    _, err = lab.run("produce", *lab.connect, stdin=lines)
    assert err.startswith("labkit produce: put 4 items into 'tasks' in 0.")
    out, err = lab.run("consume", *lab.connect, "--idle", 0)
    assert out == '{"tea": 2}\n[1, null]\n"K\u00e4se \\ud800"\n1000.0\n'
    assert err.startswith("labkit consume: took 4 items from 'tasks' in 0.")


def test_files_and_text(lab):
    """Files are read one after the other; with --text a line is a string."""
    one = lab.write("one", "tea\n\n")
    two = lab.write("two", "milk\r\n")
    lab.run("produce", *lab.connect, "--text", one, "-", two, stdin="{")
    assert lab.queue().get_many() == ["tea", "", "{", "milk"]


def test_a_malformed_line(lab):
    """It is named; what came before it was put, what comes after it was not."""
    options = [*lab.connect, "--batch", 10]
    _, err = lab.run("produce", *options, stdin='1\n2\n{"a"\n4\n', code=2)
    assert err.splitlines()[0].startswith("labkit produce: put 2 items into 'tasks'")
    assert err.splitlines()[1] == (
        "labkit produce: line 3 of standard input is not JSON (Expecting ':' "
        "delimiter, column 5): '{\"a\"'; --skip-bad goes on"
    )
    assert lab.queue().get_many() == [1, 2]


def test_malformed_lines_skipped(lab):
    """--skip-bad names each and goes on."""
    lines = b"1\n\xff\xfe\n" + b"[" * 100_000 + b"\n" + b"9" * 5000 + b"\n{\n2\n"
    _, err = lab.run("produce", *lab.connect, "--skip-bad", stdin=lines)
    assert err.count("; skipped\n") == 4
    assert "put 2 items into 'tasks'" in err
    assert err.endswith("; skipped 4 malformed lines\n")
    assert lab.queue().get_many() == [1, 2]


def test_a_full_queue(lab):
    """It waits for room, then says how far it came; a batch that never fits is told."""
    shelf = lab.queue("shelf", 2)
    options = [*lab.connect, "--queue", "shelf"]
    _, err = lab.run("produce", *options, "--timeout", 0, stdin="1\n2\n3\n", code=1)
    assert "put 2 items into 'shelf'" in err
    assert "was full for 0 s: start a consumer, and go on after item 2" in err
    _, err = lab.run("produce", *options, "--batch", 3, stdin="1\n2\n3\n", code=2)
    assert "3 items never fit a queue of maxsize 2" in err
    patient = lab.start("produce", *options, stdin="3\n")
    assert [shelf.get(timeout=20) for _ in range(3)] == [1, 2, 3]
    patient.finish()


def test_consume_stops_at_max(lab):
    """The rest stays in the queue."""
    lab.queue().put_many([1, 2, 3])
    out, _ = lab.run("consume", *lab.connect, "--max", 2, "--forever")
    assert items(out) == [1, 2]
    assert lab.queue().stats().unacked == 0
    assert lab.queue().get_many() == [3]


def test_items_that_are_no_json(lab):
    """They are printed by their repr."""
    lab.queue().put_many([b"\0", {1, 2}, float("nan"), (1, 2)])
    out, _ = lab.run("consume", *lab.connect, "--idle", 0)
    reprs = [{"repr": "b'\\x00'"}, {"repr": "{1, 2}"}, {"repr": "nan"}]
    assert items(out) == [*reprs, [1, 2]]


def test_a_closed_pipe_loses_nothing(lab):
    """Once the reader has gone, the item in hand is back at the head of the queue."""
    lab.queue().put_many(range(20_000))
    with subprocess.Popen(
        [sys.executable, "-m", "labkit", "consume", *lab.connect, "--idle", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.wait(20) == 0
        err = process.stderr.read()
    assert err.count("\n") == 1
    taken = int(err.split()[3].replace(",", ""))
    assert lab.queue().get() == taken
    assert lab.queue().stats().redelivered == 1


@pytest.mark.skipif(not FULL.exists(), reason="needs a full disk")
def test_a_full_disk_loses_nothing(lab):
    """The item that could not be written is still in the queue."""
    lab.queue().put("tea")
    with FULL.open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "labkit", "consume", *lab.connect],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert process.returncode == 2
    assert "standard output: No space left on device\n" in process.stderr
    assert lab.queue().get_many() == ["tea"]


@pytest.mark.skipif(not POSIX, reason="Windows has other signals")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(lab, signum):
    """Ctrl-C and SIGTERM end a waiting consumer with exit code 130."""
    command = lab.start("consume", *lab.connect, "--forever")
    lab.queue().put("tea")
    command.out.wait_for("tea")
    command.signal(signum)
    _, err = command.finish(130)
    assert err.endswith("labkit consume: interrupted\n")


def test_the_server_ends(lab):
    """A consumer with nothing in hand says so; one that wanted more says that."""
    two = []
    for name, more in (("one", []), ("two", ["--max", 5])):
        lab.queue(name).put(1)
        two.append(lab.start("consume", *lab.connect, "--queue", name, *more))
        two[-1].out.wait_for("1")
    lab.server.stop()
    assert "the server has ended; no item was in hand" in two[0].finish(0)[1]
    assert "server" in two[1].finish(3)[1].splitlines()[1]


def test_a_server_that_comes_back(lab):
    """--retry-for bridges a restart."""
    lab.queue().put(1)
    command = lab.start("consume", *lab.connect, "--max", 2, "--retry-for", 20)
    command.out.wait_for("1")
    lab.server.restart()
    lab.queue().put(2)
    assert items(command.finish()[0]) == [1, 2]


def test_a_plain_server(plain):
    """Both commands work with the standard library's server, batches too."""
    lines = "1\n2\n3\n4\n5\n"
    _, err = plain.run("produce", *plain.connect, "--batch", 3, stdin=lines)
    assert "put 5 items" in err
    out, _ = plain.run("consume", *plain.connect, "--max", 3)
    assert items(out) == [1, 2, 3]
    out, _ = plain.run("consume", *plain.connect, "--idle", 0)
    assert items(out) == [4, 5]
    _, err = plain.run("consume", *plain.connect, "--queue", "orders", code=2)
    assert "offers no get_queue()" in err


@pytest.mark.parametrize("kind", ["ipv6", "unix"])
def test_other_addresses(tmp_path, kind):
    """An IPv6 address in brackets, and the path of a Unix socket, both work."""
    if kind == "unix" and not hasattr(socket, "AF_UNIX"):
        pytest.skip("no Unix sockets here")
    lab = Lab(tmp_path)
    with lab.serve(("::1", 0) if kind == "ipv6" else str(tmp_path / "lab")):
        lab.run("produce", *lab.connect, stdin="1")
        assert lab.queue().get_many() == [1]
