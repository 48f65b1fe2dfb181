"""The lessons: their form, their links, and how they behave in a real kernel."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from tests import claims

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
# 99 is the glossary: tests/test_material.py holds it to a form of its own.
LESSONS = sorted(set(FOLDER.glob("[0-9][0-9]_*.ipynb")) - set(FOLDER.glob("99_*")))
FIXED = [
    "Why this matters",
    "At a glance",
    "You will be able to",
    "Set-up",
    "Check yourself",
    "Key points",
    "New words",
    "Clean up",
    "The exercise to do now",
]
BANNED = r"\b(just|simply|obviously|of course|trivial(ly)?|eas(y|ily))\b"
WROTE_ITSELF = ("%%process", "%%writefile", "%%answer")
# What a question says of its answers is not for eyes that have not answered yet.
HIDDEN = {"jupyter": {"source_hidden": True}}
ASKS = re.compile(r'^(?:\w+ = )?(predict|quiz|arrange)\(\s*"([^"]*)"', re.MULTILINE)
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)
MERMAID = re.compile(r"```mermaid\n.*?```", re.DOTALL)

every_lesson = pytest.mark.parametrize(
    "lesson",
    [nbformat.read(path, 4) for path in LESSONS],
    ids=[p.stem for p in LESSONS],
)


def prose(lesson):
    """Return the Markdown cells."""
    return [cell for cell in lesson.cells if cell.cell_type == "markdown"]


def code(lesson):
    """Return the code cells."""
    return [cell for cell in lesson.cells if cell.cell_type == "code"]


def text(cell):
    """Return a cell's Markdown without its diagrams."""
    return MERMAID.sub("", cell.source)


def words(markdown):
    """Count the words a reader sees."""
    return len(re.findall(r"[\w'.]+", re.sub(r"<[^>]*>|\]\([^)]*\)", " ", markdown)))


def headings(lesson):
    """Return the text of every second-level heading, in order."""
    page = "\n".join(text(cell) for cell in prose(lesson))
    return re.findall(r"^## (.+)$", page, re.MULTILINE)


def rounds(lesson):
    """Yield each cell that asks for a prediction, with the code up to the next one."""
    asked, following = None, []
    for cell in lesson.cells:
        if cell.cell_type == "code":
            following.append(cell.source)
        elif "**Predict.**" in cell.source or "## Check yourself" in cell.source:
            if asked:
                yield asked, "\n".join(following)
            asked, following = cell, []


def test_there_are_lessons():
    """An empty folder would pass every check below."""
    assert len(LESSONS) >= 3


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_file_is_clean(path):
    """A lesson is valid nbformat 4.5 for any Python 3 kernel, and holds no output."""
    lesson = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(lesson)
    assert (lesson.nbformat, lesson.nbformat_minor) == (4, 5)
    assert lesson.metadata.kernelspec.name == "python3"
    assert all(not cell.outputs for cell in code(lesson))
    assert all(cell.execution_count is None for cell in code(lesson))
    others = [cell for cell in lesson.cells if cell.metadata != HIDDEN]
    assert all(set(cell.metadata) <= {"tags"} for cell in others)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_name_title_and_ids_agree(path):
    """Ids start with the lesson's number, and the title with the verb of its name."""
    lesson = nbformat.read(path, 4)
    number, verb = path.stem.split("_")[:2]
    ids = [cell.id for cell in lesson.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rf"{number}(-[a-z0-9]+)+", id_) for id_ in ids)
    assert lesson.cells[0].source.lower().startswith(f"# {verb}")


@every_lesson
def test_fixed_sections_stand_in_order(lesson):
    """A learner finds the same sections in the same order in each lesson."""
    assert [title for title in headings(lesson) if title in FIXED] == FIXED


@every_lesson
def test_other_headings_are_claims(lesson):
    """A heading that is not fixed says something that can be true or false."""
    claims = [title for title in headings(lesson) if title not in FIXED]
    assert claims
    assert all(len(title.split()) >= 5 and title[-1].isalnum() for title in claims)


@every_lesson
def test_first_page_says_what_it_costs(lesson):
    """Minutes, needs and the next step are stated; every kind of task occurs."""
    page = "\n".join(cell.source for cell in prose(lesson))
    assert re.search(r"\*\*Minutes:\*\* \d+ to read, \d+ to do\.", page)
    for lead in ("You need:", "Next:", "Predict.", "Investigate.", "Modify.", "Make."):
        assert f"**{lead}**" in page, lead


