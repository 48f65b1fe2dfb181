"""05.2: each story is played with a real manager, then compared with the prediction."""

import importlib
import pickle
import queue
import subprocess
import sys
import threading
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest

from labkit._checks.rig import until

shared = importlib.import_module("exercises.checks.05_share_work_among_workers.team")

# What somebody who forgot the guard would write; -S spares it a search for packages.
NO_GUARD = """
import multiprocessing
from multiprocessing.managers import BaseManager

context = multiprocessing.get_context("spawn")
BaseManager(("127.0.0.1", 0), authkey=b"no secret", ctx=context).start()
"""
LOST = {"EOFError", "ConnectionResetError"}  # which of them depends on the system


@pytest.fixture(scope="module", autouse=True)
def unguarded():
    """Start the program without a guard early: it takes the longest."""
    program = Path("unguarded.py")  # in the answer's own folder
    program.write_text(NO_GUARD, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-I", "-S", program],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def crew():
    """Lend one crew to all stories; its manager is started."""
    crew = shared.Crew()
    crew.manager.start()
    yield crew
    crew.end()


@pytest.fixture
def board(crew):
    """Return both queues, empty."""
    both = crew.manager.get_task_queue(), crew.manager.get_result_queue()
    for one in both:
        while one.qsize():
            one.get(timeout=1)
    return both


def _compare(answer, story, truth, why):
    said = answer.call("what_happens").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"what_happens() returned {said!r}; expected the dictionary of the task."
    )
    assert story in said, (
        f"what_happens() says nothing of the story {story!r}; keep the task's words."
    )
    wanted = {int: "a number", list: "a list of ids", str: "the name of an exception"}
    assert type(said[story]) is type(truth), (
        f"{story!r}: you said {said[story]!r}; expected {wanted[type(truth)]}."
    )
    lost = type(truth) is str and {said[story], truth} <= LOST
    assert said[story] == truth or lost, (
        f"{story!r}: you said {said[story]!r}, and it was {truth!r}. {why}"
    )


def test_one_sentinel(answer, crew, board):
    """Three workers wait; one None is put."""
    tasks, _ = board
    three = [crew.lend_a_thread(shared.tutorials_worker) for _ in range(3)]
    tasks.put(None)
    until(lambda: not all(one.is_alive() for one in three))
    ended = sum(not one.is_alive() for one in three)
    for _ in range(3 - ended):
        tasks.put(None)  # nobody is to take the tasks of the next story
    for one in three:
        one.join(shared.PATIENCE_S)
    why = "Each item is handed to one worker, and a sentinel is an item."
    _compare(answer, "one None", ended, why)


def test_order(answer, crew, board):
    """Each of three tasks ends before the one that was put before it."""
    _, results = board
    for number in range(3):
        crew.lend_a_thread(shared.in_turn, number, 3)
    until(lambda: results.qsize() == 3)
    came = [results.get(timeout=1) for _ in range(3)]
    why = "A result is put when its task has ended, and waits for no other."
    _compare(answer, "slow first", came, why)


def test_losses(answer, crew, board):
    """A worker dies of its task; another is killed."""
    tasks, results = board
    for task in (2, "seven", 4):
        tasks.put(task)
    crew.lend_a_thread(shared.tutorials_worker).join(shared.PATIENCE_S)
    why = "The exception ended the worker: 'seven' is lost, and 4 was never taken."
    _compare(answer, "no try", results.qsize(), why)
    while tasks.qsize() + results.qsize():
        (tasks if tasks.qsize() else results).get(timeout=1)
    for task in (1, 2, 3):
        tasks.put(task)
    victim = crew.hire(shared.tutorials_worker, 1)
    results.get(timeout=shared.PATIENCE_S)
    victim.kill()
    victim.join()
    tasks.put(None)
    crew.lend_a_thread(shared.tutorials_worker).join(shared.PATIENCE_S)
    why = "The queue forgot the task when it handed it out; its worker alone knew it."
    _compare(answer, "killed", results.qsize(), why)


def test_timeout(answer, board):
    """The worker is there, and not ready."""
    _, results = board
    try:
        results.get(timeout=0.02)
    except queue.Empty as error:
        raised = type(error).__name__
    why = "The time was over. Whether anybody works at it, a timeout does not tell."
    _compare(answer, "timeout", raised, why)


def test_start(answer, board, unguarded):
    """What start() does with the objects and the callables of the master."""
    tasks, _ = board
    tasks.put("a task")
    why = "start() makes a child, which has a queue of its own; the proxy reaches that."
    _compare(answer, "original", shared.tasks.qsize(), why)
    try:
        # What start() sends to a spawned child.
        ForkingPickler.dumps(shared.LambdaTeam._registry)
    except pickle.PicklingError as error:
        raised = type(error).__name__
    why = "A spawned child is sent the callables by name, and a lambda has none."
    _compare(answer, "lambda", raised, why)
    _, said = unguarded.communicate(timeout=shared.PATIENCE_S * 2)
    errors = [line.split(":")[0] for line in said.splitlines() if "Error:" in line]
    why = (
        "A spawned child imports the master's file, and would start a manager, too: "
        "multiprocessing forbids it. What shall not run there goes below the guard."
    )
    _compare(answer, "no guard", errors[0], why)


def test_shutdown(answer, crew, board):
    """A worker waits in get() while the master ends."""
    tasks, _ = board
    raised = []

    def wait():
        try:
            tasks.get()
        except (EOFError, OSError) as error:
            raised.append(type(error).__name__)

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.05)
    crew.manager.shutdown()
    waiting.join(shared.PATIENCE_S)
    why = "The server ended in the middle of its call: there is nothing more to read."
    _compare(answer, "shutdown", raised[0], why)
