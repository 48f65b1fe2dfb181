"""The engine that grades answers: whatever an answer does, a sentence comes back."""

import json
import subprocess
import sys
import textwrap
from dataclasses import replace

import nbformat
import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from labkit import checks
from labkit._checks.feedback import Score
from labkit._checks.scoring import STUB, grade, trouble_in, try_out
from labkit._checks.tasks import find_task
from labkit.progress import Progress

RIGHT = """
import queue
def consume(orders, handle, idle_s):
    while True:
        try:
            order = orders.get(timeout=idle_s)
        except queue.Empty:
            return
        handle(order)
"""


def consume(*body):
    """Write an answer to 04.1 from the lines of its body."""
    lines = textwrap.indent("\n".join(body), "    ")
    return f"import queue\ndef consume(orders, handle, idle_s):\n{lines}\n"


@pytest.fixture
def task():
    return find_task("04.1")


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Return the shell of a notebook without a front end, with labkit loaded."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    checks.register_magics(shell)
    yield shell
    InteractiveShell.clear_instance()


# --- what an answer may do when its checks run ---------------------------------------

HOSTILE = {
    "endless loop": (
        consume("while 1: pass"),
        (
            "consume(orders, handle, 0.15) was still running after 3 s, at line 4: "
            "while 1: pass; expected it to end. It asks no server there: a loop has "
            "no way out."
        ),
    ),
    "os._exit": (
        consume("import os", "os._exit(3)"),
        (
            "The answer ended the Python it runs in (exit code 3), while checking "
            "whether it handles every order, then ends. Leave out os._exit() and the "
            "like."
        ),
    ),
    "sys.exit": (
        consume("raise SystemExit(1)"),
        (
            "consume(orders, handle, 0.15) raised SystemExit (1) at line 4: "
            "raise SystemExit(1); expected it to return. Nothing here should raise."
        ),
    ),
    "segfault": (
        consume("import ctypes", "ctypes.string_at(0)"),
        "The answer crashed Python (",
    ),
    "swallows everything": (
        consume("while True:", "    try: orders.get()", "    except BaseException: 0"),
        "consume(orders, handle, 0.15) was still running after 3 s, at line 5: ",
    ),
    "no such function": (
        "def eat(): pass",
        "The answer has no function consume(); keep the task's names.",
    ),
    "other parameters": (
        "def consume(orders): pass",
        (
            "consume(orders, handle, 0.15) raised TypeError (consume() takes 1 "
            "positional argument but 3 were given); expected it to return. Keep the "
            "parameters that the task gives."
        ),
    ),
    "raises when loaded": (
        "1 / 0",
        "Loading the answer raised ZeroDivisionError (division by zero) at line 2: 1",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answer_gets_one_sentence_and_no_points(task, name):
    """Whatever the answer does, grading comes back with a sentence about it."""
    text, message = HOSTILE[name]
    verdict = grade(task, text)
    assert verdict.message.startswith(message)
    assert verdict.points == 0


def test_deadline_of_the_whole_check_names_the_line(task):
    """An answer that also stops the check's own clocks is ended from outside."""
    stuck = (
        "import time\ntime.sleep = None\nimport re\nre.match('(a+)+$', 'a'*60 + 'b')"
    )
    verdict = grade(replace(task, deadline_s=1.5), consume(stuck.replace("\n", ";")))
    assert verdict.message.startswith(
        "The answer did not end: it was stopped after 1.5 s, while checking whether it "
        "handles every order, then ends, at line 4."
    )


def test_flood_of_output_is_cut_and_told(task):
    """100 MB of output, 25 in each check, fill no memory and change no points."""
    flood = grade(task, "print('x' * 25_000_000)\n" + RIGHT)
    assert flood.points == task.points
    assert "more than 1,000,000 bytes" in flood.notes[0]


def test_orphans_are_ended_and_told(task):
    """A process that the answer leaves in a session of its own does not survive."""
    start = (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(60) # labkit orphan'], start_new_session=True)\n"
    )
    verdict = grade(task, start + RIGHT)
    assert verdict.notes[0].endswith("a program should end what it starts.")
    running = [
        " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
    ]
    assert not [line for line in running if "# labkit orphan" in line]


def test_earlier_points_survive_a_later_crash(task):
    """What was found before the answer ended Python stays found."""
    late = "if order == 'late order': __import__('os')._exit(1)"
    text = RIGHT.replace("handle(order)", f"{late}\n        handle(order)")
    verdict = grade(task, text)
    assert verdict.points == 2
    assert [one.state for one in verdict.results][:3] == ["passed", "failed", "untried"]


def test_stub_is_named_by_its_line(task):
    """An answer that still has the learner's stub is told where it stands."""
    verdict = grade(task, consume(STUB))
    assert verdict.message == (
        "The answer to 04.1 is not written yet: line 4 still says "
        "'...  # your answer here'; put your code in its place."
    )


def test_answer_may_keep_the_stub_and_be_right(task):
    """Nobody loses points for a line that does nothing."""
    assert grade(task, STUB + RIGHT).points == task.points


def test_broken_check_is_not_the_learners_fault(task, tmp_path):
    """An error in a check says so, and asks for a report."""
    (tmp_path / "checks.py").write_text("def test_it(answer):\n    1 / 0\n")
    one = replace(task.checks[0], name="test_it")
    verdict = grade(replace(task, folder=tmp_path, checks=(one,)), RIGHT)
    assert verdict.message.startswith("The check itself failed (ZeroDivisionError")


def test_forged_report_is_worth_nothing(task):
    """An answer that writes the report itself gets no points for it."""
    forged = [{"state": "passed", "check": one.name} for one in task.checks]
    lines = "\n".join(json.dumps(event) for event in [*forged, {"state": "end"}, 7])
    write = f"open('../report', 'a').write({lines + chr(10)!r})"
    verdict = grade(task, consume(write, "import os", "os._exit(0)"))
    assert verdict.points == 0
    assert verdict.message.startswith("The answer ended the Python it runs in")


# --- what an answer may do when its cell runs ----------------------------------------

TROUBLE = {
    "": "The answer cell is empty: write your answer below its first line.",
    "# soon\n'later'\n...": "The answer cell is empty: ",
    "def f(:\n  pass": "The answer is not valid Python, line 2: invalid syntax.",
    "x = 1\n%time x": "Line 3 is a command of the notebook (%time x); an answer is",
    "x = 'a\0b'": "The answer",
}


@pytest.mark.parametrize("text", TROUBLE)
def test_what_is_no_answer_is_said_without_running(text):
    """Text that cannot be run is told apart, with the line that the learner sees."""
    assert trouble_in(text).startswith(TROUBLE[text])


TRIALS = {
    "while True:\n    pass": "The answer did not end: it was stopped after 1 s, while "
    "running the answer cell, at line",
    "import os\nos._exit(0)": "The answer ended the Python it runs in (exit code 0)",
    "import sys\nsys.exit()": "The answer cell called sys.exit() at line 3: that ends",
    "orders.get()": "The answer cell raised an error at line 2: NameError: name",
    "print('x' * 2_000_000)": "The answer cell prints more than 1,000,000 bytes",
    "input('How many? ')": "The answer cell raised an error at line 2: EOFError",
    "import ctypes\nctypes.string_at(0)": "The answer crashed Python (",
}


@pytest.mark.parametrize("text", TRIALS)
def test_cell_that_would_harm_the_notebook_is_refused(text):
    """The trial says in one sentence why the notebook is not going to run a cell."""
    assert try_out(text, deadline_s=1).trouble.startswith(TRIALS[text])


def test_harmless_cell_is_accepted():
    """A cell that ends well has no trouble; what it prints is known."""
    trial = try_out("if __name__ == '__main__':\n    print('hello')")
    assert (trial.trouble, trial.output) == ("", "hello\n")


# --- in the notebook -----------------------------------------------------------------


def test_answer_is_kept_and_also_runs_once(shell, capsys):
    """The learner can play with the answer, and sees what it prints one time."""
    shell.run_cell_magic("answer", "04.1", RIGHT + "print('once')\n")
    assert capsys.readouterr().out == "once\n"
    assert callable(shell.user_ns["consume"])
    assert checks.check("04.1") == 5.0


def test_refused_answer_is_not_run_and_gets_its_reason(shell, capsys):
    """check() repeats why the notebook did not run the cell."""
    shell.run_cell_magic("answer", "04.1", "x = 1\nraise SystemExit\n")
    assert "x" not in shell.user_ns
    capsys.readouterr()
    score = checks.check("04.1")
    assert score == 0
    assert score.message.startswith("The answer cell called sys.exit() at line 3")
    assert capsys.readouterr().out.startswith(score.message)


def test_empty_answer_cell_is_told(shell, capsys):
    """IPython's own refusal of an empty magic does not reach the learner."""
    shell.run_cell("%%answer 04.1")
    out, err = capsys.readouterr()
    assert out.startswith("The answer cell is empty")
    assert not err


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("task_id", ["04.1", "4.1", "no such task"])
def test_check_without_an_answer_is_zero_and_a_sentence(task_id, capsys):
    """A cell that was never run, or a wrong name, is told in words and is 0."""
    score = checks.check(task_id)
    assert score == 0
    expected = {
        "04.1": "There is no answer to 04.1 yet: run the cell that begins with",
        "4.1": "There is no task '4.1': did you mean '04.1'?",
        "no such task": "There is no task 'no such task': there are 0",
    }
    assert capsys.readouterr().out.startswith(expected[task_id])


def test_unknown_name_in_an_answer_cell_is_told(shell, capsys):
    """%%answer of a task that does not exist keeps nothing and says so."""
    shell.run_cell_magic("answer", "04.1x", "x = 1")
    assert capsys.readouterr().out == (
        "There is no task '04.1x': did you mean '04.1'?\n"
    )


def test_score_is_a_bare_number_as_text_and_words_as_html(task):
    """The text is for nbgrader, the HTML for people; markup in it is inert."""
    score = Score(1.0, grade(task, consume("raise ValueError('<b>')")))
    assert (repr(score), f"{score:.1f}", float(score)) == ("1.0", "1.0", 1.0)
    html = score._repr_html_()
    assert html.startswith('<div role="alert"')
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.index("raised ValueError") < html.index("1 of 5 points")
    assert html.index("1 of 5 points") < html.index("<details>")


def test_kernel_survives_its_answers(tmp_path, monkeypatch):
    """In a real kernel: a cell that would end it, the check, and life goes on."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    cells = [
        "%load_ext labkit\nfrom labkit import check",
        "%%answer 04.1\nimport os\nos._exit(1)",
        "check('04.1')",
        "21 * 2",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")
    convert = ["jupyter", "nbconvert", "--execute", "--to", "notebook", "n.ipynb"]
    subprocess.run(
        [sys.executable, "-m", *convert, "--output", "done"],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    done = nbformat.read(tmp_path / "done.ipynb", 4).cells
    assert "ended the Python it runs in" in done[1].outputs[0].data["text/plain"]
    assert done[2].outputs[0].data["text/plain"] == "0.0"
    assert "04.1: 0 of 5 points" in done[2].outputs[0].data["text/html"]
    assert done[3].outputs[0].data["text/plain"] == "42"


# --- hints and progress --------------------------------------------------------------


@pytest.mark.usefixtures("shell")
def test_hints_open_one_by_one():
    """Each call opens one layer more, until there are none."""
    shown = [repr(checks.hint("04.1")) for _ in range(4)]
    assert [text.count("**Hint") for text in shown] == [1, 2, 3, 3]
    assert shown[3].endswith("There are no more hints for 04.1: these are all.")


def test_progress_counts_attempts_and_keeps_the_best(tmp_path):
    """The file holds attempts, best points and hints of each task."""
    path = tmp_path / "deep" / "progress.json"
    assert Progress(path).attempt("04.1", 3.0, 5.0) == ""
    assert Progress(path).attempt("04.1", 1.0, 5.0) == ""
    assert Progress(path).open_hint("04.1", 3) == (1, "")
    entry = {"attempts": 2, "best": 3.0, "out_of": 5.0, "hints": 1}
    assert json.loads(path.read_text())["tasks"] == {"04.1": entry}
    left = {file.name for file in path.parent.iterdir()}
    assert left == {"progress.json", "progress.json.lock"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tasks": {"04.1": 7}}', "\xff"])
def test_damaged_progress_is_set_aside(tmp_path, content):
    """A file that cannot be read is kept under another name, and told once."""
    path = tmp_path / "progress.json"
    path.write_bytes(content.encode("latin-1"))
    assert "progress.json.broken, and counting starts" in Progress(path).attempt(
        "04.1", 1, 5
    )
    assert (tmp_path / "progress.json.broken").read_bytes() == content.encode("latin-1")
    assert Progress(path).attempt("04.1", 1, 5) == ""


def test_progress_without_a_file_goes_on_in_memory(tmp_path):
    """Where nothing can be written, one sentence says so and hints still open."""
    (tmp_path / "file").touch()
    progress = Progress(tmp_path / "file" / "progress.json")
    opened, trouble = progress.open_hint("04.1", 3)
    assert trouble.startswith("Your progress is not being kept: ")
    assert (opened, progress.open_hint("04.1", 3)[0]) == (1, 2)


def test_grading_by_nbgrader_leaves_progress_alone(shell, monkeypatch, tmp_path):
    """An instructor's run is not the learner's attempt."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    shell.run_cell_magic("answer", "04.1", "x = 1")
    checks.check("04.1")
    assert not (tmp_path / "progress.json").exists()


def test_validating_by_nbgrader_says_the_words(shell, monkeypatch, capsys):
    """Its button shows what stands on stderr, and wraps no line."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    shell.run_cell_magic("answer", "04.1", "x = 1")
    score = checks.check("04.1")
    said = capsys.readouterr().err
    assert said.split() == score.words.split()
    assert max(map(len, said.splitlines())) <= 80
