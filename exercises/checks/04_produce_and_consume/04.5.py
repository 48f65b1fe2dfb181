"""04.5: each story is played in a Python that has no file, as a notebook's kernel."""

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from labkit.grader.fixtures import points

SAVED = '''
from multiprocessing.managers import BaseManager


def work():
    """Do nothing, well."""


class Shop(BaseManager):
    """Offers nothing."""
'''

# What is typed here belongs to a __main__ that no file holds.
NOTEBOOK = """
import io, json, multiprocessing, sys, threading
from multiprocessing.managers import BaseManager
import saved

def work():
    pass

class Shop(BaseManager):
    pass

spawn = multiprocessing.get_context("spawn")

def ended(child):
    child.join()
    return "works" if child.exitcode == 0 else "fails"

def starts(shop):
    manager = shop(("127.0.0.1", 0), b"a key of the checks alone", ctx=spawn)
    try:
        manager.start()
    except EOFError:
        return "fails"
    manager.shutdown()
    return "works"

def printed():
    mine = sys.stdout = io.StringIO()  # a kernel has its own, which knows the cell
    server = BaseManager(("127.0.0.1", 0), b"a key").get_server()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    while not hasattr(server, "stop_event"):
        serving.join(0.01)
    server.stop_event.set()
    serving.join()
    return "its own cell" if sys.stdout is mine else "elsewhere"

children = [spawn.Process(target=each) for each in (work, saved.work)]
for child in children:  # side by side, for starting them is all the time
    child.start()
shops = starts(Shop), starts(saved.Shop)
print(json.dumps([*map(ended, children), *shops, printed()]))
"""


PREDICTS = "what_happens"
STORIES = (
    "Process of a function from a cell",
    "Process of a function from a file",
    "start() of a manager class from a cell",
    "start() of a manager class from a file",
    "print after serve_forever() in a cell",
)


@functools.cache
def _notebook():
    with tempfile.TemporaryDirectory(prefix="labkit-notebook-") as folder:
        Path(folder, "saved.py").write_text(SAVED, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", NOTEBOOK],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=9,
            check=True,
        )
    return dict(zip(STORIES, json.loads(done.stdout), strict=True))


def _interrupt():
    """Interrupt a process as JupyterLab does a kernel; say what its program does."""
    if os.name != "posix":
        return "ends"  # what the task says of Linux and macOS cannot be played there
    kernel = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        # By the system: Python's own handler is late for a signal just before input().
        "wait = 'import signal; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        " print(flush=True); input()'\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', wait],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"  # a kernel outlives it
        "print(flush=True)\n"
        "print(child.wait(5), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-c", kernel],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.readline().strip()
    return "ends" if said not in (b"", b"0") else "goes on"


def _compare(prediction, why, *stories):
    for story in stories:
        prediction.must_be(story, _notebook()[story], why)


@points(2, "knows where a child looks for a function")
def test_functions(prediction):
    """A function is typed in a cell; another one is imported."""
    why = "A child that starts empty imports the function, and a cell is not a file."
    stories = "Process of a function from a cell", "Process of a function from a file"
    _compare(prediction, why, *stories)


@points(2, "knows where a child looks for a class")
def test_classes(prediction):
    """A manager's class is typed in a cell; another one is imported."""
    why = "The child has to import the class; if it can't, you see a bare EOFError."
    story = "start() of a manager class from a "
    _compare(prediction, why, f"{story}cell", f"{story}file")


@points(1, "knows what serve_forever() leaves behind in a notebook")
def test_prints(prediction):
    """A server was run in the notebook itself, and has ended."""
    why = "serve_forever() puts the first sys.stdout back, which knows of no cell."
    _compare(prediction, why, "print after serve_forever() in a cell")


@points(1, "knows whom the stop button reaches")
def test_interrupt(prediction):
    """The kernel is interrupted while a program of Popen runs."""
    why = "The stop button sends the signal to the kernel and to all that it started."
    prediction.must_be("a program of Popen, stop button pressed", _interrupt(), why)
