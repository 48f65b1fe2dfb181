"""The live pane of a program: what it shows, its buttons, and what it costs."""

import os

import pytest
from kernels import kernel_in
from programs import SLEEP, python

from labkit import supervised
from labkit.programs import processes, start_process
from labkit.widgets import pane as panes

pytest.importorskip("ipywidgets", reason="there is no Jupyter in this Python")
UPDATE = "update_display_data"


@pytest.fixture
def show(tmp_path):
    """Return a function that starts a program from its text and makes its pane."""
    shown = []

    def show(code):
        path = tmp_path / "letters.py"
        path.write_text(code, encoding="utf-8")
        program = start_process(path)
        shown.append(panes.Pane(program))
        shown[-1].follow()
        return program, shown[-1]

    yield show
    processes.stop_all()
    for pane in shown:
        pane.close()


def test_output_in_view_is_not_printed_again(show, capsys):
    """A reader who sees the pane does not get the same lines twice."""
    program, _ = show("print('done')")
    program.in_view = True
    assert program.wait() == 0
    assert capsys.readouterr().out == ""


def test_pane_shows_output_as_text_and_the_end(show):
    """When wait returns, all output is there, as no markup, and how the program ended."""
    program, pane = show("print('<b>&', '<script>'); raise SystemExit(3)")
    program.wait()
    assert "<b>letters</b>: ended (exit code 3) at " in pane.state.value
    assert "&lt;b&gt;&amp; &lt;script&gt;</pre>" in pane.log.value
    assert 'role="log" aria-label="Output of letters"' in pane.log.value


def test_a_flood_is_shown_about_ten_times_a_second(show):
    """Many lines change the pane a few times, and the last line is there."""
    program, pane = show("for n in range(20_000): print('line', n)")
    changes = []
    pane.log.observe(lambda _: changes.append(1), "value")
    program.wait()
    assert len(changes) < 200
    assert "line 19999</pre>" in pane.log.value


def test_pane_keeps_the_last_lines(show):
    """The pane holds two hundred lines, and no endless one."""
    program, pane = show("for n in range(999): print(n)\nprint('x' * 1_000_000)")
    program.wait()
    assert len(pane.log.value) < 50_000
    program, pane = show("for n in range(999): print(n)")
    program.wait()
    assert pane.log.value.count("\n") == 199


def test_stop_button_ends_the_program(show):
    """Stop returns at once, and the program ends."""
    program, pane = show(SLEEP)
    pane.stop_button.click()
    assert program.wait() != 0
    assert pane.stop_button.disabled
    assert pane.interrupt_button.disabled


def test_saved_text_is_true_when_the_program_has_ended(tmp_path):
    """At the end the final state and text replace the pane; no widgets are gathered."""
    with kernel_in(tmp_path) as kernel:
        kernel.run("from ipywidgets.widgets.widget import _instances")
        kernel.run("from labkit import processes")
        kernel.run("%%process letters\nprint('a')")
        once = kernel.run("processes['letters'].wait()\nlen(_instances)")
        assert "letters: " in kernel.run("%%process letters\nprint('a')")
        assert kernel.run("processes['letters'].wait()\nlen(_instances)") == once
        kernel.run(f"%%process letters\nprint('a < b')\n{SLEEP}")
        (first,) = [m for m in kernel.messages if m["msg_type"] == "display_data"]
        kernel.run("letters = processes['letters']")
        kernel.run("letters.wait_for_output('a < b')\nletters.stop()")
        updates = kernel.messages
        while not (last := [m for m in updates if m["msg_type"] == UPDATE]):
            updates.append(kernel._client.get_iopub_msg(timeout=20))
    assert "application/vnd.jupyter.widget-view+json" in first["content"]["data"]
    assert first["content"]["data"]["text/plain"].startswith("letters: started ")
    final = last[-1]["content"]
    assert final["transient"] == first["content"]["transient"]
    assert set(final["data"]) == {"text/plain", "text/html"}
    assert final["data"]["text/plain"].startswith("letters: ended ")
    assert final["data"]["text/plain"].endswith("\na < b")
    assert ">a &lt; b</pre>" in final["data"]["text/html"]


def test_ipython_terminal_gets_a_line(tmp_path):
    """In a terminal the magic works and makes no widget."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'labkit')\n"
        f"shell.run_cell_magic('process', 'letters', {SLEEP!r})\n"
        "import sys; assert 'ipywidgets' not in sys.modules"
    )
    env = os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")}
    finished = supervised.run(python(code), timeout_s=30, cwd=tmp_path, env=env)
    assert finished.output.startswith("letters: started ")
    assert finished.exit_code == 0
