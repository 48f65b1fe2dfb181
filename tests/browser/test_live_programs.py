"""Panes of programs, used as a learner does; and what a saved notebook says of them."""

import re

import pytest

CLOCK = """\
%%process clock
import itertools, time

for tick in itertools.count(1):
    print("tick", tick, flush=True)
    time.sleep(0.05)"""
COUNTING = '%%process counting\nfor number in range(3):\n    print("number", number)'


@pytest.fixture
def desk(notebook, lab):
    """Open a notebook with two programs, and run its set-up."""
    cells = "%load_ext labkit\nfrom labkit import processes", CLOCK, COUNTING
    path = lab.write("notebooks/programs.ipynb", *cells)
    return notebook.open(path).run_cell("%load_ext")


def ticks(log):
    """Return the number that the clock has printed last."""
    return int(log.inner_text().split()[-1])


def words(book):
    """Return what the outputs of a saved notebook say, without their widgets."""
    kept = [output for cell in book["cells"] for output in cell["outputs"]]
    texts = [out.get("data", {"": out.get("text", "")}) for out in kept]
    plain = ("text/plain", "text/html", "")
    return " ".join("".join(text.get(kind, "")) for text in texts for kind in plain)


def test_output_comes_live_and_stop_ends_the_program(desk):
    """Lines arrive while the program runs; Stop ends it, and the words say so."""
    pane = desk.run_cell(CLOCK).cell(CLOCK)
    log = pane.get_by_role("log")
    log.get_by_text("tick").wait_for()
    seen = ticks(log)
    desk.until(lambda: ticks(log) > seen + 2)
    pane.get_by_role("button", name="Stop").click()
    pane.get_by_role("status").get_by_text("ended").wait_for()
    assert pane.get_by_role("button", name="Stop", disabled=False).count() == 0
    assert desk.problems() == []


def test_control_c_is_pressed_and_cells_run_again(desk):
    """A program that is started again has one pane, in which Ctrl-C can be pressed."""
    desk.run_cell(CLOCK).run_cell(CLOCK)
    pane = desk.cell(CLOCK)
    pane.get_by_role("status").get_by_text("started").wait_for()
    assert pane.get_by_role("log").count() == 1
    pane.get_by_role("button", name="Ctrl-C").press("Enter")
    pane.get_by_role("log").get_by_text("KeyboardInterrupt").wait_for()
    pane.get_by_role("status").get_by_text("ended").wait_for()
    assert desk.problems() == []


def test_pane_of_a_short_program_is_complete(desk):
    """All output is there, and the exit code, although it ended at once."""
    pane = desk.run_cell(COUNTING).cell(COUNTING)
    pane.get_by_role("status").get_by_text("exit code 0").wait_for()
    assert pane.get_by_role("log").inner_text() == "number 0\nnumber 1\nnumber 2"
    assert desk.problems() == []


def test_saved_text_never_speaks_in_the_present_tense(desk):
    """The file has state, exit code and text of what ended, and never "running"."""
    pane = desk.run_cell(COUNTING).cell(COUNTING)
    pane.get_by_role("status").get_by_text("exit code 0").wait_for()
    desk.run_cell(CLOCK).cell(CLOCK).get_by_role("log").get_by_text("tick").wait_for()
    said = words(desk.save())
    assert re.search(r"counting.*exit code 0", said)
    assert "number 0\nnumber 1\nnumber 2" in said
    assert "running" not in said
    desk.restart()
    assert "running" not in words(desk.save())


def test_reopened_notebook_shows_what_its_programs_printed(desk, lab):
    """Opened again without its kernel: the output is there, and no error of widgets."""
    pane = desk.run_cell(COUNTING).cell(COUNTING)
    pane.get_by_role("status").get_by_text("exit code 0").wait_for()
    desk.save()
    lab.end_kernels()
    pane = desk.reload().cell(COUNTING)
    pane.get_by_text("number 2").wait_for()
    assert "Error displaying widget" not in pane.inner_text()