@every_lesson
def test_cells_are_short(lesson):
    """25 to 40 cells; 12 lines of code, 40 in a program; 79 columns; 60 words."""
    assert 25 <= len(lesson.cells) <= 40
    for cell in code(lesson):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        limit = 40 if cell.source.startswith(WROTE_ITSELF) else 12
        if ASKS.search(cell.source):
            continue  # data, and hidden
        assert len(lines) <= limit, cell.id
        assert max(map(len, lines)) <= 79, cell.id
    for cell in prose(lesson):
        assert words(DETAILS.sub("", text(cell))) <= 60, cell.id
        assert all(words(answer) <= 60 for answer in DETAILS.findall(text(cell)))


@every_lesson
def test_words_are_plain(lesson):
    """Nothing is called easy: it is not, for whoever is stuck."""
    for cell in lesson.cells:
        assert not re.search(BANNED, cell.source, re.IGNORECASE), cell.id


@every_lesson
def test_predictions_are_answered_and_proved(lesson):
    """A prediction asks; it is compared, or its answer is folded; the truth is proved.

    What is compared is the outcome of the run, and the code asserts it, too.
    """
    for asked, following in rounds(lesson):
        assert "assert " in following, asked.id
        if DETAILS.search(asked.source):
            assert "?" in DETAILS.sub("", asked.source), asked.id
        else:
            assert "= predict(" in following, asked.id


@every_lesson
def test_questions_are_hidden_and_bear_the_id_of_their_cell(lesson):
    """An id is unique in the course; a prediction is compared after it was asked."""
    source = "\n".join(cell.source for cell in code(lesson))
    for cell in code(lesson):
        asked = ASKS.findall(cell.source)
        assert (cell.metadata == HIDDEN) == bool(asked), cell.id
        assert [id_ for _, id_ in asked] == [cell.id] * len(asked), cell.id
        if name := re.match(r"(\w+) = predict\(", cell.source):
            assert cell.source.rstrip().endswith(f"\n{name[1]}"), cell.id
            after = source.split(cell.source, 1)[1]
            assert f"{name[1]}.compare(" in after, cell.id


@every_lesson
def test_expected_failures_are_asserted(lesson):
    """A tagged cell that does not raise passes nbval: the next cell must prove it."""
    cells = code(lesson)
    tagged = [i for i, c in enumerate(cells) if c.metadata.get("tags")]
    assert tagged
    for index in tagged:
        assert cells[index].metadata.tags == ["raises-exception"]
        after = cells[index + 1].source
        assert "except " in after, cells[index].id
        assert "assert " in after, cells[index].id


@every_lesson
def test_diagrams_can_be_heard(lesson):
    """Each mermaid diagram has a title and a description, and prose beside it."""
    for cell in prose(lesson):
        for diagram in MERMAID.findall(cell.source):
            assert re.search(r"^ +accTitle: .{10}", diagram, re.MULTILINE), cell.id
            assert re.search(r"^ +accDescr: .{40}", diagram, re.MULTILINE), cell.id
            assert words(text(cell)) >= 15, cell.id


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_links_resolve(path):
    """Each relative link names a file that exists, and an anchor in it."""
    page = "\n".join(cell.source for cell in prose(nbformat.read(path, 4)))
    for link in re.findall(r"\]\(([^)]+)\)", page):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.is_file(), link
        anchors = [h.replace(" ", "-") for h in headings(nbformat.read(target, 4))]
        assert not anchor or anchor in anchors, link


@every_lesson
def test_clean_up_asserts_that_nothing_runs(lesson):
    """The last code cell ends everything, then looks."""
    last = code(lesson)[-1]
    assert last.id.endswith("-clean-up-run")
    assert "processes.stop_all()" in last.source
    assert re.search(r"assert not any\(\w+\.is_alive\(\)", last.source)


@every_lesson
def test_programs_are_plain_python(lesson):
    """A program of a lesson parses, and works without labkit."""
    for cell in code(lesson):
        first, _, program = cell.source.partition("\n")
        if first.startswith(WROTE_ITSELF):
            ast.parse(program)
            assert "labkit" not in program, cell.id


def test_lessons_do_not_share_program_names():
    """Two lessons may be open, or tested, at once: no file is written by both."""
    written = []
    for path in LESSONS:
        page = "\n".join(cell.source for cell in code(nbformat.read(path, 4)))
        names = re.findall(r"(?m)^%%process (\w+)|^%%writefile work/(\w+)", page)
        written += sorted({"".join(pair) for pair in names})
    assert len(set(written)) == len(written)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_claims_are_about_cells_that_exist(path):
    """A claim of tests/claims names a cell of its lesson."""
    cells = {cell.id for cell in nbformat.read(path, 4).cells}
    assert set(claims.load(path.name[:2])) <= cells
