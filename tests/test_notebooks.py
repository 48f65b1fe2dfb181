"""The lessons: their form and their words. Their claims are in `claims/`."""

import ast
import re

import pytest
from material import EXERCISES, FENCE, NOTEBOOKS, cells, prose

from tests import claims

# 99 is the glossary: tests/test_material.py holds it to a form of its own.
LESSONS = sorted({*NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")} - {*NOTEBOOKS.glob("99_*")})
SETS = sorted((EXERCISES / "source").glob("*/*.ipynb"))
LAST = [
    "Check yourself",
    "Key points",
    "New words",
    "Clean up",
    "The exercise to do now",
]
WROTE_ITSELF = ("%%process", "%%writefile", "%%answer")
# Habits of translated English, each with what a native teacher would say instead.
HABITS = {
    r"\b(just|simply|obviously|of course|trivial(ly)?|eas(y|ily))\b": "leave it out",
    r"\b[Ww]hoever\b": "anyone who",
    r"\bstand(s|ing)? (beside|in the|written|for being)\b|\bthere stands\b": "is, says",
    r"\b(comes?|came) out\b": "propagate, appear",
    r"\btold (apart )?by\b": "identified by",
    r"^(In|Of|From|To|At|With) wh(at|ich|om) d(o|oes|id)\b": "put the verb first",
    r"\banew\b": "again",
    r"\bat work\b": "busy, running",
    r"\bthe talk\b": "the conversation, the traffic",
    r"\bWhat it is to\b|\bis to have\b": "say it with a verb",
    r"\bmade up of\b": "consists of",
}

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
every_notebook = pytest.mark.parametrize(
    "path", [*LESSONS, *SETS], ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def code(path):
    """Return the code cells."""
    return [cell for cell in cells(path) if cell.kind == "code"]


def page(path, cells_of=prose):
    """Return the text of all Markdown cells, or of others, as one."""
    return "\n".join(cell.text for cell in cells_of(path))


def sentences(cell):
    """Return a cell's Markdown without its diagrams, code and tables."""
    plain = re.sub(r"```.*?```|`[^`]*`", "", cell.text, flags=re.DOTALL)
    return re.sub(r"<[^>]*>|\]\([^)]*\)|^\|.*$", " ", plain, flags=re.MULTILINE)


def habits_in(text):
    """Return each habit in a text, code aside, with what to say instead."""
    plain = re.sub(r"`[^`]*`", "", text)
    return [
        (match.group(), cure)
        for habit, cure in HABITS.items()
        for match in re.finditer(habit, plain, re.MULTILINE)
    ]


def headings(path):
    """Return the text of every second-level heading, in order."""
    return re.findall(r"(?m)^## (.+)$", FENCE.sub("", page(path)))


@every_lesson
def test_name_title_and_ids_agree(path):
    """Ids start with the lesson's number, and the title with the verb of its name."""
    number, verb = path.stem.split("_")[:2]
    ids = [cell.id for cell in cells(path)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rf"{number}(-[a-z0-9]+)+", id_) for id_ in ids)
    assert cells(path)[0].text.lower().startswith(f"# {verb}")


@every_lesson
def test_a_lesson_ends_as_every_lesson_does(path):
    """A learner finds the same last sections, in the same order, in each lesson."""
    assert [title for title in headings(path) if title in LAST] == LAST


@every_lesson
def test_headings_are_claims(path):
    """A heading that is not fixed says something that can be true or false."""
    own = [title for title in headings(path) if title not in LAST]
    assert own
    assert [t for t in own if len(t.split()) < 4 or t[-1] in ".:!"] == []


@every_lesson
def test_first_page_says_what_it_costs(path):
    """Minutes, needs, aims and the documentation are in the first cell's table."""
    first = cells(path)[0].text
    for row in ("Time", "You need", "By the end you can", "In the documentation"):
        assert re.search(rf"^\| {row} \| \S", first, re.MULTILINE), row
    assert re.search(r"\d+ minutes to read and run, \d+ to do", first)
    assert "https://docs.python.org/3/" in first


@every_lesson
def test_learners_change_and_write_programs(path):
    """At least three times a learner changes something, or writes it."""
    assert len(re.findall(r"\*\*(?:Modify|Make)\.\*\*", page(path))) >= 3
    assert "**Predict.**" in page(path)


@every_lesson
def test_code_is_short(path):
    """12 lines of code, 40 in a program; 79 columns; 52 cells at most."""
    assert 20 <= len(cells(path)) <= 52
    for cell in code(path):
        lines = [line for line in cell.text.splitlines() if line.strip()]
        limit = 40 if cell.text.startswith(WROTE_ITSELF) else 12
        if cell.id.endswith("-setup-kit"):
            continue  # imports
        assert len(lines) <= limit, cell.id
        assert max(map(len, lines)) <= 79, cell.id


@every_notebook
def test_english_is_natural(path):
    """No sentence has a habit of translated English."""
    cells_of = prose(path)
    assert [(c.id, *found) for c in cells_of for found in habits_in(sentences(c))] == []


@every_notebook
def test_notebooks_are_no_tests(path):
    """No private import, no noqa, and an assert in one code cell of six at most."""
    source, own = page(path, code), code(path)
    assert re.findall(r"(?:from|import) labkit\S*\._\w+|import _\w+|noqa", source) == []
    if path in LESSONS:
        asserting = [c.id for c in own if re.search(r"(?m)^\s*assert ", c.text)]
        assert len(asserting) <= len(own) / 6, asserting


@every_lesson
def test_clean_up_leaves_nothing_running(path):
    """The last code cell ends every program of the lesson."""
    last = code(path)[-1]
    assert last.id.endswith("-clean-up-run")
    assert "processes.stop_all()" in last.text


@every_lesson
def test_programs_are_plain_python(path):
    """A program of a lesson parses, and works without labkit."""
    for cell in code(path):
        first, _, program = cell.text.partition("\n")
        if first.startswith(WROTE_ITSELF):
            ast.parse(program)
            assert "labkit" not in program, cell.id


def test_lessons_do_not_share_program_names():
    """Two lessons may be open, or tested, at once: no file is written by both."""
    written = []
    for path in LESSONS:
        wrote = r"(?m)^%%process (\w+)|^%%writefile work/(\w+)"
        names = re.findall(wrote, page(path, code))
        written += sorted({"".join(pair) for pair in names})
    assert len(set(written)) == len(written)


@every_lesson
def test_claims_are_about_cells_that_exist(path):
    """Each lesson has claims, and each claim names a cell of its lesson."""
    held = set(claims.load(path.name[:2]))
    assert held
    assert held <= {cell.id for cell in cells(path)}
