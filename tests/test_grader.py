"""The engine that grades answers: whatever an answer does, a sentence comes back."""

import json
import textwrap
from dataclasses import replace

import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from labkit.grader import magic, runner
from labkit.grader.feedback import Score
from labkit.grader.runner import STUB, suspicions, try_out
from labkit.grader.tasks import find_task
from labkit.logbook import Logbook

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


def run(task, text):
    """Return the report on an answer."""
    return runner.run([(task, text)], tried=True)[0]


def some_at_once(cases):
    """Return every third case, and the rest with --all."""
    marks = [], pytest.mark.long, pytest.mark.long
    return [pytest.param(case, marks=marks[n % 3]) for n, case in enumerate(cases)]


@pytest.fixture
def task():
    return replace(find_task("04.1"), deadline_s=60)  # other tests run meanwhile


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Return the shell of a notebook without a front end, with labkit loaded."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    magic.register_magics(shell)
    yield shell
    InteractiveShell.clear_instance()


# --- what an answer may do when its checks run ---------------------------------------

CALL = "consume(orders, handle, 0.15) "
HOSTILE = {
    consume("while 1: pass"): (
        f"{CALL}was still running after 3 s, at line 4: `while 1: pass`; expected it to "
        "end. It asks no server there: a loop has no way out."
    ),
    consume("import os", "os._exit(3)"): (
        "The answer ended the Python it runs in (exit code 3), while checking whether it "
        "handles every order, then ends. Leave out sys.exit(), os._exit() and the like."
    ),
    consume("raise SystemExit(1)"): (
        f"{CALL}raised SystemExit (1) at line 4: `raise SystemExit(1)`; expected it to "
        "return. Nothing here should raise."
    ),
    consume("import ctypes", "ctypes.string_at(0)"): "The answer crashed Python (",
    consume("while True:", "    try: orders.get()", "    except BaseException: 0"): (
        f"{CALL}was still running after 3 s, at line 5: "
    ),
    consume("import os, signal", "os.kill(os.getpid(), signal.SIGINT)"): (
        "The answer sent the interrupt signal (SIGINT) to the process that it runs in"
    ),
    "def eat(): pass": "The answer has no function consume(); keep the task's names.",
    "def consume(orders): pass": (
        f"{CALL}raised TypeError (consume() takes 1 positional argument but 3 were "
        "given); expected it to return. Keep the parameters that the task gives."
    ),
    # As an import does up to Python 3.11.
    "raise ImportError(\"cannot import name 'batched' from 'itertools'\")": (
        "Loading the answer raised ImportError (cannot import name 'batched' from "
        "'itertools') at line 2: `raise ImportError(\"cannot import name 'batched' from "
        "'itertools'\")`; expected it to return. itertools.batched came with Python 3.12"
    ),
    "1 / 0": (
        "Loading the answer raised ZeroDivisionError (division by zero) at line 2: `1"
    ),
}


@pytest.mark.parametrize("text", some_at_once(HOSTILE))
def test_hostile_answer_gets_one_sentence_and_no_points(task, text):
    """Whatever the answer does, grading comes back with a sentence about it."""
    report = run(replace(task, deadline_s=30), text)
    assert report.message.startswith(HOSTILE[text])
    assert report.points == 0


@pytest.mark.long
def test_deadline_of_the_whole_check_names_the_line(task):
    """An answer that also stops the check's own clocks is ended from outside."""
    stuck = (
        "import time\ntime.sleep = None\nimport re\nre.match('(a+)+$', 'a'*60 + 'b')"
    )
    report = run(replace(task, deadline_s=8), consume(stuck.replace("\n", ";")))
    assert report.message.startswith(
        "The answer did not end: it was stopped after 8 s, while checking whether it "
        "handles every order, then ends, at line 4."
    )


@pytest.mark.long
def test_flood_of_output_changes_nothing(task):
    """100 MB of output, 25 in each check, fill no memory and change no points."""
    assert run(task, "print('x' * 25_000_000)\n" + RIGHT).points == task.points


