"""05.2: each story is played with a real manager, then compared with the prediction."""

import pickle
import queue
import subprocess
import sys
import threading
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest

from labkit.grader.fixtures import points, until

# What somebody who forgot the guard would write; -S spares it a search for packages.
NO_GUARD = """
import multiprocessing
from multiprocessing.managers import BaseManager

context = multiprocessing.get_context("spawn")
BaseManager(("127.0.0.1", 0), authkey=b"no secret", ctx=context).start()
"""
PREDICTS = "what_happens"
LAMBDA = [lambda: None]  # at the top of a file, as tutorials have it
PATIENCE_S = 3.0


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


@pytest.fixture
def board(crew):
    """Return both queues of the started manager."""
    crew.manager.start()
    return crew.manager.get_task_queue(), crew.manager.get_result_queue()


def tutorials_worker(manager, last=None):
    """Square what comes; a worker that is to be killed says so in its last task."""
    tasks, results = manager.get_task_queue(), manager.get_result_queue()
    while (n := tasks.get()) is not None:
        if n == last:
            results.put("begun")
            threading.Event().wait()
        results.put(n * n)


def in_turn(manager, number, count):
    """Put a result as soon as those of all later tasks have been put."""
    results = manager.get_result_queue()
    until(lambda: results.qsize() == count - 1 - number)
    results.put(number)


@points(2, "knows whom a sentinel ends, and in which order results come")
def test_workers(prediction, crew, board):
    """Three workers wait, and one None is put; each task ends before the last one."""
    tasks, results = board
    three = [crew.lend_a_thread(tutorials_worker) for _ in range(3)]
    tasks.put(None)
    until(lambda: not all(one.is_alive() for one in three))
    ended = sum(not one.is_alive() for one in three)
    for _ in range(3 - ended):
        tasks.put(None)  # nobody is to take the tasks of the next story
    for one in three:
        one.join(PATIENCE_S)
    why = "Each item is handed to one worker, and a sentinel is an item."
    prediction.must_be("one None", ended, why)
    for number in range(3):
        crew.lend_a_thread(in_turn, number, 3)
    until(lambda: results.qsize() == 3)
    came = [results.get(timeout=1) for _ in range(3)]
    why = "A result is put when its task has ended, and waits for no other."
    prediction.must_be("slow first", came, why)


@points(1, "knows what an exception and a death lose")
def test_losses(prediction, crew, board):
    """A worker dies of its task; another is killed."""
    tasks, results = board
    for task in (2, "seven", 4):
        tasks.put(task)
    crew.lend_a_thread(tutorials_worker).join(PATIENCE_S)
    why = "The exception ended the worker: 'seven' is lost, and 4 was never taken."
    prediction.must_be("no try", results.qsize(), why)
    while tasks.qsize() + results.qsize():
        (tasks if tasks.qsize() else results).get(timeout=1)
    for task in (1, 2, 3):
        tasks.put(task)
    victim = crew.hire(tutorials_worker, 1)
    results.get(timeout=PATIENCE_S)
    victim.kill()
    victim.join()
    tasks.put(None)
    crew.lend_a_thread(tutorials_worker).join(PATIENCE_S)
    why = "The queue forgot the task when it handed it out; its worker alone knew it."
    prediction.must_be("killed", results.qsize(), why)


@points(1, "knows what start() does with objects, lambdas and the master's file")
def test_start(prediction, crew, board, unguarded):
    """What start() does with the objects and the callables of the master."""
    tasks, _ = board
    tasks.put("a task")
    why = "start() makes a child, which has its own queue; the proxy reaches that."
    prediction.must_be("original", crew.original.qsize(), why)
    try:
        # What start() sends to a spawned child.
        ForkingPickler.dumps(LAMBDA)
    except pickle.PicklingError as error:
        raised = type(error).__name__
    why = "A spawned child is sent the callables by name, and a lambda has none."
    prediction.must_be("lambda", raised, why, also="AttributeError")  # in a function
    _, said = unguarded.communicate(timeout=PATIENCE_S * 2)
    errors = [line.split(":")[0] for line in said.splitlines() if "Error:" in line]
    why = (
        "A spawned child imports the master's file, and would start a manager, too: "
        "multiprocessing forbids it. What shall not run there goes below the guard."
    )
    prediction.must_be("no guard", errors[0], why)


@points(2, "knows what a timeout says, and what the end of the server")
def test_waiting(prediction, crew, board):
    """Somebody waits for a slow worker; a worker waits while the master ends."""
    tasks, results = board
    try:
        results.get(timeout=0.02)
    except queue.Empty as error:
        raised = type(error).__name__
    why = "The time was over. A timeout doesn't tell whether anybody works at it."
    prediction.must_be("timeout", raised, why)
    found = []

    def wait():
        try:
            tasks.get()
        except (EOFError, OSError) as error:
            found.append(type(error).__name__)

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.05)
    crew.manager.shutdown()
    waiting.join(PATIENCE_S)
    why = "The server ended in the middle of its call: there is nothing more to read."
    # Which of the two depends on the system.
    assert found, "The kit's own worker never saw its server end: check once more."
    prediction.must_be("shutdown", "EOFError", why, also="ConnectionResetError")
