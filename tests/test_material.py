"""The course agrees with itself: minutes, points, words, links, alt text, load."""

import re
import runpy

import material
import pytest
from answers import wrong_answers
from material import (
    MISCONCEPTIONS,
    ROOT,
    TASKS,
    bullets,
    cells,
    headings,
    lessons,
    prose,
    sections,
    words,
)

LESSONS = lessons()
WITH_SET = [lesson for lesson in LESSONS if lesson.tasks]
TERMS = material.glossary()
PAGES = material.pages()
# Words of the glossary that earlier lessons use as everybody does.
EVERYDAY = {"ledger": "what was sold, in the story of lesson 02"}
WORDS_A_MINUTE, LINES_A_MINUTE = 100, 10  # read, thought about, and run

every_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=lambda lesson: lesson.number
)
every_set = pytest.mark.parametrize(
    "lesson", WITH_SET, ids=lambda lesson: lesson.number
)


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Spare these tests the look for leftovers: they read files, and start nothing."""


# --- objectives, minutes, key points, exercise map ------------------------------------


@every_lesson
def test_key_points_are_few(lesson):
    """What to keep from a lesson are three to six points."""
    points = bullets(sections(lesson.path)["Key points"].split("## ")[0])
    assert 3 <= len(points) <= 6


@every_lesson
def test_minutes_are_honest(lesson):
    """What it says of reading agrees with how much there is to read and to run."""
    read, _ = lesson.minutes()
    expected = lesson.prose_words() / WORDS_A_MINUTE
    expected += lesson.code_lines() / LINES_A_MINUTE
    assert expected / 1.5 <= read <= expected * 1.5


@every_set
def test_lesson_and_set_name_each_other(lesson):
    """The lesson ends with its set and its minutes; the set says the same."""
    place = sections(lesson.path)["The exercise to do now"]
    title = cells(lesson.copy)[0].text
    told = re.findall(r"about\s(\d+)\sminutes", place)
    assert told == re.findall(r"about (\d+) minutes", title)
    points = sum(task.points for task in lesson.tasks)
    assert 1.5 <= int(told[0]) / points <= 2.8
    assert f"{lesson.copy.name})" in place
    assert f"{lesson.path.name})" in title


def test_readme_and_first_lesson_list_the_same_course():
    """Both link every lesson, and the README every set."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = "\n".join(cell.text for cell in prose(LESSONS[0].path))
    for lesson in LESSONS[1:]:
        assert f"[{lesson.number}]({lesson.path.name})" in first
        row = next(
            r for r in readme.splitlines() if f"notebooks/{lesson.path.name})" in r
        )
        if lesson.tasks:
            assert lesson.copy.relative_to(ROOT).as_posix() in row, lesson.number


def test_lessons_follow_each_other():
    """Each lesson needs earlier ones only."""
    for lesson in LESSONS:
        needs = re.search(r"You need(.*)", cells(lesson.path)[0].text)[1]
        assert all(n < lesson.number for n in re.findall(r"esson (\d\d)", needs))


# --- words ----------------------------------------------------------------------------


def test_glossary_is_complete_and_in_order():
    """Each word once, in order, with two sentences or so, and one lesson."""
    names = [term.name for term in TERMS]
    assert names == sorted(names, key=str.lower)
    assert len(set(names)) == len(names)
    for term in TERMS:
        assert re.fullmatch(r"\d\d", term.lesson), term.name
        definition = re.sub(r"Also: [^.]*\.|\[Lesson.*", "", term.text, flags=re.DOTALL)
        assert 8 <= words(definition) <= 60, term.name


def test_new_words_are_the_words_of_the_glossary():
    """What a lesson calls new stands in the glossary as its word, and the reverse."""
    taught = {(word, lesson.number) for lesson in LESSONS for word in lesson.new_words}
    assert sorted(taught ^ {(term.name, term.lesson) for term in TERMS}) == []


@every_lesson
def test_new_words_are_used_before_they_are_listed(lesson):
    """A lesson's own rounds use what it calls a new word."""
    page = "\n".join(cell.text for cell in prose(lesson.path))
    rounds = page.split("## New words")[0]
    rounds += "\n".join(c.text for c in cells(lesson.path) if c.kind == "code")
    rounds += "\n".join(lesson.questions())
    own = [term for term in TERMS if term.lesson == lesson.number]
    assert [t.name for t in own if not material.pattern(t).search(rounds)] == []


