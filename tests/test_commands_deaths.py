"""Workers, masters and servers that are killed, stopped, interrupted or frozen."""

import os
import signal

import psutil
import pytest
from commands import SHOP, Lab, server_of, start_master, started, until
from programs import assert_gone
from test_commands_lines import items

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")


@pytest.fixture
def lab(tmp_path):
    """Return a folder with a key and a module of jobs."""
    lab = Lab(tmp_path)
    lab.write("shop.py", SHOP)
    yield lab
    lab.close()


def test_a_killed_worker_loses_no_task(lab):
    """Its parent notices, says so and replaces it; the task is done by another."""
    master, where = start_master(lab, stdin="1\n2\n3\n")
    worker = lab.start("worker", *where, "--workers", 2, "--job", "shop:patient")
    pid = started(lab, 1)
    os.kill(pid, signal.SIGKILL)
    text = worker.err.wait_for("\n")
    assert text == (
        f"labkit worker: process {pid} died (SIGKILL); task 1, which it had in hand, "
        "goes back to the queue; another takes its place\n"
    )
    lab.write("go", "")
    out, _ = master.finish()
    assert sorted(record["result"] for record in items(out)) == [1, 2, 3]
    assert "3 tasks done" in worker.finish()[1]


def test_a_task_that_kills_its_workers(lab):
    """After five deaths the task is an error, and the others are done."""
    master, where = start_master(lab, stdin="1\n")
    worker = lab.start("worker", *where, "--job", "shop:deadly")
    out, err = master.finish(1)
    (record,) = items(out)
    assert record["error"] == "its workers died or took too long, time after time"
    assert "waiting for 1 task: 0 in the queue, 0 in hand; " in err
    _, err = worker.finish()
    assert err.count("died (exit code 9)") == 5


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_end_of_a_master(lab, signum):
    """It orphans no server; its polling workers end with a sentence and code 0."""
    master, where = start_master(lab, stdin="1\n")
    first = lab.start("worker", *where, "--job", "shop:patient")
    started(lab)
    worker = lab.start("worker", *where, "--workers", 2)
    until(lambda: len(psutil.Process(worker.pid).children()) == 3)
    server = server_of(master)
    master.signal(signum)
    _, err = master.finish(-9 if signum == signal.SIGKILL else 130)
    assert_gone([server], within_s=2)
    if signum != signal.SIGKILL:
        assert "0 of 1 tasks done, in" in err
        assert err.endswith("labkit master: interrupted\n")
    assert "has ended; 0 tasks done" in worker.finish()[1]
    lab.write("go", "")
    _, err = first.finish(3)
    assert "has ended; task 1 was in hand: its result is not delivered" in err


def test_the_end_of_a_workers_parent(lab):
    """Killed, it takes its busy children with it within two seconds."""
    with lab.serve():
        lab.queue().put_many([1, 2])
        options = ["--workers", 2, "--job", "shop:patient"]
        worker = lab.start("worker", *lab.connect, *options)
        started(lab, 1), started(lab, 2)
        children = [child.pid for child in psutil.Process(worker.pid).children()]
        assert len(children) == 3  # with the standard library's resource tracker
        worker.signal(signal.SIGKILL)
        assert_gone(children, within_s=2)
        worker.finish(-9)
        assert until(lambda: lab.queue().qsize() == 2)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_finishes_its_task(lab, signum):
    """Ctrl-C reaches the whole group; the task in hand is done all the same."""
    with lab.serve():
        lab.queue().put(1)
        worker = lab.start(
            "worker",
            *lab.connect,
            "--job",
            "shop:patient",
            start_new_session=True,
        )
        started(lab)
        os.killpg(worker.pid, signum)
        lab.write("go", "")
        assert worker.finish()[1] == "labkit worker: stopped; 1 task done\n"
        assert lab.queue("results").get_many() == [{"task": 1, "result": 1}]


def test_a_second_signal_ends_at_once(lab):
    """The task in hand goes back to the queue."""
    with lab.serve():
        lab.queue().put(1)
        worker = lab.start("worker", *lab.connect, "--job", "shop:patient")
        pid = started(lab)
        worker.signal(signal.SIGTERM)
        worker.signal(signal.SIGINT)
        worker.finish(130)
        assert_gone([pid], within_s=2)
        assert until(lambda: lab.queue().qsize() == 1)


def test_a_frozen_server_holds_no_worker(lab):
    """A worker without a task stops although its server says nothing."""
    with lab.serve() as server:
        worker = lab.start("worker", *lab.connect)
        until(lambda: lab.queue().stats().waiting_consumers == 1)
        os.kill(server.pid, signal.SIGSTOP)
        worker.signal(signal.SIGTERM)
        assert "stopped; 0 tasks done" in worker.finish()[1]
        os.kill(server.pid, signal.SIGCONT)


def test_a_server_that_comes_back_finds_its_worker(lab):
    """With --retry-for the result in hand is delivered to the new server."""
    with lab.serve() as server:
        lab.queue().put(1)
        options = ["--job", "shop:patient", "--retry-for", 20]
        worker = lab.start("worker", *lab.connect, *options)
        started(lab)
        server.kill()
        server.restart()
        lab.write("go", "")
        assert lab.queue("results").get(timeout=20) == {"task": 1, "result": 1}
        lab.queue().put(2)
        assert lab.queue("results").get(timeout=20)["result"] == 2
        worker.signal(signal.SIGTERM)
        worker.finish()
