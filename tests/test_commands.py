"""produce, consume, master, worker and key: what goes in, comes out, and goes wrong."""

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from commands import SHOP, Lab, items, started, until
from programs import assert_gone, posix_only, unix_only
from pythons import ROOT
from test_seeds import PLAIN_SERVER

from labkit.__main__ import main
from labkit.commands import common

FULL = Path("/dev/full")
SIGNALS = [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]


@pytest.fixture
def lab(tmp_path):
    """Return a folder with a key and a module of jobs."""
    lab = Lab(tmp_path)
    lab.write("shop.py", SHOP)
    yield lab
    lab.close()


@pytest.fixture
def served(lab):
    """Return such a folder, with a server."""
    with lab.serve():
        yield lab


@pytest.fixture
def plain(lab):
    """Return a folder with a server of the standard library."""
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


# key


def test_a_new_key(lab):
    """The file is made for its owner alone, and an old one stays."""
    lab.key_file.unlink()
    _, err = lab.run("key", "lab.key")
    assert err.startswith("labkit key: Wrote a new key to lab.key.")
    old = lab.key_file.read_bytes()
    assert len(bytes.fromhex(old.decode())) == 32
    if os.name == "posix":
        assert stat.S_IMODE(lab.key_file.stat().st_mode) == 0o600
    assert "lab.key exists." in lab.run("key", "lab.key", code=2)[1]
    assert lab.key_file.read_bytes() == old


# produce and consume


def test_lines_in_and_out(served):
    """What is put is printed, in order; what JSON cannot hold by its repr."""
    lines = '{"tea": 2}\n\n[1, null]\n"K\u00e4se \\ud800"\n1e3'
    _, err = served.run("produce", *served.connect, stdin=lines)
    assert err.startswith("labkit produce: Put 4 items into 'tasks' in ")
    served.queue().put_many([b"\0", float("nan"), (1, 2)])
    out, err = served.run("consume", *served.connect, "--idle", 0)
    shown = '{"tea": 2}\n[1, null]\n"K\u00e4se \\ud800"\n1000.0\n'
    assert out == shown + '{"repr": "b\'\\\\x00\'"}\n{"repr": "nan"}\n[1, 2]\n'
    assert err.startswith("labkit consume: Took 7 items from 'tasks' in ")


@pytest.mark.parametrize("kind", ["ipv6", pytest.param("unix", marks=unix_only)])
def test_files_and_addresses(lab, kind):
    """Files, one after the other; to any kind of address."""
    one, two = lab.write("one", '"tea"\n\n'), lab.write("two", '"milk"\r\n')
    with lab.serve(("::1", 0) if kind == "ipv6" else str(lab.folder / "lab")):
        lab.run("produce", *lab.connect, one, "-", two, stdin="{}")
        assert lab.queue().get_many() == ["tea", {}, "milk"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"a"', "JSON (Expecting ':' delimiter): '{\"a\"'."),
        pytest.param(b"\xff\xfe", "JSON ('utf-8' codec", marks=pytest.mark.long),
        (b"[" * 100_000, "JSON (maximum recursion depth exceeded"),
        pytest.param(b"9" * 5000, "JSON (Exceeds the limit", marks=pytest.mark.long),
    ],
    ids=["no JSON", "no UTF-8", "deep", "large"],
)
def test_a_malformed_line(served, line, why):
    """It is named, with its file; what came before it was put."""
    lines = b"1\n2\n" + line + b"\n4\n"
    _, err = served.run("produce", *served.connect, stdin=lines, code=2)
    put, bad = err.splitlines()
    assert put.startswith("labkit produce: Put 2 items into 'tasks'")
    assert bad.startswith("labkit produce: Line 3 of standard input is not ")
    assert why in bad
    assert served.queue().get_many() == [1, 2]


