"""Lesson 04 in a real kernel: run twice, run out of order, killed while it runs."""

import os
import re
import time
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_core.utils import ensure_event_loop

NAME = "04_produce_and_consume.ipynb"
LESSON = nbformat.read(Path(__file__).parents[1] / "notebooks" / NAME, 4)
CODE = {cell.id: cell for cell in LESSON.cells if cell.cell_type == "code"}
SET_UP = [CODE[id_] for id_ in CODE if id_.startswith("04-setup-")]
ROUNDS = [CODE[id_] for id_ in CODE if not id_.startswith("04-setup-")]
MARK = "LABKIT_TEST_MARK"
DEADLINE_S = 2.0
# What a learner reads when a cell comes too early: what is missing, or what to start.
CLEAR = re.compile(
    r"(?i)not found|not defined|no such file|start server\.py|no program|no file"
)


class Kernel:
    """A kernel in a folder of its own, whose descendants can be found again."""

    def __init__(self, folder):
        self.mark = uuid.uuid4().hex
        env = {**os.environ, MARK: self.mark, "IPYTHONDIR": str(folder / "ipython")}
        self.manager, self.client = start_new_kernel(cwd=str(folder), env=env)
        self.process = psutil.Process(self.manager.provisioner.pid)

    def run(self, source):
        """Run one cell; return its status and everything it printed or raised."""
        seen = []

        def keep(message):
            content = message["content"]
            seen.append(content.get("text", ""))
            seen.append(content.get("data", {}).get("text/plain", ""))
            seen.append(f"{content.get('ename', '')}: {content.get('evalue', '')}")

        reply = self.client.execute_interactive(source, timeout=60, output_hook=keep)
        return reply["content"]["status"], "\n".join(seen)

    def descendants(self):
        """Return every process that this kernel started, wherever it moved to."""
        found = set()
        if self.process.is_running():
            found.update(self.process.children(recursive=True))
        for process in psutil.process_iter():
            try:
                marked = process.environ().get(MARK) == self.mark
            except psutil.Error:
                continue
            if marked and process != self.process:
                found.add(process)
        return found

    def close(self):
        """End the kernel and forget it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        ensure_event_loop().close()  # jupyter_client keeps one open for the thread


@pytest.fixture
def kernel(tmp_path):
    """Give a fresh kernel in an empty folder."""
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()


def running(processes):
    """Return the processes that have not ended."""
    dead = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return [p for p in processes if p.is_running() and p.status() not in dead]


def test_lesson_runs_twice_in_one_kernel(kernel):
    """Running all cells, and then all cells again, gives the same statuses."""
    for cell in [*CODE.values(), *CODE.values()]:
        status, text = kernel.run(cell.source)
        assert status == ("error" if cell.metadata.get("tags") else "ok"), text
    assert not running(kernel.descendants())


def test_cells_out_of_order_say_what_is_missing(kernel):
    """Last cell first, before and after the set-up: one clear sentence each time."""
    for cell in [*reversed(ROUNDS), *SET_UP, *reversed(ROUNDS)]:
        status, text = kernel.run(cell.source)
        expected = cell.metadata.get("tags") and "Empty" in text
        assert status == "ok" or expected or CLEAR.search(text), (cell.id, text)
    assert "\n2\n" in kernel.run("1 + 1")[1]


def test_producer_without_a_server_says_so(kernel):
    """The producer's cell, run first, ends with a sentence and exit code 1."""
    for cell in [*SET_UP, CODE["04-producer"]]:
        assert kernel.run(cell.source)[0] == "ok"
    _, text = kernel.run("print('exit', processes['producer'].wait(20))")
    assert "No connection.json yet: start server.py first." in text
    assert "exit 1" in text


def test_nothing_outlives_a_killed_kernel(kernel):
    """SIGKILL to the kernel while its programs run ends them all in two seconds."""
    wanted = ("04-server", "04-server-listens", "04-careful-consumer")
    start = "start_process('work/careful_consumer.py', name='{0}')"
    wait = "processes['{0}'].wait_for_output('ready', 20)"
    sources = [cell.source for cell in [*SET_UP, *map(CODE.get, wanted)]]
    sources += [line.format(name) for line in (start, wait) for name in ("a", "b")]
    for source in sources:
        status, text = kernel.run(source)
        assert status == "ok", text
    started = kernel.descendants()
    commands = " ".join(" ".join(process.cmdline()) for process in started)
    assert commands.count("careful_consumer.py") >= 2
    assert "server.py" in commands
    kernel.process.kill()
    deadline = time.monotonic() + DEADLINE_S
    _, alive = psutil.wait_procs(started, timeout=DEADLINE_S)
    assert time.monotonic() <= deadline + 0.5
    assert not running(alive)
    assert not running(kernel.descendants())
