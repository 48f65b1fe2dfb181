"""Lessons in a real kernel: run twice, out of order, and mended."""

import contextlib
import re
from pathlib import Path

import nbformat
import psutil
import pytest
from kernels import Kernel

pytestmark = pytest.mark.long
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def code(name):
    """Return a lesson's code cells by their ids."""
    cells = nbformat.read(NOTEBOOKS / name, 4).cells
    return {cell.id: cell for cell in cells if cell.cell_type == "code"}


FIRST = code("01_start_a_manager_server.ipynb")
CODE = code("04_produce_and_consume.ipynb")
SET_UP = [CODE[id_] for id_ in CODE if id_.startswith("04-setup-")]
ROUNDS = [CODE[id_] for id_ in CODE if not id_.startswith("04-setup-")]
# What a learner reads when a cell comes too early: what is missing, or what to start.
CLEAR = re.compile(
    r"(?i)not found|not defined|no such file|start server\.py|no program|no file"
)


def run(kernel, source):
    """Run a cell; return whether it raised nothing, and everything it showed."""
    text = kernel.run(source)
    return all(m["msg_type"] != "error" for m in kernel.messages), text


@pytest.fixture
def kernel(tmp_path):
    """Give a fresh kernel in an empty folder."""
    with contextlib.closing(Kernel(tmp_path)) as kernel:
        yield kernel


def test_lesson_runs_twice_in_one_kernel(kernel):
    """Running all cells, and then all cells again, works both times."""
    for cell in [*FIRST.values(), *FIRST.values()]:
        fine, text = run(kernel, cell.source)
        assert fine == (not cell.metadata.get("tags")), text
    children = psutil.Process(kernel.pid).children(recursive=True)
    assert [p for p in children if p.status() != psutil.STATUS_ZOMBIE] == []


def test_cells_out_of_order_say_what_is_missing(kernel):
    """Last cell first, before and after the set-up: one clear sentence each time."""
    for cell in [*reversed(ROUNDS), *SET_UP, *reversed(ROUNDS)]:
        fine, text = run(kernel, cell.source)
        expected = cell.metadata.get("tags") and "Empty" in text
        assert fine or expected or CLEAR.search(text), (cell.id, text)
    assert kernel.run("1 + 1") == "2\n"


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