@pytest.mark.long
def test_a_full_queue(served):
    """It waits for room, and says so."""
    shelf = served.queue("shelf", 2)
    options = [*served.connect, "--queue", "shelf"]
    patient = served.start("produce", *options, stdin="1\n2\n3\n")
    patient.err.wait_for("The queue 'shelf' is full. Waiting for a consumer.")
    assert [shelf.get(timeout=20) for _ in range(3)] == [1, 2, 3]
    assert "Put 3 items" in patient.finish()[1]


def test_a_closed_pipe_loses_nothing(served):
    """Once the reader has gone, the item in hand is back at the head of the queue."""
    served.queue().put_many(range(20_000))
    command = [sys.executable, "-m", "labkit", "consume", *served.connect]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.wait(20) == 0
        (count,) = re.findall(r"Took ([\d,]+) item", process.stderr.read())
    assert served.queue().get() == int(count.replace(",", ""))
    assert served.queue().stats().redelivered == 1


@pytest.mark.long
@pytest.mark.skipif(not FULL.exists(), reason="needs a full disk")
def test_a_full_disk_loses_nothing(served):
    """The item that could not be written is still in the queue."""
    served.queue().put("tea")
    command = [sys.executable, "-m", "labkit", "consume", *served.connect]
    with FULL.open("w") as full:
        process = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert process.returncode == 2
    assert "standard output: No space left on device.\n" in process.stderr
    assert served.queue().get_many() == ["tea"]


@posix_only
@pytest.mark.parametrize("signum", SIGNALS)
def test_interrupted(served, signum):
    """Ctrl-C and SIGTERM end a waiting consumer with exit code 130."""
    command = served.start("consume", *served.connect, "--forever")
    served.queue().put("tea")
    command.out.wait_for("tea")
    command.signal(signum)
    assert command.finish(130)[1].endswith("labkit consume: Interrupted.\n")


@pytest.mark.long
def test_the_server_ends(served):
    """A consumer with nothing in hand says so."""
    served.queue().put(1)
    consumer = served.start("consume", *served.connect)
    consumer.out.wait_for("1")
    until(lambda: served.queue().stats().unacked == 0)
    served.server.stop()
    assert "The server has ended. No item was in hand." in consumer.finish()[1]


@pytest.mark.long
def test_a_server_that_comes_back(served):
    """--retry-for bridges a restart."""
    served.queue().put(1)
    options = ["--idle", 3, "--retry-for", 20]
    command = served.start("consume", *served.connect, *options)
    command.out.wait_for("1")
    served.server.restart()
    served.queue().put(2)
    assert items(command.finish()[0]) == [1, 2]


def test_a_plain_server(plain):
    """The commands work with the standard library's server, too."""
    lines = "1\n2\n3\n"
    assert "Put 3 items" in plain.run("produce", *plain.connect, stdin=lines)[1]
    out, _ = plain.run("consume", *plain.connect, "--idle", 0)
    assert items(out) == [1, 2, 3]
    worker = plain.start("worker", *plain.connect)
    out, _ = plain.run("master", *plain.connect, stdin=lines)
    assert [record["result"] for record in items(out)] == [1, 4, 9]
    worker.signal(signal.SIGTERM)
    worker.process.wait(20)
    _, err = plain.run("consume", *plain.connect, "--queue", "orders", code=2)
    assert "offers no get_queue()" in err


# master and worker


def test_ten_random_squares(served):
    """Ten squares are printed; the worker ends with the server, with code 0."""
    master = served.start("master", *served.connect, "--demo")
    worker = served.start("worker", *served.connect)
    out, err = master.finish()
    assert sorted(record["id"] for record in items(out)) == list(range(1, 11))
    assert all(record["task"] ** 2 == record["result"] for record in items(out))
    assert "10 of 10 tasks done, in" in err
    served.server.stop()
    assert "has ended. 10 tasks done." in worker.finish()[1]


