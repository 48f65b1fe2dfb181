"""The exercises themselves: what the kit says of right, blank and wrong answers."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from labkit._checks.proctors import Proctors, can_fork
from labkit._checks.scoring import grade
from labkit._checks.scratch import ScratchRun
from labkit._checks.tasks import EXERCISES, all_tasks, find_task, read_task
from labkit._grading.marking import watch
from labkit.errors import ExerciseError, UnknownTaskError

TASKS = all_tasks()
TYPES = {
    "change one thing", "predict the output", "put in order", "fill in",
    "spot the bug", "fix the race", "measure and explain", "make",
}  # fmt: skip
# Why the copy that a learner starts from gets no points.
BLANK = {
    "01.1": "One client put 'tea', and another one found 0 orders; expected 1. What is "
    "registered as callable runs at every get_orders(): it must not make a queue",
    "01.2": "serve(key, tell) raised UnboundLocalError",
    "01.3": "'child processes after get_server()': you said None; expected a number.",
    "01.4": "run(key, tell) said nothing after Ctrl-C, with 0 orders in the queue; "
    "expected 'Goodbye, 0 orders left.'. serve_forever() catches the KeyboardInterrupt",
    "01.5": "The answer to 01.5 is not written yet: line 7 still says",
    "02.1": "After note(ledger, 'Ada', 'sugar') Ada's entry in the server was ['tea']; "
    "expected ['tea', 'sugar']. ledger[name] is a copy, and what is appended",
    "02.2": "orders.qsize(): you said None; expected 'asks', 'stays' or 'fails'.",
    "02.3": "Two programs called sell(ledger, lock, 'tea', pay) at the same time. They "
    "were told [1, 1], and the ledger was {'tea': 1}; expected [1, 2]",
    "02.4": "The answer to 02.4 is not written yet: line 36 still says",
    "02.5": "Message 1: you said qsize, and on the wire it was dummy.",
    "02.6": "from multiprocessing.managers import QueueManager: you said None;",
    "03.1": "start('clerk.py', key) started the program with the key among its",
    "03.2": "The answer to 03.2 is not written yet: line 7 still says",
    "03.3": "log_in(wire, key) raised UnboundLocalError",
    "03.4": "let_in(wire, key, log) sent the same challenge to two clients",
    "03.5": "The answer to 03.5 is not written yet: line 15 still says",
    "03.6": "'an eavesdropper reads an item': you said None; expected 'yes' or",
    "04.1": "consume(orders, handle, 0.15) was still running after 3 s, at line 8: "
    "order = orders.get(); expected it to end. get() without a timeout waits",
    "04.2": "consume(orders, work, 0.2) returned 'error' after order 1; expected",
    "04.3": "The answer to 04.3 is not written yet: line 2 still says",
    "04.4": "The answer to 04.4 is not written yet: line 4 still says",
    "04.5": "'Process of a function from a cell': you said None; expected one of",
    "05.1": "work(tasks, results, job) did 10 of 12 tasks; expected all 12.",
    "05.2": "'one None': you said None; expected a number.",
    "05.3": "master(manager, start_worker, ['tea', 'milk', 'sugar']) raised "
    "UnboundLocalError",
    "05.4": "collect(results, workers, [0]) gave up task {0}, which needed 0.3 s",
    "05.5": "The answer to 05.5 is not written yet: line 7 still says",
    "06.1": "rate(tasks, orders, arrived, clock) returned 1,000 a second; expected "
    "100. Nothing in it waits for the consumer",
    "06.2": "'the clock stops after the last put': you said None; expected 'too high'",
    "06.3": "benchmark(start_consumer, make_letter, 50, clock) started the consumer",
    "06.4": "The answer to 06.4 is not written yet: line 4 still says",
    "06.5": "The answer to 06.5 is not written yet: line 7 still says",
    "06.6": "'wait for an answer': you said None; expected a number from 1 to 4.",
    "07.1": "send(mailbox, LETTERS, 4) made 10 calls of put() for 10 letters",
    "07.2": "The answer to 07.2 is not written yet: line 9 still says",
    "07.3": "send(mailbox, source, 3) delivered 6 of 7 letters; expected all",
    "07.4": "'put, 1,000 letters one by one': you said None; expected a number.",
    "07.5": "The answer to 07.5 is not written yet: line 9 still says",
    "08.1": "pack(orders, work, 5) was killed while it packed 'order 1'; then the "
    "queue held order 2, order 3; expected order 1, too. get() hands an order over",
    "08.2": "'get, killed while packing': you said None; expected a number",
    "08.3": "pack(orders, work, 0.2, 30) tried 'order 1' 1 time, and its work had "
    "failed; expected a second try.",
    "08.4": "The answer to 08.4 is not written yet: line 12 still says",
    "08.5": "The answer to 08.5 is not written yet: line 8 still says",
    "08.6": "'three killed in get(), then the next get()': you said None; expected",
    "09.1": "One letter was sent twice, and arrived as <",
    "09.2": "'busy twice, then taken': you said None; expected a number",
    "09.3": "When nobody listened, send() raised ConnectionRefusedError",
    "09.4": "Two workers got one letter at once, and 2 copies arrived; expected 1.",
    "09.5": "The answer to 09.5 is not written yet: line 4 still says",
    "10.1": "open_office('192.0.2.7', 0, key, letters) listens at ''; expected",
    "10.2": "'bound to 127.0.0.1, a client in the shop calls 127.0.0.1': you said None",
    "10.3": "The answer to 10.3 is not written yet: line 8 still says",
    "10.4": "set_up(wire, 30) left a timeout of 30 s: a worker that bakes longer",
    "10.5": "The answer to 10.5 is not written yet: line 4 still says",
    "11.1": "count_cups(client, make, [3, 5, 2]) brought 3 trays here; expected none",
    "11.2": "The answer to 11.2 is not written yet: line 6 still says",
    "11.3": "collect(client, price, ['sugar', 'tea', 'honey'], show) returned",
    "11.4": "The answer to 11.4 is not written yet: line 7 still says",
}
by_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)


def graded(kind):
    """Parametrise over the tasks and their answers in a kind of notebook."""
    return pytest.mark.parametrize(
        ("task", "given"),
        [pytest.param(task, kind, id=task.id) for task in TASKS],
    )


by_wrong = pytest.mark.parametrize(
    ("task", "given"),
    [
        pytest.param(task, wrong, id=f"{task.id}-{wrong.path.stem}")
        for task in TASKS
        for wrong in task.wrong
    ],
)


@functools.cache
def notebook(task, kind):
    """Read a task's notebook: its source or the learner's copy."""
    name = task.folder.parent.name
    return nbformat.read(EXERCISES / kind / name / f"{name}.ipynb", 4)


def answer(task, given):
    """Return an answer's text: that of a notebook's cell, or of a wrong answer."""
    if not isinstance(given, str):
        return given.path.read_text(encoding="utf-8")
    first = f"%%answer {task.id}\n"
    cells = [c for c in notebook(task, given).cells if c.source.startswith(first)]
    assert len(cells) == 1
    return cells[0].source.removeprefix(first)


# --- the gate: right, blank, wrong ----------------------------------------------------

AT_A_TIME = 4  # most of an answer's time is waiting


@pytest.fixture(scope="module")
def verdicts(request):
    """Grade the answers that are asked for, some at a time; most only wait."""
    asked = [
        (item.callspec.params["task"], item.callspec.params["given"])
        for item in request.session.items
        if item.path == request.path and "given" in getattr(item, "fixturenames", ())
    ]
    texts = [answer(task, given) for task, given in asked]
    with ThreadPoolExecutor(AT_A_TIME) as pool, Proctors(AT_A_TIME) as proctors:
        run = proctors.run if can_fork() else None
        tasks = [task for task, _ in asked]
        # Of a wrong answer what counts is the first thing that is said.
        whole = request.config.getoption("--all-checks")
        first = [not whole and not isinstance(given, str) for _, given in asked]
        results = pool.map(functools.partial(grade_in_class, run), tasks, texts, first)
        return dict(zip(asked, results, strict=True))


def grade_in_class(run, task, text, first_only):
    """Grade as the grader of a class does: confined, and in a fork of a warm process.

    Whoever passes here is not in the way of what an instructor closes to answers.
    """
    confined = functools.partial(
        ScratchRun, run=run, watch=watch(task), first_only=first_only
    )
    return grade(task, text, confined)


@graded("source")
def test_solution_gets_full_marks(task, given, verdicts):
    """The solution in the source notebook passes every check."""
    verdict = verdicts[task, given]
    assert verdict.points == task.points, verdict.message
    assert verdict.message.startswith(f"{task.id} is right")
    assert verdict.notes == ()


@graded("release")
def test_blank_gets_nothing_for_the_intended_reason(task, given, verdicts):
    """What the learner starts from gets no points, and is told why."""
    verdict = verdicts[task, given]
    assert verdict.points == 0
    assert verdict.message.startswith(BLANK[task.id])


@by_wrong
def test_wrong_answer_gets_its_own_message(task, given, verdicts):
    """Each misconception loses points, with the message written for it."""
    verdict = verdicts[task, given]
    assert verdict.points < task.points
    assert verdict.message.startswith(given.message)
    assert not verdict.trouble


# --- what the files of a task must say ------------------------------------------------


@by_task
def test_task_is_complete(task):
    """Type, words, three hints, points and wrong answers are all there."""
    assert task.type in TYPES
    assert all((task.title, task.misconception, task.takeaway))
    assert len(task.hints) == 3
    assert all(len(hint.split()) > 5 for hint in task.hints)
    assert "```python" in task.hints[2]
    assert all(check.points > 0 for check in task.checks)
    assert task.deadline_s <= 20  # nbgrader gives a cell 30 s
    files = {path.stem for path in (task.folder / "wrong").glob("*.py")}
    assert files == {wrong.path.stem for wrong in task.wrong}


@by_task
def test_every_check_is_run_and_every_test_is_a_check(task):
    """task.toml and checks.py name the same checks, in the same order."""
    found = re.findall(
        r"^def (test_\w+)", task.checks_file.read_text("utf-8"), re.MULTILINE
    )
    assert found == [check.name for check in task.checks]


def test_messages_of_a_task_tell_its_wrong_answers_apart():
    """Two wrong answers share a message only where they share the mistake's effect."""
    for task in TASKS:
        messages = [wrong.message for wrong in task.wrong]
        assert len(set(messages)) >= len(messages) - 1, task.id


