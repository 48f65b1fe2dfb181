"""The course as data: lessons, exercise sets, tasks, words. Read from files, fast.

Plain JSON, since importing nbformat takes longer than all that is done with it.
"""

import functools
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from labkit.grader.tasks import all_tasks

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
EXERCISES = ROOT / "exercises"
TASKS = all_tasks()
MISCONCEPTIONS = tomllib.loads((EXERCISES / "misconceptions.toml").read_text("utf-8"))
TYPES = {
    "change one thing", "predict the output", "put in order", "fill in",
    "spot the bug", "fix the race", "measure and explain", "make",
}  # fmt: skip

DETAILS = re.compile(r"</?(?:details|summary)>")
FENCE = re.compile(r"```.*?```", re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)|<img\b([^>]*)>")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook."""

    kind: str
    id: str
    text: str


@functools.cache
def cells(path):
    """Return the cells of a notebook."""
    data = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [Cell(c["cell_type"], c["id"], "".join(c["source"])) for c in data]


def prose(path):
    """Return the Markdown cells of a notebook; all of a Markdown file as one."""
    if path.suffix == ".md":
        return [Cell("markdown", path.name, path.read_text(encoding="utf-8"))]
    return [cell for cell in cells(path) if cell.kind == "markdown"]


def words(markdown):
    """Count the words a reader sees."""
    seen = re.sub(r"<[^>]*>|\]\([^)]*\)", " ", FENCE.sub(" ", markdown))
    return len(re.findall(r"[\w'.]+", seen))


@functools.cache
def headings(path):
    """Return the headings of a notebook or Markdown file, as JupyterLab anchors."""
    page = FENCE.sub("", "\n".join(cell.text for cell in prose(path)))
    found = re.findall(r"(?m)^#{1,6} (.+?)\s*$", page)
    return [re.sub(r"[`*]", "", heading).replace(" ", "-") for heading in found]


@functools.cache
def sections(path):
    """Return the text below each second-level heading."""
    page = "\n".join(cell.text for cell in prose(path))
    parts = re.split(r"(?m)^## (.+)$", page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def bullets(text):
    """Return the points of a list, each on one line."""
    return [
        " ".join(point.split())
        for point in re.findall(r"(?ms)^- (.+?)(?=^- |\n\n|\Z)", text)
    ]


@dataclass(frozen=True)
class Lesson:
    """A lesson, with its exercise set if there is one."""

    path: Path

    @property
    def number(self):
        """Its two digits."""
        return self.path.name[:2]

    @property
    def tasks(self):
        """The tasks of its set."""
        return [task for task in TASKS if task.set == self.path.stem]

    @property
    def copy(self):
        """The learner's copy of its set."""
        return EXERCISES / "release" / self.path.stem / f"{self.path.stem}.ipynb"

    @property
    def new_words(self):
        """The words that it says it teaches."""
        text = sections(self.path)["New words"].split("##")[0]
        return [" ".join(word.split()) for word in re.findall(r"\*\*([^*]+)\*\*", text)]

    def minutes(self):
        """Return the minutes it asks for: to read and run, to do."""
        first = cells(self.path)[0].text
        found = re.search(r"(\d+) minutes to read and run, (\d+) to do", first)
        return int(found[1]), int(found[2])

    def prose_words(self):
        """Count all words, answers, tables and the texts of questions included."""
        told = (cell.text for cell in prose(self.path))
        return sum(map(words, (*told, *self.questions())))

    def questions(self):
        """Return what the questions of the lesson say, one text for each."""
        file = NOTEBOOKS / "questions" / f"{self.number}.toml"
        return [" ".join(_texts(asked)) for asked in _toml(file).values()]

    def code_lines(self):
        """Count lines of code; what a question is given is prose."""
        texts = [cell.text for cell in cells(self.path) if cell.kind == "code"]
        lines = filter(None, map(str.strip, "\n".join(texts).splitlines()))
        return sum(not (ASKS.match(line) or line.startswith(SPOKEN)) for line in lines)


@functools.cache
def _toml(file):
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _texts(value):
    """Yield all texts in a question's table."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


SPOKEN = ('"', "'")  # a line that begins so is text
ASKS = re.compile(r"(\w+ = )?(predict|quiz|arrange)\(|\w+\.compare\(")


def lessons():
    """Return the lessons that are there, in order."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    return [Lesson(path) for path in found if not path.name.startswith("99")]


def pages():
    """Return every notebook and Markdown file that people read."""
    books = [*NOTEBOOKS.rglob("*.ipynb"), *EXERCISES.rglob("*.ipynb")]
    other = {"work", ".ipynb_checkpoints", "submitted", "autograded", "feedback"}
    books = [p for p in books if not other & {*p.relative_to(ROOT).parts}]
    return sorted([*books, *NOTEBOOKS.rglob("*.md"), *ROOT.glob("*.md")])


# --- words ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """An entry of the glossary."""

    name: str
    forms: tuple
    lesson: str
    text: str


@functools.cache
def glossary():
    """Return the entries of the glossary, in its order."""
    page = "\n".join(cell.text for cell in prose(NOTEBOOKS / "99_glossary.ipynb"))
    found = []
    for entry in re.split(r"(?m)^### ", page)[1:]:
        name, _, text = entry.partition("\n")
        text = re.split(r"(?m)^## ", text)[0].strip()
        also = re.search(r"Also: ([^.]*)\.", " ".join(text.split()))
        forms = re.findall(r"\*([^*]+)\*", also[1]) if also else []
        lesson = re.findall(r"\[Lesson (\d\d)\]\(", text)
        found.append(Term(name.strip(), tuple(forms), " ".join(lesson), text))
    return found


@functools.cache
def pattern(term):
    """Return what finds a term, in any of its forms, in running text."""
    forms = sorted({term.name, *term.forms}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, forms))})s?\b", re.IGNORECASE)


def running_text(markdown):
    """Return the words of a text without code, diagrams and targets of links."""
    text = DETAILS.sub(" ", CODE.sub(" ", FENCE.sub(" ", markdown)))
    return re.sub(r"<[^>]+>", " ", LINK.sub(r"[\1]", text))


def without(text, term, known):
    """Take out the known words that contain a term, as "manager server" a manager."""
    for form in known:
        if term.name.lower() in form.lower():
            text = re.sub(rf"\b{re.escape(form)}s?\b", " ", text, flags=re.IGNORECASE)
    return text


def used_before_taught(text, number, terms):
    """Return the terms of later lessons in a text of this lesson, with their places.

    A sentence or line of a table that names a later lesson may speak in its words:
    that is what it is there for.
    """
    found = []
    known = [f for t in terms if t.lesson <= number for f in (t.name, *t.forms)]
    told = DETAILS.sub(" ", FENCE.sub(" ", text))
    told = re.sub(r"(?m)^\| In the documentation.*$", "", told)
    for sentence in re.split(r"(?<=[.?!])\s+|\n\s*\n|\n(?=[-|#])", told):
        ahead = max([number, *re.findall(r"(?:[Ll]esson |\[|\| )(\d\d)\b", sentence)])
        plain = running_text(sentence)
        found += [
            (term.name, " ".join(sentence.split())[:80])
            for term in terms
            if term.lesson > ahead and pattern(term).search(without(plain, term, known))
        ]
    return found
