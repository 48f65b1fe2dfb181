"""The instructor's pages: what they name exists, and their minutes add up."""

import contextlib
import functools
import json
import re
from pathlib import Path

import pytest
from answers import wrong_answers
from kernels import Kernel

from labkit.grader.tasks import all_tasks

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks" / "instructor"
PAGES = sorted(FOLDER.glob("*.md"))
LESSONS = sorted((ROOT / "notebooks").glob("[0-8][0-9]_*.ipynb"))
TASKS = {task.id: task for task in all_tasks()}
SECTIONS = [
    "Aim", "Minutes", "Before the class", "Demo", "Where people get stuck",
    "What to cut", "Likely questions",
]  # fmt: skip
CELL = r"`(\d\d-[a-z0-9-]+)`"
TASK = r"\b(\d\d\.\d)(?:/(\w+))?"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


@functools.cache
def text(page):
    """Return a page, with its line ends inside paragraphs as spaces."""
    return re.sub(r"(?<=\S)\n(?=[^\s|#`-])", " ", page.read_text(encoding="utf-8"))


@functools.cache
def cells(lesson):
    """Return the cells of a lesson by their ids, in order."""
    book = json.loads(lesson.read_text(encoding="utf-8"))
    return {cell["id"]: cell for cell in book["cells"]}


def page_of(lesson):
    """Return the page about a lesson."""
    return FOLDER / f"{lesson.stem}.md"


def section(page, title):
    """Return what stands below a heading of the second level."""
    return re.split(rf"(?m)^## {title}$", text(page))[1].partition("\n## ")[0]


def rows(markdown):
    """Yield the cells of each row of the tables, without their headings."""
    for table in re.findall(r"(?m)(?:^\|.*\n?)+", markdown):
        for line in table.strip().split("\n")[2:]:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def minutes(lesson):
    """Return what a page says of its lesson: teaching, doing, exercises."""
    [numbers] = rows(section(page_of(lesson), "Minutes"))
    return [int(number) for number in numbers]


@every_lesson
def test_every_lesson_has_a_page_with_the_same_sections(lesson):
    """A teacher finds the same headings on each page."""
    assert re.findall(r"(?m)^## (.+)$", text(page_of(lesson))) == SECTIONS
    assert section(page_of(lesson), "Likely questions").count("?** ") >= 3


def test_entrance_repeats_the_minutes_and_leads_to_every_page():
    """The table in README says what the pages say; its links lead to all of them."""
    table = list(rows(section(FOLDER / "README.md", "One page for each lesson")))
    stated = {row[0]: [int(number) for number in row[2:]] for row in table}
    assert stated == {path.stem[:2]: minutes(path) for path in LESSONS}
    links = set(re.findall(r"\]\((\w+\.md)\)", text(FOLDER / "README.md")))
    assert links == {path.name for path in PAGES} - {"README.md"}


@every_lesson
def test_minutes_are_those_of_demo_lesson_and_exercises(lesson):
    """Teaching is the sum of the demo; doing and exercises stand in the notebooks."""
    teaching, doing, exercises = minutes(lesson)
    demo = list(rows(section(page_of(lesson), "Demo")))
    assert sum(int(row[0]) for row in demo) == teaching
    prose = "".join("".join(c["source"]) for c in cells(lesson).values())
    assert re.search(rf"\d+ (?:minutes )?to read(?: and run)?, {doing} to do", prose)
    source = ROOT / "exercises" / "source" / lesson.stem / lesson.name
    stated = source.read_text("utf-8") if source.exists() else "about 0 minutes"
    assert f"about {exercises} minutes" in stated


def demo_cells(lesson):
    """Return the ids of the cells that a demo runs, in order."""
    demo = rows(section(page_of(lesson), "Demo"))
    return [name for row in demo for name in re.findall(CELL, row[1])]


@every_lesson
def test_demo_names_cells_in_the_order_of_the_lesson(lesson):
    """A demo is run from top to bottom; it begins with the set-up."""
    named = demo_cells(lesson)
    places = [list(cells(lesson)).index(name) for name in named]
    assert places == sorted(places)
    assert named[0].endswith("-setup-kit")
    assert all(cells(lesson)[name]["cell_type"] == "code" for name in named)


def test_demos_run(request, tmp_path):
    """The cells of a demo alone, without the rest of the lesson, do what they say."""
    wanted = request.config.getoption("--demos")
    chosen = [lesson for lesson in LESSONS if lesson.match(wanted)] if wanted else []
    if not chosen:
        pytest.skip("--demos '*' runs the demos of all lessons")
    for lesson in chosen:
        folder = tmp_path / lesson.stem
        folder.mkdir()
        with contextlib.closing(Kernel(folder)) as kernel:
            for name in demo_cells(lesson):
                cell = cells(lesson)[name]
                said = kernel.run("".join(cell["source"]))
                raised = any(m["msg_type"] == "error" for m in kernel.messages)
                assert raised == bool(cell["metadata"].get("tags")), (name, said)


@every_page
def test_named_cells_tasks_and_wrong_answers_exist(page):
    """Nothing is named that is not there; what a wrong answer is told is quoted."""
    known = {name for lesson in LESSONS for name in cells(lesson)}
    assert set(re.findall(CELL, text(page))) <= known
    code = " ".join(re.findall(r"`[^`]+`", text(page)))
    for task, wrong in re.findall(TASK, code):
        names = {one.name for one in wrong_answers(TASKS[task])}
        assert not wrong or wrong in names, (task, wrong)
    for task in re.findall(r"(?<![\w.=])\d\d\.\d(?![\d.%])", text(page)):
        assert task in TASKS, task
    for task, wrong, quote in re.findall(rf"`{TASK}`: \*(.+?)\*", text(page)):
        told = next(w.message for w in wrong_answers(TASKS[task]) if w.name == wrong)
        assert quote in told, (task, wrong)


def plans():
    """Yield each plan of the page: its heading, its stated total, its rows."""
    for part in text(FOLDER / "plans.md").split("\n## ")[1:]:
        if total := re.search(r"\*\*(\d+) minutes\*\*", part):
            yield part.partition("\n")[0], int(total[1]), list(rows(part))


def test_plans_add_up():
    """Each row begins when the one before it ends; the sum is what is promised."""
    found = list(plans())
    assert len(found) >= 4  # two hours, half a day, and two days
    for _, total, plan in found:
        hours, first = map(int, plan[0][0].split(":"))
        begin = at = 60 * hours + first
        for clock, length, *_ in plan:
            hours, first = map(int, clock.split(":"))
            assert 60 * hours + first == at, clock
            at += int(length)
        assert at - begin == total
