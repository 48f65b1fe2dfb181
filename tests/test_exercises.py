"""The exercises themselves: what the kit says of right, blank and wrong answers."""

import ast
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from answers import answer, blank_message, right_answers, wrong_answers
from material import TYPES
from test_notebooks import habits_in

from labkit.errors import ExerciseError, UnknownTaskError
from labkit.grader.release import make_release, new_task
from labkit.grader.runner import run
from labkit.grader.tasks import EXERCISES, all_tasks, find_task, read_task

TASKS = all_tasks()
by_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)


# --- the gate: right, blank, wrong ----------------------------------------------------

PATIENCE = 3  # other tests run meanwhile
AT_A_TIME = 3  # most of an answer's time is waiting


@pytest.fixture(scope="module")
def graded(request):
    """Grade all answers that are asked for, some at a time; return the reports."""
    items = [
        item
        for item in request.session.items
        if item.path == request.path and "graded" in getattr(item, "fixturenames", ())
        if not item.get_closest_marker("skip")
    ]
    asked = [_asked(item) for item in items]

    def grade(task, text, first_only):
        deadline_s = PATIENCE * task.deadline_s
        return run(task, text, first_only=first_only, deadline_s=deadline_s)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        reports = pool.map(grade, *zip(*asked, strict=True))
        return {(a[0].id, a[1]): r for a, r in zip(asked, reports, strict=True)}


def _asked(item):
    """Return what a test is going to ask for: task, answer, only the first failure."""
    task, kind = item.callspec.params["task"], item.callspec.params["kind"]
    if isinstance(kind, str):
        return task, answer(task, kind), False
    # Of a wrong answer what counts is the first thing that is said.
    return task, kind.code, kind.message != ""


def of(kind, *marks):
    """Parametrise over the tasks, and their answers of a kind."""
    cases = [pytest.param(task, kind, id=task.id, marks=marks) for task in TASKS]
    return pytest.mark.parametrize(("task", "kind"), cases)


def named(answers, *marks):
    """Parametrise over answers that have names."""
    cases = [
        pytest.param(task, one, id=f"{task.id}-{one.name}", marks=marks)
        for task in TASKS
        for one in answers(task)
    ]
    return pytest.mark.parametrize(("task", "kind"), cases)


@of("source", pytest.mark.long)
def test_solution_gets_full_marks(task, kind, graded):
    """The solution in the source notebook passes every check."""
    report = graded[task.id, answer(task, kind)]
    assert report.points == task.points, report.message
    assert (report.error, report.notes) == ("", ())


@of("release", pytest.mark.long)
def test_blank_gets_nothing_for_the_intended_reason(task, kind, graded):
    """What the learner starts from gets no points, and is told why."""
    report = graded[task.id, answer(task, kind)]
    assert report.points == 0
    assert report.message.startswith(blank_message(task))


@named(wrong_answers, pytest.mark.long)
def test_wrong_answer_gets_its_own_message(task, kind, graded):
    """Each misconception loses points, with the message written for it."""
    report = graded[task.id, kind.code]
    assert report.points < task.points
    assert report.message.startswith(kind.message)
    assert not report.error


@named(right_answers, pytest.mark.long)
def test_any_right_answer_gets_full_marks(task, kind, graded):
    """Whatever the task does not forbid is right, in any style."""
    report = graded[task.id, kind.code]
    assert report.points == task.points, report.message


# --- what the files of a task must say ------------------------------------------------


@by_task
def test_task_is_complete(task):
    """Type, words, three hints, points and wrong answers are all there."""
    assert task.type in TYPES
    assert len(task.hints) == 3
    assert all(len(hint.split()) > 5 for hint in task.hints)
    assert "```python" in task.hints[2]
    assert all(check.points > 0 for check in task.checks)
    assert task.deadline_s <= 20  # nbgrader gives a cell 30 s


def test_messages_of_a_task_tell_its_wrong_answers_apart():
    """Two wrong answers share a message only where they share the mistake's effect."""
    for task in TASKS:
        messages = [wrong.message for wrong in wrong_answers(task)]
        assert len(set(messages)) >= len(messages) - 1, task.id