@every_lesson
def test_no_word_before_it_is_taught(lesson):
    """Neither a lesson nor its tasks, hints and take-aways run ahead of the course."""
    texts = [*lesson.questions(), *(cell.text for cell in prose(lesson.path))]
    if lesson.tasks:
        texts += [cell.text for cell in prose(lesson.copy)]
    for task in lesson.tasks:
        texts += [task.title, task.takeaway, *task.hints]
        texts += [check.says for check in task.checks]
    found = [
        early
        for text in texts
        for early in material.used_before_taught(text, lesson.number, TERMS)
        if early[0] not in EVERYDAY
    ]
    assert found == []


# --- links and pictures ---------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    """Relative links name files that exist, and headings that are in them."""
    for cell in prose(path):
        text = material.CODE.sub(" ", material.FENCE.sub(" ", cell.text))
        for _, link in material.LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), (cell.id, link)
            known = [text.lower() for text in headings(target)] if anchor else []
            assert not anchor or anchor.lower() in known, (cell.id, link)


def test_the_site_has_what_its_pages_link_to(tmp_path):
    """Every relative link of a page leads to a file that is gathered with it."""
    tool = runpy.run_path(str(ROOT / "tools" / "site.py"))
    tool["gather"](ROOT, tmp_path / "kit")
    for page in (tmp_path / "kit").rglob("*.md"):
        for _, link in material.LINK.findall(page.read_text("utf-8")):
            name = link.partition("#")[0]
            assert ":" in name or (page.parent / name).exists(), (page.name, link)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_pictures_can_be_heard(path):
    """Images have a text of some words, diagrams a title and a description."""
    for cell in prose(path):
        for alt, source, tag in material.IMAGE.findall(cell.text):
            said = alt or re.search(r'alt="([^"]*)"|$', tag)[1] or ""
            assert words(said) >= 4, (cell.id, source or tag)
        for diagram in re.findall(r"```mermaid\n.*?```", cell.text, re.DOTALL):
            assert re.search(r"(?m)^ +accTitle: .{10}", diagram), cell.id
            assert re.search(r"(?m)^ +accDescr: .{40}", diagram), cell.id


@pytest.mark.parametrize(
    "path", [p for p in PAGES if p.suffix == ".ipynb"], ids=lambda p: p.stem
)
def test_plots_come_with_their_words(path):
    """Pictures are drawn by labkit's plots alone, whose outputs have alt text."""
    bare = r"matplotlib|pyplot|savefig|display\(|widgets\.Image|\bImage\(|\bSVG\("
    for cell in cells(path):
        if cell.kind == "code":
            assert not re.search(bare, cell.text), cell.id
            drawn = re.findall(r"plots\.(\w+)\(", cell.text)
            assert all(name.startswith("plot_") for name in drawn), cell.id


@pytest.mark.parametrize(
    "path", [p for p in PAGES if "release" in p.parts], ids=lambda p: p.stem
)
def test_tasks_are_short_to_read(path):
    """A task's text has 200 words at most: the rest is in its hints."""
    assert {c.id: words(c.text) for c in prose(path) if words(c.text) > 200} == {}


# --- tasks ----------------------------------------------------------------------------


def test_there_are_enough_tasks_of_every_type():
    """At least thirty, every type of STYLE, and each set opens with a small change."""
    assert len(TASKS) >= 30
    assert {task.type for task in TASKS} == material.TYPES
    for lesson in WITH_SET:
        assert lesson.tasks[0].type == "change one thing", lesson.number


# --- misconceptions -------------------------------------------------------------------

ROWS = MISCONCEPTIONS["misconception"]
BY_ID = {task.id: task for task in TASKS}
SETS = {task.id[:2] for task in TASKS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_misconception_is_exposed(row):
    """A task, a wrong answer that holds it, and the message that this one must get."""
    assert row["exposed_by"], row["claim"]
    assert words(row["claim"]) >= 3
    assert words(row["truth"]) >= 5
    for place in row["exposed_by"]:
        task_id, _, name = place.partition(":")
        wrong = {one.name: one for one in wrong_answers(BY_ID[task_id])}
        assert name in wrong, place
        assert wrong[name].message


def test_misconceptions_come_from_everywhere():
    """Each row has a name of its own, and all four sections of the facts have rows."""
    names = [row["id"] for row in ROWS]
    assert len(set(names)) == len(names)
    assert {row["section"] for row in ROWS} == {1, 3, 4, 5}
    assert len(ROWS) >= 50