# --- the notebooks --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["source", "release"])
@by_task
def test_notebook_agrees_with_the_task(task, kind):
    """Title, type and points in the notebook are those of task.toml."""
    book = notebook(task, kind)
    title = task.title[0].lower() + task.title[1:]
    heading = f"## {task.id} {task.type.capitalize()}: {title}\n"
    prose = [cell.source for cell in book.cells if cell.source.startswith(heading)]
    assert len(prose) == 1
    assert f"({task.points:g} points)" in prose[0]
    graded = [cell for cell in book.cells if cell.source == f'check("{task.id}")']
    assert len(graded) == 1
    nbgrader = graded[0].metadata.nbgrader
    assert nbgrader.points == task.points
    assert (nbgrader.grade, nbgrader.locked, nbgrader.solution) == (True, True, False)


@pytest.mark.parametrize("kind", ["source", "release"])
def test_notebook_is_tidy(kind):
    """No outputs, stable ids, lines that fit a narrow window, the right total."""
    for path in sorted((EXERCISES / kind).glob("*/*.ipynb")):
        book = nbformat.read(path, 4)
        number = path.stem[:2]
        points = sum(task.points for task in TASKS if task.id.startswith(number))
        assert f"{points:g} points" in book.cells[0].source
        for cell in book.cells:
            assert re.fullmatch(rf"ex{number}-[a-z0-9-]+", cell.id)
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None
            if cell.cell_type == "code":
                assert all(len(line) <= 79 for line in cell.source.split("\n"))


