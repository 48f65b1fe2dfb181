"""master and worker: the seeds' pair, and everything that dies around it."""

import os
import signal
import sys

import psutil
import pytest
from commands import SHOP, Lab, start_master, started, until
from test_commands_lines import items, plain  # noqa: F401 - a fixture

from labkit.commands.jobs import letters, load_job, name_of, perform
from labkit.commands.ledger import Ledger

needs_signals = pytest.mark.skipif(os.name != "posix", reason="Windows has none")


@pytest.fixture
def lab(tmp_path):
    """Return a folder with a key and a module of jobs."""
    lab = Lab(tmp_path)
    lab.write("shop.py", SHOP)
    yield lab
    lab.close()


# The seeds' scenario


@pytest.mark.parametrize("count", [1, 3])
def test_ten_random_squares(lab, count):
    """Ten squares are printed; the master ends first, and every worker with code 0."""
    master, where = start_master(lab, "--demo")
    workers = [lab.start("worker", *where) for _ in range(count)]
    out, err = master.finish()
    assert sorted(record["id"] for record in items(out)) == list(range(1, 11))
    assert all(record["task"] ** 2 == record["result"] for record in items(out))
    assert "10 of 10 tasks done, in" in err
    done = 0
    for worker in workers:
        _, err = worker.finish()
        assert "the server at 127.0.0.1:" in err
        assert err.count("\n") == 1
        done += int(err.split()[-3])
    assert done == 10


def test_in_order_and_with_a_job_of_ones_own(lab):
    """--ordered keeps the order; results that JSON cannot hold and errors are told."""
    orders = '"tea"\n"milk"\n"nothing"\n"sugar"\n'
    master, where = start_master(lab, "--ordered", stdin=orders)
    options = ["--job", "shop:picky", "--workers", 2]
    worker = lab.start("worker", *where, *options)
    out, err = master.finish(1)
    tea, milk, nothing, sugar = items(out)
    assert tea == {"id": 1, "task": "tea", "result": {"repr": "b'tea'"}}
    assert milk["error"] == "KeyError: 'no milk today'"
    assert 'shop.py", line 16, in picky' in milk["traceback"]
    assert nothing["error"] == "SystemExit: 1"
    assert sugar["id"] == 4
    assert "4 of 4 tasks done, 2 of them failed, in" in err
    assert "4 tasks done, 2 of them failed" in worker.finish()[1]


def test_produce_work_and_consume(lab):
    """Without a master, the worker's records name the task."""
    with lab.serve():
        lab.run("produce", *lab.connect, "--text", stdin="Tea\n")
        lab.run("worker", *lab.connect, "--job", "letters", "--idle", 0.1)
        out, _ = lab.run("consume", *lab.connect, "--queue", "results", "--idle", 0)
    assert items(out) == [{"task": "Tea", "result": {"a": 1, "e": 1, "t": 1}}]


def test_a_plain_server_in_the_middle(plain):  # noqa: F811 - the fixture
    """Master and worker work over the standard library's server."""
    worker = plain.start("worker", *plain.connect, "--workers", 2)
    out, _ = plain.run("master", *plain.connect, "--ordered", stdin="1\n2\n3\n")
    assert [record["result"] for record in items(out)] == [1, 4, 9]
    worker.signal(signal.SIGTERM)
    assert "stopped; 3 tasks done" in worker.finish()[1]


def test_a_master_that_has_waited_enough(lab):
    """--timeout gives every open task an error, and exit code 1."""
    master, _ = start_master(lab, "--timeout", 0.2, stdin="1\n2\n")
    out, err = master.finish(1)
    assert [r["error"] for r in items(out)] == ["no result within 0.2 s"] * 2
    assert "2 of 2 tasks done, 2 of them failed" in err


def test_a_master_whose_server_dies(lab):
    """It says how far it came, and ends with code 3."""
    with lab.serve() as server:
        master = lab.start("master", *lab.connect, stdin="1\n")
        until(lambda: lab.queue().qsize() == 1)
        server.kill()
        _, err = master.finish(3)
    assert "0 of 1 tasks done" in err
    assert "the server has ended" in err