def test_a_job_of_ones_own(served):
    """Errors and strange results are records, too."""
    orders = '"tea"\n"milk"\n"nothing"\n"sugar"\n'
    master = served.start("master", *served.connect, stdin=orders)
    worker = served.start(
        "worker", *served.connect, "--job", "shop:picky", "--workers", 2
    )
    out, err = master.finish(1)
    tea, milk, nothing, sugar = sorted(items(out), key=lambda record: record["id"])
    assert tea == {"id": 1, "task": "tea", "result": {"repr": "b'tea'"}}
    assert milk["error"] == "KeyError: 'no milk today'"
    assert 'shop.py", line 16, in picky' in milk["traceback"]
    assert nothing["error"] == "SystemExit: 1"
    assert sugar["id"] == 4
    assert "4 of 4 tasks done, 2 of them failed, in" in err
    served.server.stop()
    said = worker.finish()[1]
    assert sum(map(int, re.findall(r"(\d+) tasks? done", said))) == 4
    assert sum(map(int, re.findall(r"(\d+) of them failed", said))) == 2


@pytest.mark.long
def test_produce_work_and_consume(served):
    """Without a master, the worker's records name the task."""
    served.run("produce", *served.connect, stdin='"Tea"\n')
    worker = served.start("worker", *served.connect, "--job", "letters")
    out, _ = served.run("consume", *served.connect, "--queue", "results")
    assert items(out) == [{"task": "Tea", "result": {"a": 1, "e": 1, "t": 1}}]
    served.server.stop()
    worker.finish()


@pytest.mark.long
def test_a_master_whose_server_dies(served):
    """It says how far it came, and ends with code 3."""
    master = served.start("master", *served.connect, stdin="1\n")
    until(lambda: served.queue().qsize() == 1)
    served.server.kill()
    _, err = master.finish(3)
    assert "0 of 1 tasks done" in err
    assert re.search(
        "start the server first|look at the server", err
    )  # refused, or cut off


def test_nothing_is_handed_out_of_bad_input(served):
    """One malformed line, and no task is put."""
    _, err = served.run("master", *served.connect, stdin="1\n{\n", code=2)
    assert "Line 2 of standard input is not JSON" in err
    assert served.queue().empty()


def test_a_master_takes_its_own_records_once(served):
    """Second records and those of other runs are dropped."""
    master = served.start("master", *served.connect, stdin="1\n2\n")
    tasks, results = served.queue(), served.queue("results")
    receipt, task = tasks.receive()
    results.put({**task, "run": "another", "result": 0})
    results.put_many([{**task, "result": 1}] * 2)
    results.put({**tasks.get(), "result": 4})
    out, err = master.finish()
    assert [record["result"] for record in items(out)] == [1, 4]
    assert "Dropped a result of another run: give each its own --results." in err
    tasks.ack(receipt)


# Whoever dies, is stopped, interrupted or frozen


@pytest.mark.long
def test_a_task_that_kills_its_workers(served):
    """After five deaths the task is an error."""
    master = served.start("master", *served.connect, stdin="1\n")
    worker = served.start("worker", *served.connect, "--job", "shop:deadly")
    out, err = master.finish(1)
    (record,) = items(out)
    assert record["error"] == "every worker that took this task died or ran out of time"
    assert err.startswith("labkit master: Handing out 1 task; workers do them.")
    served.server.stop()
    assert worker.finish()[1].count("died (exit code 9)") == 5


@pytest.mark.long
@posix_only
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_end_of_a_master_and_of_its_server(served, signum):
    """It says how far it came. Waiting workers end with code 0, busy ones with 3."""
    master = served.start("master", *served.connect, stdin="1\n")
    first = served.start("worker", *served.connect, "--job", "shop:patient")
    started(served)
    worker = served.start("worker", *served.connect, "--workers", 2)
    until(lambda: len(psutil.Process(worker.pid).children()) == 3)
    master.signal(signum)
    _, err = master.finish(130)
    assert "0 of 1 tasks done, in" in err
    assert err.endswith("labkit master: Interrupted.\n")
    served.server.kill()
    assert worker.finish()[1].count("has ended. 0 tasks done.") == 2
    served.write("go", "")
    assert "The result of task 1 was not delivered" in first.finish(3)[1]