def texts_of(task):
    """Yield what a learner, an author or an instructor reads of a task."""
    yield from (task.title, task.takeaway, *task.hints)
    yield from re.findall(r"# .*", answer(task, "source"))
    for wrong in wrong_answers(task):
        yield from (wrong.belief, wrong.message)
    for node in ast.walk(ast.parse(task.path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@by_task
def test_english_of_a_task_is_natural(task):
    """No hint, message, comment or belief has a habit of translated English."""
    texts = map(" ".join, map(str.split, texts_of(task)))
    assert [(*found, text) for text in texts for found in habits_in(text)] == []


# --- the notebooks --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["source", "release"])
@by_task
def test_notebook_agrees_with_the_task(task, kind):
    """Title, type and points in the notebook are those of the task's files."""
    book = nbformat.read(EXERCISES / kind / task.set / f"{task.set}.ipynb", 4)
    title = task.title[0].lower() + task.title[1:]
    heading = f"## {task.id} {task.type.capitalize()}: {title}\n"
    prose = [cell.source for cell in book.cells if cell.source.startswith(heading)]
    assert len(prose) == 1
    assert f"({task.points:g} points)" in prose[0]
    checks = [cell for cell in book.cells if cell.source == f'check("{task.id}")']
    assert len(checks) == 1
    nbgrader = checks[0].metadata.nbgrader
    assert nbgrader.points == task.points
    assert (nbgrader.grade, nbgrader.locked, nbgrader.solution) == (True, True, False)


@pytest.mark.parametrize("kind", ["source", "release"])
def test_notebook_is_tidy(kind):
    """No outputs, stable ids, lines that fit a narrow window."""
    for path in sorted((EXERCISES / kind).glob("*/*.ipynb")):
        book = nbformat.read(path, 4)
        number = path.stem[:2]
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


# --- the command ----------------------------------------------------------------------


def test_release_is_what_the_sources_make(tmp_path):
    """What the command would write is there already, and nothing else."""
    made = {path: (tmp_path / path).read_bytes() for path in make_release(tmp_path)}
    ignored = {"work", ".ipynb_checkpoints"}  # what a run leaves behind
    there = [
        path
        for path in (EXERCISES / "release").rglob("*.*")
        if not ignored & {*path.parts}
    ]
    differs = {
        str(path)
        for path in [*made, *(p.relative_to(EXERCISES / "release") for p in there)]
        if not (EXERCISES / "release" / path).is_file()
        or made.get(path) != (EXERCISES / "release" / path).read_bytes()
    }
    assert differs == set(), "run `python -m labkit exercises`"


def test_new_task_passes_as_it_is(tmp_path):
    """An author starts from a task whose solution, checks and wrong answer fit."""
    shutil.copytree(EXERCISES, tmp_path / "exercises")
    *_, source = new_task("05.9", tmp_path / "exercises")
    task = find_task("05.9", tmp_path / "exercises")
    cells = ["".join(c["source"]) for c in json.loads(source.read_text())["cells"]]
    _, answer_cell, check_cell = cells[-4:-1]
    report = run(task, answer_cell.partition("\n")[2], deadline_s=60)
    assert (report.points, check_cell) == (task.points, 'check("05.9")')
    for wanted, said in (("05.9", "a task 05.9 already"), ("55.1", "no task of a set")):
        with pytest.raises(ExerciseError, match=said):
            new_task(wanted, tmp_path / "exercises")


# --- reading tasks --------------------------------------------------------------------


def test_unknown_task_suggests_the_nearest():
    """A mistyped name is answered with the name that was meant."""
    with pytest.raises(UnknownTaskError, match=r"no task '04,1': did you mean '04.1'"):
        find_task("04,1")


def test_folder_without_tasks_says_where_they_belong(tmp_path):
    """An installed labkit without its checkout is told apart from a wrong name."""
    with pytest.raises(ExerciseError, match="work in a clone of it"):
        all_tasks(tmp_path)


TEST = '@points(1, "works")\ndef test_it(answer):\n    pass\n'
WORDS = "# Title\n\n- type: make\n- takeaway: t\n"


@pytest.mark.parametrize(
    ("tests", "words", "said"),
    [
        (TEST, None, "01.1.md cannot be read: No such file"),
        (TEST, "# T\n\n- type: make\n", "has no line '- takeaway: …'"),
        (TEST, WORDS.replace("# Title", ""), "has no title"),
        ("", WORDS, "has no test with @points"),
        ("def test_it(answer):\n    pass\n", WORDS, "test_it needs its points"),
        ("def test_it(:\n", WORDS, "01.1.py, line 1"),
    ],
)
def test_broken_task_file_names_the_file_and_what_to_add(tmp_path, tests, words, said):
    """A mistake of an author is told with its place."""
    (tmp_path / "01.1.py").write_text(tests)
    if words is not None:
        (tmp_path / "01.1.md").write_text(words)
    with pytest.raises(ExerciseError, match=re.escape(said)):
        read_task(tmp_path / "01.1.py")