@pytest.mark.long
def test_orphans_are_ended(task):
    """A process that the answer leaves in a session of its own does not survive."""
    start = (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(60) # labkit orphan'], start_new_session=True)\n"
    )
    assert run(task, start + RIGHT).points == task.points
    running = [
        " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
    ]
    assert not [line for line in running if "# labkit orphan" in line]


def test_earlier_points_survive_a_later_crash(task):
    """What was found before the answer ended Python stays found."""
    late = "if order == 'late order': __import__('os')._exit(1)"
    text = RIGHT.replace("handle(order)", f"{late}\n        handle(order)")
    report = run(task, text)
    assert report.points == 2
    assert [one.passed for one in report.rows][:3] == [True, False, None]


@pytest.mark.long
def test_stub_is_named_by_its_line(task):
    """An answer that still has the learner's stub is told where it stands."""
    report = run(task, consume(STUB))
    assert report.message == (
        "The answer to 04.1 is not written yet: line 4 still says "
        "`...  # your answer here`; put your code in its place."
    )


@pytest.mark.long
def test_answer_may_keep_the_stub_and_be_right(task):
    """Nobody loses points for a line that does nothing."""
    assert run(task, STUB + RIGHT).points == task.points


def test_broken_check_is_not_the_learners_fault(task, tmp_path):
    """An error in a check says so, and asks for a report."""
    (tmp_path / "01.1.py").write_text("def test_it(no_such_fixture):\n    pass\n")
    one = replace(task.checks[0], name="test_it")
    report = run(replace(task, path=tmp_path / "01.1.py", checks=(one,)), RIGHT)
    assert report.message.startswith(
        "The check could not be prepared (FixtureLookupError"
    )


@pytest.mark.long
def test_forged_report_is_worth_nothing_and_is_seen(task):
    """A report that is not what the checks send gives no points, and says so."""
    line = "[" * 9_999 + "\n" + json.dumps([task.checks[-1].name, True, "", ""]) + "\n"
    forge = (
        "import gc\nfor pipe in range(3, 20):\n"
        f"    try: __import__('os').write(pipe, {line!r}.encode())\n"
        "    except OSError: pass\n"
    )
    report = run(replace(task, deadline_s=20), forge + RIGHT)
    assert report.points == 0
    assert report.message.startswith("The report of the checks did not arrive as")
    assert "line 2 names gc: import gc" in report.suspect
    assert "came out of turn" in report.suspect[-1]


@pytest.mark.parametrize(
    "line",
    ["import gc", "x = sys._getframe()", "os.kill(1, 9)", "open('/proc/1/fd/3')"],
)
def test_lines_that_could_forge_are_named(line):
    """An instructor sees what to look at, with its line."""
    (found,) = suspicions(f"x = 1\n{line}\n")
    assert found.startswith("line 3 names ")
    assert found.endswith(line)


def test_value_that_equals_everything_is_refused():
    """A class whose == is always true gets no points by it."""
    liar = "class Any:\n    def __eq__(self, other): return True\n"
    text = f"{liar}def fit(*_): return Any(), Any()\n"
    report = run(replace(find_task("06.4"), deadline_s=30), text)
    assert report.points == 0
    assert "which is equal to everything" in report.message


@pytest.mark.long
def test_long_values_are_cut(task):
    """Nothing that an answer returns or raises is shown at length."""
    assert len(run(task, consume("raise ValueError('x' * 100_000)")).message) < 700
    returned = "import os\ndef start(*_): return dict(os.environ, x='y' * 9000)\n"
    assert len(run(find_task("03.1"), returned).message) < 500


# --- what an answer may do when its cell runs ----------------------------------------

TRIALS = {
    "": "The answer cell is empty: write your answer below its first line.",
    "# soon\n'later'\n...": "The answer cell is empty: ",
    "def f(:\n  pass": "The answer is not valid Python, line 2: invalid syntax.",
    "x = 1\n%time x": "Line 3 is a command of the notebook (`%time x`); an answer is",
    "x = 'a\0b'": "The answer",
    "while True:\n    pass": "The answer did not end: it was stopped after 4 s, while "
    "running the answer cell, at line",
    "import os\nos._exit(0)": "The answer ended the Python it runs in (exit code 0)",
    "import sys\nsys.exit()": "The answer ended the Python it runs in (exit code 0)",
    "orders.get()": "The answer cell raised an error at line 2: NameError: name",
    "print('x' * 2_000_000)": "The answer cell prints more than 1,000,000 characters",
    "input('How many? ')": "The answer cell raised an error at line 2: EOFError",
    "import ctypes\nctypes.string_at(0)": "The answer crashed Python (",
}