@posix_only
def test_a_killed_worker_command(served):
    """It takes its busy processes with it, and their tasks go back."""
    served.queue().put_many([1, 2])
    options = ["--workers", 2, "--job", "shop:patient"]
    worker = served.start("worker", *served.connect, *options)
    started(served, 1), started(served, 2)
    children = [child.pid for child in psutil.Process(worker.pid).children()]
    assert len(children) == 3  # with the standard library's resource tracker
    worker.signal(signal.SIGKILL)
    assert_gone(children, within_s=2)
    worker.finish(-9)
    assert until(lambda: served.queue().qsize() == 2)


@posix_only
@pytest.mark.parametrize("signum", SIGNALS)
def test_a_stopped_worker_finishes_its_task(served, signum):
    """A signal for the whole group: the task in hand is done all the same."""
    served.queue().put(1)
    options = ["--job", "shop:patient"]
    worker = served.start("worker", *served.connect, *options, start_new_session=True)
    started(served)
    os.killpg(worker.pid, signum)
    served.write("go", "")
    assert worker.finish()[1] == "labkit worker: Stopped. 1 task done.\n"
    assert served.queue("results").get_many() == [{"task": 1, "result": 1}]


@posix_only
def test_a_second_signal_ends_at_once(served):
    """The task in hand goes back to the queue."""
    served.queue().put(1)
    worker = served.start("worker", *served.connect, "--job", "shop:patient")
    pid = started(served)
    worker.signal(signal.SIGTERM)
    worker.signal(signal.SIGINT)
    worker.finish(130)
    assert_gone([pid], within_s=2)
    assert until(lambda: served.queue().qsize() == 1)


@pytest.mark.long
@posix_only
def test_a_frozen_server_holds_no_worker(served):
    """A worker without a task stops although its server says nothing."""
    worker = served.start("worker", *served.connect)
    until(lambda: served.queue().stats().waiting_consumers == 1)
    os.kill(served.server.pid, signal.SIGSTOP)
    worker.signal(signal.SIGTERM)
    assert "Stopped. 0 tasks done." in worker.finish()[1]
    os.kill(served.server.pid, signal.SIGCONT)


@pytest.mark.long
@posix_only
def test_a_server_that_comes_back_finds_its_worker(served):
    """With --retry-for the result in hand is delivered to the new server."""
    served.queue().put(1)
    options = ["--job", "shop:patient", "--retry-for", 20]
    worker = served.start("worker", *served.connect, *options)
    started(served)
    served.server.kill()
    served.server.restart()
    served.write("go", "")
    assert served.queue("results").get(timeout=20) == {"task": 1, "result": 1}
    served.queue().put(2)
    assert served.queue("results").get(timeout=20)["result"] == 2
    worker.signal(signal.SIGTERM)
    worker.finish()


# Bad usage, keys and helps


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("produce", "The following arguments are required: --connect"),
        ("produce --connect 5555", "'5555' is not an address: give HOST:PORT"),
        ("produce --connect ::1:5555", "[IPV6]:PORT"),
        ("produce --connect :99999", "':99999' is not an address"),
        (
            "worker --connect :5 --workers 0",
            "'0' is not a whole number, 1 to 1,000,000",
        ),
        (
            "consume --connect :5 --idle nan",
            "'nan' is not a number, 0 to 1,000,000,000",
        ),
        ("worker --connect :5 --visibility 0", "'0' is not a number, 0.1 to"),
        (
            "worker --connect :5 --job shop",
            "Give square, letters, log_lines, or MODULE:FUNCTION.",
        ),
        ("worker --connect :5 --job store:pack", "No module named 'store'"),
        ("worker --connect :5 --job json:pack", "has no attribute 'pack'"),
        ("master", "The following arguments are required: --connect"),
        ("produce --connect :5 --key-file no.key", "no key file no.key"),
        (
            "master --connect :5 nowhere.jsonl",
            "nowhere.jsonl: No such file or directory",
        ),
        ("key", "required: FILE"),
        ("serve --silence 3601", "'3601' is not a whole number, 1 to 3,600"),
        ("key nowhere/lab.key", "lab.key: No such file or directory"),
        ("consume --connect :5 --idel 3", "Unrecognized arguments: --idel 3"),
    ],
)
def test_bad_usage(tmp_path, monkeypatch, capsys, argv, sentence):
    """One sentence, exit code 2."""
    monkeypatch.chdir(tmp_path)
    try:
        code = main(argv.split())
    except SystemExit as error:
        code = error.code
    assert code == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.startswith(f"labkit {argv.split()[0]}: ")
    assert err.count("\n") == 1


