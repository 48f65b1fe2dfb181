"""The answers of every task: solutions, what is handed out, and known wrong ones."""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

_WRONG = re.compile(
    r"^## (\w+): ([^\n]+)\n> ([^\n]+)\n```(python|diff)\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: its name, what its author believes, the sentence it must get."""

    name: str
    belief: str
    message: str
    code: str


@functools.cache
def notebook(task, kind):
    """Return a task's notebook, the source or the release, as JSON."""
    path = task.path.parents[2] / kind / task.set / f"{task.set}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def cells(task, kind):
    """Return the text of each of its cells."""
    return ["".join(cell["source"]) for cell in notebook(task, kind)["cells"]]


def answer(task, kind):
    """Return the text of a task's answer cell: the solution, or what is handed out."""
    first = f"%%answer {task.id}\n"
    (found,) = [text for text in cells(task, kind) if text.startswith(first)]
    return found.removeprefix(first)


@functools.cache
def wrong_answers(task):
    """Return the known wrong answers to a task.

    Each is code, or a change of the solution as a diff whose hunks begin with ``@@``.
    """
    path = task.path.with_suffix(".wrong.md")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = [
        Wrong(name, belief, message, code if kind == "python" else changed(task, code))
        for name, belief, message, kind, code in _WRONG.findall(text)
    ]
    known = [one.name for one in found]
    for name in re.findall(r"(?m)^## ([^:\s]*)", text):
        assert name in known, (
            f"{path.name}: {name} needs '## name: belief', '> the message', and code."
        )
    return tuple(found)


def changed(task, diff):
    """Return the solution, without comments and empty lines, with a change."""
    text = re.sub(r"(?m)^[ ]*(#.*)?\n", "", answer(task, "source") + "\n")
    for hunk in filter(None, diff.split("@@\n")):
        lines = [line for line in hunk.splitlines() if line.strip("+- ")]
        old = "".join(line[1:] + "\n" for line in lines if not line.startswith("+"))
        new = "".join(line[1:] + "\n" for line in lines if not line.startswith("-"))
        assert text.count(old) == 1, f"{task.id} has {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text


def right_answers(task):
    """Return answers to a task that are right, in any style, from ``right/NN.md``."""
    return [one for one in _tried(task) if not one.message]


def refused_answers(task):
    """Return the wrong ones that are there, too, with the sentence that they must get."""
    return [one for one in _tried(task) if one.message]


@functools.cache
def _tried(task):
    path = Path(__file__).parent / "right" / f"{task.id[:2]}.md"
    entry = rf"^## {task.id} ([^\n]+)\n(?:> ([^\n]+)\n)?```(python|diff)\n(.*?)^```$"
    text = path.read_text(encoding="utf-8")
    return [
        Wrong(name, "", message, code if kind == "python" else changed(task, code))
        for name, message, kind, code in re.findall(
            entry, text, re.MULTILINE | re.DOTALL
        )
    ]


def blank_message(task):
    """Return the sentence that the handed-out copy gets: the first in the file."""
    text = task.path.with_suffix(".wrong.md").read_text(encoding="utf-8")
    found = re.match(r"> (.+)", text)
    return found[1] if found else f"The answer to {task.id} is not written yet: line "
