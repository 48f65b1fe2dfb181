"""Lessons in a real kernel: run twice, out of order, mended, killed while they run."""

import os
import re
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest
from kernels import Kernel

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def code(name):
    """Return a lesson's code cells by their ids."""
    cells = nbformat.read(NOTEBOOKS / name, 4).cells
    return {cell.id: cell for cell in cells if cell.cell_type == "code"}


FIRST = code("01_start_a_manager_server.ipynb")
CODE = code("04_produce_and_consume.ipynb")
SET_UP = [CODE[id_] for id_ in CODE if id_.startswith("04-setup-")]
ROUNDS = [CODE[id_] for id_ in CODE if not id_.startswith("04-setup-")]
MARK = "LABKIT_TEST_MARK"
DEADLINE_S = 2.0
# What a learner reads when a cell comes too early: what is missing, or what to start.
CLEAR = re.compile(
    r"(?i)not found|not defined|no such file|start server\.py|no program|no file"
)


def run(kernel, source):
    """Run a cell; return whether it raised nothing, and everything it showed."""
    text = kernel.run(source)
    return all(m["msg_type"] != "error" for m in kernel.messages), text


def descendants(kernel):
    """Return every process that a kernel started, wherever it moved to."""
    found = set()
    if psutil.pid_exists(kernel.pid):
        found.update(psutil.Process(kernel.pid).children(recursive=True))
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARK) == os.environ[MARK]
        except psutil.Error:
            continue
        if marked and process.pid != kernel.pid:
            found.add(process)
    return found


def running(processes):
    """Return the processes that have not ended."""
    dead = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return [p for p in processes if p.is_running() and p.status() not in dead]


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Give a fresh kernel in an empty folder; what it starts inherits a mark."""
    monkeypatch.setenv(MARK, uuid.uuid4().hex)
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()


@pytest.mark.long
def test_lesson_runs_twice_in_one_kernel(kernel):
    """Running all cells, and then all cells again, works both times."""
    for cell in [*FIRST.values(), *FIRST.values()]:
        fine, text = run(kernel, cell.source)
        assert fine == (not cell.metadata.get("tags")), text
    assert not running(descendants(kernel))


@pytest.mark.long
def test_cells_out_of_order_say_what_is_missing(kernel):
    """Last cell first, before and after the set-up: one clear sentence each time."""
    for cell in [*reversed(ROUNDS), *SET_UP, *reversed(ROUNDS)]:
        fine, text = run(kernel, cell.source)
        expected = cell.metadata.get("tags") and "Empty" in text
        assert fine or expected or CLEAR.search(text), (cell.id, text)
    assert kernel.run("1 + 1") == "2\n"


@pytest.mark.long
def test_the_folded_help_mends_the_consumer(kernel):
    """A learner who does what the help of lesson 04 says is told so."""
    mended = CODE["04-mine"].source.replace(
        "from shop", "import queue\nimport time\n\nfrom shop"
    )
    before, _, after = mended.partition("    except Exception")
    mended = (
        before + "    except queue.Empty:\n        print('no more')\n        break\n"
    )
    mended += after[after.index('print("made"') :]
    ready = (
        "04-server",
        "04-notebook-client",
        "04-shop",
        "04-producer-ends",
        "04-open-shop",
    )
    for cell in [*SET_UP, CODE["04-producer"], *map(CODE.get, ready)]:
        run(kernel, cell.source)  # one of them compares a guess that nobody made
    kernel.run(mended)
    assert kernel.run(CODE["04-mine-checked"].source).endswith("Both bugs fixed.\n")
    kernel.run(CODE["04-mine"].source)
    assert kernel.run(CODE["04-mine-checked"].source).endswith("Not yet.\n")


@pytest.mark.long
def test_the_folded_help_makes_the_server_say_goodbye(kernel):
    """A learner who does what the help of lesson 01 says is told so."""
    call = "    server.serve_forever()\n"
    polite = "    try:\n    " + call + "    finally:\n    "
    kernel.run(FIRST["01-setup-kit"].source)
    kernel.run(FIRST["01-client"].source)
    kernel.run(FIRST["01-goodbye"].source.replace(call, polite))
    assert kernel.run(FIRST["01-goodbye-checked"].source).endswith("It did.\n")
    kernel.run(FIRST["01-goodbye"].source)
    assert kernel.run(FIRST["01-goodbye-checked"].source).endswith("Not yet.\n")


def test_nothing_outlives_a_killed_kernel(kernel):
    """SIGKILL to the kernel while its programs run ends them all in two seconds."""
    wanted = ("04-server", "04-shop", "04-careful-consumer")
    listens = "processes['server'].wait_for_output('Listening', 20)"
    start = "start_process('work/careful_consumer.py', name='{0}')"
    wait = "processes['{0}'].wait_for_output('ready', 20)"
    sources = [cell.source for cell in [*SET_UP, *map(CODE.get, wanted)]]
    sources.insert(-1, listens)
    sources += [line.format(name) for line in (start, wait) for name in ("a", "b")]
    for source in sources:
        fine, text = run(kernel, source)
        assert fine, text
    started = descendants(kernel)
    commands = [" ".join(process.cmdline()) for process in started]
    assert sum("careful_consumer.py" in command for command in commands) >= 2
    assert any("server.py" in command for command in commands)
    kernel.kill()
    _, alive = psutil.wait_procs(started, timeout=DEADLINE_S)
    assert not running(alive)
    assert not running(descendants(kernel))