def test_release_shows_no_solution():
    """The learner's copy holds neither solutions nor the marks around them."""
    for path in (EXERCISES / "release").glob("*/*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "SOLUTION" not in text
        assert "THE LEARNER STARTS FROM" not in text


def test_starting_code_is_read_from_the_solution():
    """Code below the mark is kept with its indentation; a plain solution has none."""
    # Not at the top: it loads nbgrader, and every process that collects would wait.
    from labkit._checks.startingcode import starting_code

    source = textwrap.dedent("""
        ### BEGIN SOLUTION
        1
        ### END SOLUTION
        if x:
            ### BEGIN SOLUTION
            2
            ### THE LEARNER STARTS FROM
            # if y:
            #     3
            ### END SOLUTION
    """)
    assert starting_code(source) == [[], ["if y:", "    3"]]


# --- the command ----------------------------------------------------------------------


def run_python(code, *args, cwd):
    """Run Python in a process of its own, as nbgrader is used to."""
    scripts = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        env={**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]])},
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_release_is_what_the_sources_make(tmp_path):
    """The command finds no drift here, and names each file where there is some."""
    shutil.copytree(EXERCISES, tmp_path / "exercises")
    copies = sorted((tmp_path / "exercises" / "release").glob("*/*.ipynb"))
    copies[0].write_text(copies[0].read_text("utf-8") + " ")
    (copies[0].parent / "stray.txt").touch()
    code = """
        import json, pathlib, sys
        from labkit._checks import exercises
        here = exercises.drift()
        there = exercises.drift(pathlib.Path(sys.argv[1]))
        print(json.dumps([here, sorted(there), exercises.main(["--check"])]))
    """
    done = run_python(code, tmp_path / "exercises", cwd=tmp_path)
    here, there, status = json.loads(done.stdout)
    assert (here, status, done.stderr) == ([], 0, "")
    name = Path(copies[0].parent.name)
    assert there == [
        f"release/{name / copies[0].name} differs from what its source makes",
        f"release/{name / 'stray.txt'} has no source",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"exercises"}


# --- reading tasks --------------------------------------------------------------------


def test_unknown_task_suggests_the_nearest():
    """A mistyped name is answered with the name that was meant."""
    with pytest.raises(UnknownTaskError, match=r"no task '04,1': did you mean '04.1'"):
        find_task("04,1")


def test_folder_without_tasks_says_where_they_belong(tmp_path):
    """An installed labkit without its checkout is told apart from a wrong name."""
    with pytest.raises(ExerciseError, match="work in a clone of it"):
        all_tasks(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("title = ", "cannot be read"), ("title = 'x'", "has no entry 'type': add it")],
)
def test_broken_task_file_names_the_file_and_the_entry(tmp_path, text, said):
    """A mistake in task.toml is told with its place."""
    (tmp_path / "task.toml").write_text(text)
    with pytest.raises(ExerciseError, match=said):
        read_task(tmp_path)
