"""The exercises themselves: what the kit says of right, blank and wrong answers."""

import ast
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain

import pytest
from answers import (
    answer,
    blank_message,
    refused_answers,
    right_answers,
    wrong_answers,
)
from authoring import mistakes, strays
from material import cells
from pythons import changed_exercises
from test_notebooks import habits_in

from labkit.errors import ExerciseError
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
    groups = [asked[start : start + 6] for start in range(0, len(asked), 6)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        reports = chain.from_iterable(pool.map(partial(run, tried=True), groups))
        return {(a[0].id, a[1]): r for a, r in zip(asked, reports, strict=True)}


def _asked(item):
    """Return the task and the answer that a test is going to ask for."""
    task, kind = item.callspec.params["task"], item.callspec.params["kind"]
    text = answer(task, kind) if isinstance(kind, str) else kind.code
    return replace(task, deadline_s=PATIENCE * task.deadline_s), text


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
    assert report.error == ""


@of("release", pytest.mark.long)
def test_blank_gets_nothing_for_the_intended_reason(task, kind, graded):
    """What the learner starts from gets no points, and is told why."""
    report = graded[task.id, answer(task, kind)]
    assert report.points == 0, "Let each check ask for what the copy doesn't do."
    assert report.message.startswith(blank_message(task))


@named(lambda task: [*wrong_answers(task), *refused_answers(task)], pytest.mark.long)
def test_wrong_answer_gets_its_own_message(task, kind, graded):
    """Each misconception loses points, with the message written for it."""
    report = graded[task.id, kind.code]
    assert report.points < task.points
    assert report.message.startswith(kind.message)
    assert not report.error
    # A prediction is not solved by asking: no message says what is right.
    told = re.search("expected (?!a )", report.message)
    assert "predict" not in task.type or not told


@named(right_answers, pytest.mark.long)
def test_any_right_answer_gets_full_marks(task, kind, graded):
    """Whatever the task does not forbid is right, in any style."""
    report = graded[task.id, kind.code]
    assert report.points == task.points, report.message


# --- what the files of a task must say ------------------------------------------------


@by_task
def test_author_made_no_mistake(task):
    """Words, hints, points, messages, wrong answers and metadata are all there."""
    assert list(mistakes(task)) == []


@pytest.fixture
def template(tmp_path):
    """Return a function that writes a task of the template, changed in one place."""
    folder = tmp_path / "exercises"
    shutil.copytree(EXERCISES / "template", folder / "template")
    shutil.copy(EXERCISES / "nbgrader_config.py", folder)
    for kind in ("checks", "source"):
        (made,) = EXERCISES.glob(f"{kind}/05_*")
        shutil.copytree(made, folder / kind / made.name)

    def make(name, old, new):
        path = folder / "template" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")
        new_task("05.9", folder)
        return folder

    return make


MISTAKES = [
    ("task.md", "type: make", "type: bake", "05.9.md: there is no type 'bake'"),
    ("task.md", "## Hint\nA nudge", "A nudge", "05.9.md has 2 hints: write three"),
    ("task.md", "a question that leads on, without a word", "", "hint 1 is too short"),
    ("task.md", "```python\n", "```\n", "code belongs in the third hint"),
    ("task.md", "- type: make", "- type: make\n- formerly: 05.1", "a task 05.1: formerly"),
    ("cells.json", "exNN-M-task", "exNN-M-text", "looks for 05.9 at the id ex05-9-task"),
    ("task.md", "- type: make", "- type: make\n- deadline: 60 s", "20 s is the most"),
    ("task.py", "points(1,", "points(0,", "05.9.py: test_doubles is worth 0 points"),
    ("task.py", '"doubles a number")', '"")', "05.9.py: test_doubles has no sentence"),
    ("task.py", "    assert got", "    assert got\n    assert got", "line 13 fails without"),
    ("task.py", "    assert", '    got.must_be("a", 1, "")\n    assert', "line 13: say why"),
    ("task.wrong.md", "double(21) returned 22; expected 42.", "", "adds_one needs '## name"),
    ("task.wrong.md", ": To double is to add one.", "", "adds_one needs '## name"),
    ("cells.json", '"points": 1', '"points": 2', "say points: 2; expected 1"),
    ("cells.json", '"grade": true', '"grade": false', "say grade: False; expected True"),
    ("cells.json", '"locked": true', '"locked": false', "say locked: False; expected True"),
    ("cells.json", "(1 points)", "", "the text of 05.9 must say (1 points)"),
    ("cells.json", "Make: double", "Fill in: double", "0 headings '## 05.9 Make: double a number'"),
    ("cells.json", "%%answer NN.M", "%%answer", "needs one cell that begins with %%answer 05.9"),
    ("cells.json", 'check(\\"NN.M\\")', "check()", 'needs one cell check("05.9")'),
    ("cells.json", ", and not otherwise: what would go wrong instead", "", "doesn't say why"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES)
def test_mistake_of_an_author_gets_a_sentence(template, name, old, new, said):
    """Whatever is forgotten or wrong in a file is named, with what to do."""
    folder = template(name, old, new)
    shutil.copytree(folder / "source", folder / "release")
    assert any(said in one for one in mistakes(find_task("05.9", folder)))


@pytest.mark.long
def test_what_nbgrader_refuses_gets_its_sentence(template):
    """Of nbgrader's log an author reads the error, and no traceback."""
    folder = template("cells.json", "    ### END SOLUTION", "")
    said = "^nbgrader cannot .*no end solution statement found"
    with pytest.raises(ExerciseError, match=said) as error:
        make_release(folder / "release", folder)
    assert "\n" not in str(error.value)


def test_file_that_is_no_task_gets_a_sentence(tmp_path):
    """A task whose name is mistyped would never be asked; there is none."""
    assert list(strays(EXERCISES)) == []
    (tmp_path / "checks" / "05_share").mkdir(parents=True)
    (tmp_path / "checks" / "05_share" / "5.9.py").touch()
    assert [*strays(tmp_path)] == ["5.9.py is no task of this set: call it 05.M.py."]


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


KINDS = ["source", "release"]


@pytest.mark.parametrize("kind", KINDS)
def test_notebook_is_tidy(kind):
    """Ids are those of the set, lines fit a narrow window; solutions are the source's."""
    for path in sorted((EXERCISES / kind).glob("*/*.ipynb")):
        for cell in cells(path):
            assert re.fullmatch(rf"ex{path.stem[:2]}-[a-z0-9-]+", cell.id)
            lines = cell.text.split("\n") if cell.kind == "code" else []
            assert all(len(line) <= 79 for line in lines)
        text = path.read_text(encoding="utf-8")
        assert ("SOLUTION" in text) == (kind == "source")
        assert "THE LEARNER STARTS FROM" not in text or kind == "source"


# --- the command ----------------------------------------------------------------------


def test_release_is_what_the_sources_make(tmp_path, request):
    """What the command would write is there already; without --all, of what changed."""
    shutil.copy(EXERCISES / "nbgrader_config.py", tmp_path)
    names = [{path.name for path in EXERCISES.glob(f"{k}/*")} for k in KINDS]
    assert names[0] == names[1]
    for source in (EXERCISES / "source").iterdir():
        everything = request.config.getoption("--all") or source.name.startswith("04")
        if everything or source.name in changed_exercises():
            shutil.copytree(source, tmp_path / "source" / source.name)
    for path in make_release(tmp_path / "made", tmp_path):
        there = EXERCISES / "release" / path
        made = (tmp_path / "made" / path).read_bytes()
        assert there.is_file(), "run `python3 -m labkit exercises`"
        assert there.read_bytes() == made, "run `python3 -m labkit exercises`"


def test_new_task_passes_as_it_is(tmp_path):
    """An author starts from a task whose solution, checks and wrong answer fit."""
    shutil.copytree(EXERCISES, tmp_path / "exercises")
    *_, source = new_task("05.9", tmp_path / "exercises")
    task = find_task("05.9", tmp_path / "exercises")
    texts = ["".join(c["source"]) for c in json.loads(source.read_text())["cells"]]
    _, answer_cell, check_cell = texts[-4:-1]
    text, patient = answer_cell.partition("\n")[2], replace(task, deadline_s=60)
    (report,) = run([(patient, text)], tried=True)
    assert (report.points, check_cell) == (task.points, 'check("05.9")')
    for wanted, said in (("05.9", "a task 05.9 already"), ("55.1", "no task of a set")):
        with pytest.raises(ExerciseError, match=said):
            new_task(wanted, tmp_path / "exercises")


# --- reading tasks --------------------------------------------------------------------


TEST = '@points(1, "works")\ndef test_it(answer):\n    pass\n'
WORDS = "# Title\n\n- type: make\n- takeaway: t\n"


@pytest.mark.parametrize(
    ("tests", "words", "said"),
    [
        (TEST, "# T\n\n- type: make\n", "has no line '- takeaway: …'"),
        (TEST, WORDS.replace("# Title", ""), "has no title"),
        ("", WORDS, "has no test with @points"),
        ("def test_it(answer):\n    pass\n", WORDS, "test_it needs its points"),
    ],
)
def test_broken_task_file_names_the_file_and_what_to_add(tmp_path, tests, words, said):
    """A mistake of an author is told with its place."""
    (tmp_path / "01.1.py").write_text(tests)
    (tmp_path / "01.1.md").write_text(words)
    with pytest.raises(ExerciseError, match=re.escape(said)):
        read_task(tmp_path / "01.1.py")
