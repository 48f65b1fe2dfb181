"""09.5: log files go from one folder to another, by path."""

import os
import pickle
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from labkit.grader.fixtures import points, shown

NO_END = "Nothing here has to wait."
LINES = 3


@contextmanager
def _in_folder(path):
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(autouse=True)
def folder():
    """Make a new folder the present one meanwhile."""
    with tempfile.TemporaryDirectory() as name, _in_folder(name):
        Path("elsewhere").mkdir()
        yield


def _write(name, lines=LINES):
    log = Path(name)
    # Not every sign of a log is one byte.
    log.write_bytes("12:00 GET /th\u00e9\n".encode() * lines)
    return log


def _describe(answer, log):
    """Describe a log file; return what a worker gets: a copy, as from a server."""
    call = answer.call("describe", log=log)
    return pickle.loads(pickle.dumps(call.returns(NO_END)))


def _count(answer, task):
    """Let a worker count, in a folder of its own; return the call when it has ended."""
    with _in_folder("elsewhere"):
        return answer.call("count_lines", task=task).ends(NO_END)


def _must_count(answer, task, what, why):
    call = _count(answer, task)
    error = call.error
    assert error is None, (
        f"{what}: count_lines(task) raised {shown(error)}; expected {LINES}. {why}"
    )
    assert call.value == LINES, (
        f"{what}: count_lines(task) {call.outcome}; expected {LINES}. {why}"
    )


def _must_raise(answer, task, kind, what, why):
    call = _count(answer, task)
    assert isinstance(call.error, kind), (
        f"{what}: count_lines(task) "
        + (f"raised {shown(call.error)}" if call.error else f"{call.outcome}")
        + f"; expected {kind.__name__}. {why}"
    )


@points(1, "describes a log of any size in a few bytes")
def test_task_is_small(answer):
    """A log of 3 MB is described in a few bytes."""
    log = _write("large.log", 200_000)
    opened = []
    sys.addaudithook(
        lambda event, args: event == "open" and opened.append(str(args[0]))
    )
    task = _describe(answer, log)
    size = len(pickle.dumps(task))
    assert size < 1000, (
        f"describe(log) made a task of {size:,} bytes for a log of 3,200,000; expected "
        "fewer than 1,000. Put the path into the task, and let the worker read."
    )
    assert not any(path.endswith("large.log") for path in opened), (
        "describe(log) opened a log of 3,200,000 bytes; expected it to ask for its size "
        "alone. Reading it is the work, and that is the worker's part."
    )
    advice = "The size counts bytes, and some signs have two: open the log with 'rb'."
    lines = answer.call("count_lines", task=task).returns(NO_END, advice=advice)
    assert lines == 200_000, (
        f"A log of 200,000 lines: count_lines(task) returned {shown(lines)}. Each line ends "
        "with a newline: count those."
    )


@points(2, "finds the log from another folder")
def test_path_means_the_same_elsewhere(answer):
    """The worker runs in another folder than the producer."""
    why = (
        "A relative path begins in the folder of the program that reads it: send the "
        "full one."
    )
    task = _describe(answer, _write("shop.log"))
    _must_count(answer, task, "The worker runs in another folder", why)


@points(1, "counts what was there when the task was made")
def test_log_goes_on_growing(answer):
    """Lines come while the task waits in the queue."""
    log = _write("shop.log")
    task = _describe(answer, log)
    _write(log, LINES + 2)
    why = (
        "Two lines came after the task was made; they belong to the next task. Put "
        "the size into the task, and read no more than that."
    )
    _must_count(answer, task, "A log that grew", why)


@points(1, "notices a file that is not the one that was meant")
def test_log_is_emptied(answer):
    """The log is rotated: its name stands for a new, shorter file."""
    log = _write("shop.log")
    task = _describe(answer, log)
    _write(log, 1)
    why = "The file is shorter than it was: it is not the one that was meant."
    _must_raise(answer, task, ValueError, "A log that was emptied", why)


@points(1, "says where a file is missing")
def test_log_is_missing(answer):
    """There is no such file: for the producer, or later for the worker."""
    call = answer.call("describe", log=Path("typo.log")).ends(NO_END)
    assert isinstance(call.error, FileNotFoundError), (
        "There is no file 'typo.log': describe(log) "
        + (f"raised {shown(call.error)}" if call.error else f"{call.outcome}")
        + "; expected FileNotFoundError. Look before you put: here the mistake is "
        "made, and here somebody can mend it."
    )
    log = _write("shop.log")
    task = _describe(answer, log)
    log.unlink()
    why = "A file that is not there is no file without lines."
    _must_raise(answer, task, FileNotFoundError, "A log that was deleted", why)