def test_nothing_is_handed_out_of_bad_input(lab):
    """One malformed line, and no task is put; --skip-bad puts the others."""
    with lab.serve():
        _, err = lab.run("master", *lab.connect, stdin="1\n{\n", code=2)
        assert "line 2 of standard input is not JSON" in err
        assert lab.queue().empty()
        worker = lab.start("worker", *lab.connect)
        lab.run("master", *lab.connect, "--skip-bad", stdin="1\n{\n")
    worker.finish()


def test_a_thousand_tasks(lab):
    """Many small tasks go through three workers, each once."""
    numbers = "\n".join(map(str, range(1000)))
    master, where = start_master(lab, "--ordered", stdin=numbers)
    worker = lab.start("worker", *where, "--workers", 3)
    out, err = master.finish()
    assert [record["task"] for record in items(out)] == list(range(1000))
    assert "1,000 of 1,000 tasks done" in err
    assert "1,000 tasks done" in worker.finish()[1]


# Secrets, and the examples


@needs_signals
def test_the_key_is_in_no_command_line_and_no_environment(lab):
    """Not of the master, its server, the worker, or the worker's processes."""
    master, where = start_master(lab, stdin="1\n")
    worker = lab.start("worker", *where, "--job", "shop:patient")
    started(lab)
    pids = [master.pid, worker.pid]
    for pid in (master.pid, worker.pid):
        pids += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    assert len(pids) == 5
    for process in map(psutil.Process, pids):
        text = str(process.cmdline()) + str(process.environ())
        assert not any(secret in text for secret in lab.secrets())
    lab.write("go", "")
    master.finish()
    worker.finish()


def example(lab, name, port=None):
    """Return the example of a command's help, for this Python and a port."""
    out, _ = lab.run(name, "--help")
    line = out.rpartition("example:\n  ")[2].strip()
    assert "\n" not in line
    assert f"python -m labkit {name} " in line
    return line.replace("python ", f"{sys.executable} ").replace("5555", str(port))


@needs_signals
def test_every_example_works(lab):
    """The last line of each --help is a command that runs as it stands."""
    lab.key_file.unlink()
    lab.shell(example(lab, "key"))
    with lab.serve() as server:
        port = server.address[1]
        lab.shell(example(lab, "produce", port))
        assert lab.shell(example(lab, "consume", port)) == '{"tea": 2}\n'
    # Its port is free again: the master's.
    with lab.start_shell(example(lab, "master", port)) as master:
        assert "start workers with: python" in master.stderr.readline()
        lab.shell(example(lab, "worker", port))
        assert master.stdout.read().count('"result"') == 10


# What needs no process


def test_a_ledger_tells_its_records_from_others():
    """Second records, those of other runs, and strange ones are counted."""
    ledger = Ledger(["tea", "milk"])
    tea, milk = ledger.unsent
    for record in [{**milk, "result": 1}] * 2 + [{**tea, "run": "x"}, None, {}]:
        list(ledger.enter(record))
    assert list(ledger.enter({**tea, "error": "x"})) == [
        {"id": 1, "task": "tea", "error": "x"}
    ]
    assert not ledger.open
    assert ledger.summary() == (
        "2 of 2 tasks done, 1 of them failed, 1 done twice, shown once, 3 results of "
        "other runs dropped (give each master a --results queue of its own)"
    )


def test_a_ledger_keeps_the_order():
    """What comes early waits for what is before it."""
    ledger = Ledger("abc", ordered=True)
    came = [
        [record["task"] for record in ledger.enter({**item, "result": 0})]
        for item in reversed(ledger.unsent)
    ]
    assert came == [[], [], ["a", "b", "c"]]


def test_jobs_and_names():
    """The built-in jobs, and how tasks are called in sentences."""
    assert load_job("square")(3) == 9
    assert perform(letters, "tea") == {"task": "tea", "result": letters("tea")}
    assert "TypeError" in perform(load_job("square"), "tea")["error"]
    assert name_of({"run": "r", "id": 3, "task": 9}) == "task 3"
    assert len(name_of("x" * 100)) == 45