@pytest.mark.parametrize("text", some_at_once(TRIALS))
def test_cell_that_would_harm_the_notebook_is_refused(text):
    """The trial says in one sentence why the notebook is not going to run a cell."""
    assert try_out(text, deadline_s=4)[0].startswith(TRIALS[text])


# --- in the notebook -----------------------------------------------------------------


def test_answer_is_kept_and_also_runs_once(shell, capsys, tmp_path):
    """The learner can play with it, sees its output one time, and has the points."""
    shell.run_cell_magic("answer", "04.1", RIGHT + "print('once')\n")
    assert capsys.readouterr().out == "once\n"
    assert callable(shell.user_ns["consume"])
    assert magic.check("04.1") == 5.0
    row = Logbook(tmp_path / "progress.db").tasks()["04.1"]
    assert (row.attempts, row.best, row.out_of) == (1, 5.0, 5.0)


def test_refused_answer_is_not_run_and_gets_its_reason(shell, capsys):
    """check() repeats why the notebook did not run the cell."""
    shell.run_cell_magic("answer", "04.1", "x = 1\nraise SystemExit\n")
    assert "x" not in shell.user_ns
    capsys.readouterr()
    score = magic.check("04.1")
    assert score == 0
    assert score.message.startswith("The answer ended the Python it runs in")
    assert capsys.readouterr().out.startswith(score.message)


NO_ANSWER = {
    "04.1": "There is no answer to 04.1 yet: run the cell that begins with",
    "4.1": "There is no task '4.1': did you mean '04.1'?",
    "no such task": "There is no task 'no such task': there are 0",
}


@pytest.mark.parametrize("task_id", NO_ANSWER)
def test_check_without_an_answer_is_zero_and_a_sentence(shell, task_id, capsys):
    """A cell that was never run, or a wrong name, is told in words and is 0."""
    if task_id != "04.1":
        shell.run_cell_magic("answer", task_id, "x = 1")
        assert capsys.readouterr().out.startswith(NO_ANSWER[task_id])
    assert magic.check(task_id) == 0
    assert capsys.readouterr().out.startswith(NO_ANSWER[task_id])


def test_score_is_a_bare_number_as_text_and_words_as_html(task):
    """The text is for nbgrader, the HTML for people; markup in it is inert."""
    score = Score(run(task, consume("raise ValueError('<b>')")))
    assert (repr(score), f"{score:.1f}", float(score)) == ("1.0", "1.0", 1.0)
    html = score._repr_html_()
    assert html.startswith('<div role="alert"')
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.index("raised ValueError") < html.index("1 of 5 points")
    assert html.index("1 of 5 points") < html.index("<details>")


# --- hints and progress --------------------------------------------------------------


@pytest.mark.usefixtures("shell")
def test_hints_open_one_by_one():
    """Each call opens one layer more, until there are none."""
    shown = [repr(magic.hint("04.1")) for _ in range(4)]
    assert [text.count("**Hint") for text in shown] == [1, 2, 3, 3]
    assert shown[3].endswith("There are no more hints for 04.1: these are all.")


def test_interrupted_check_prints_one_line(shell, monkeypatch, capsys):
    """The stop button ends a check without a traceback, and counts nothing."""
    shell.run_cell_magic("answer", "04.1", RIGHT)

    def interrupted(*_, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("labkit.grader.runner.run", interrupted)
    assert magic.check("04.1") is None
    said = capsys.readouterr().out
    assert said == "The check of 04.1 was interrupted: nothing was counted.\n"


def test_validating_by_nbgrader_says_the_words(shell, monkeypatch, capsys):
    """Its button shows what stands on stderr, and wraps no line."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    shell.run_cell_magic("answer", "04.1", "x = 1")
    score = magic.check("04.1")
    said = capsys.readouterr().err
    assert said.split() == score.words.split()
    assert max(map(len, said.splitlines())) <= 80