def test_no_server_and_a_wrong_key(served):
    """One sentence, exit code 3; it names the address."""
    served.run("key", "labkit.key")
    where = served.connect[:2]
    _, err = served.run("worker", *where, stdin="1", code=3)
    assert f"{where[1]} has another authkey; use the one it was started with" in err
    served.server.stop()
    _, err = served.run("worker", *served.connect, stdin="1", code=3)
    assert where[1] in err
    assert err.count("\n") == 1


@posix_only
def test_the_key_is_in_no_command_line_and_no_environment(served):
    """Not of the master, the worker, or the worker's processes."""
    master = served.start("master", *served.connect, stdin="1\n")
    worker = served.start("worker", *served.connect, "--job", "shop:patient")
    started(served)
    pids = [master.pid, worker.pid]
    for pid in (master.pid, worker.pid):
        pids += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    assert len(pids) == 4
    for process in map(psutil.Process, pids):
        text = str(process.cmdline()) + str(process.environ())
        assert not any(secret in text for secret in served.secrets())
    served.write("go", "")
    master.finish()
    served.server.stop()
    worker.finish()


def example(lab, name, port=None):
    """Return the example of a command's help, for this Python and a port."""
    out, _ = lab.run(name, "--help")
    line = out.rpartition("example:\n  ")[2].strip()
    assert "\n" not in line
    assert f"-m labkit {name} " in line
    return line.replace("python ", f"{sys.executable} ").replace("5555", str(port))


@pytest.mark.long
@posix_only
def test_every_example_works(lab):
    """The last line of each --help is a command that runs as it is."""
    lab.key_file.unlink()
    lab.shell(example(lab, "key"))
    with lab.serve() as server:
        port = server.address[1]
        lab.shell(example(lab, "produce", port))
        assert lab.shell(example(lab, "consume", port)) == '{"tea": 2}\n'
        with lab.start_shell(example(lab, "worker", port)) as worker:
            out = lab.shell(example(lab, "master", port))
            assert out.count('"result"') == 10
            server.stop()
            assert worker.wait(30) == 0


def test_help_is_quick():
    """Nothing that serves or connects is imported for --help."""
    program = """if True:
        import contextlib, sys
        from labkit.__main__ import main
        for name in ("key", "produce", "consume", "master", "worker", "run"):
            with contextlib.suppress(SystemExit):
                main([name, "--help"])
        heavy = {"multiprocessing.managers", "distributed"}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"""
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.long
@posix_only
def test_closed_streams(served):
    """Without standard output it takes nothing; the other streams it can miss."""
    served.queue().put("tea")
    command = f"{sys.executable} -m labkit consume --idle 0 "
    command += " ".join(map(str, served.connect))
    with served.start_shell(f"{command} >&-") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.endswith("labkit consume: Standard output is closed.\n")
    assert served.shell(f"{command} <&- 2>&-") == '"tea"\n'


def test_a_call_that_may_be_done_twice_is_repeated():
    """After a lost connection, for as long as --retry-for says."""
    lost = [common.errors.OutcomeUnknownError("lost"), None]

    def put(item):
        if error := lost.pop(0):
            raise error
        return item

    assert common.again(common.Options(retry_for=9), put, "tea") == "tea"
    lost[:] = [common.errors.OutcomeUnknownError("lost")]
    with pytest.raises(common.errors.OutcomeUnknownError):
        common.again(common.Options(retry_for=0), put, "tea")
