"""What the course says of its lessons: what they teach, and how long they take.

Read from where it is written for people: the table of lessons in the README, and the
line of minutes in each notebook. What is not found is left empty.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Announced", "Syllabus", "read_syllabus"]

_TITLE = re.compile(r"(?m)^# (.+)$")
_ROW = re.compile(r"(?m)^\| *\[[^]]+\]\(notebooks/([^)/]+)\.ipynb\) *\| *([^|]*?) *\|")
_MINUTES = re.compile(r"\*\*Minutes:\*\* (\d+) to read, (\d+) to do")


@dataclass(frozen=True)
class Announced:
    """What a lesson announces.

    Attributes
    ----------
    learn : str
        What it teaches, in a phrase; empty if the README has none.
    minutes : int
        Reading and doing together; 0 if the notebook does not say.
    """

    learn: str
    minutes: int


@dataclass(frozen=True)
class Syllabus:
    """The course in its own words.

    Attributes
    ----------
    title : str
    lessons : dict of str to Announced
        By the notebook's name without ending: ``04_produce_and_consume``.
    glossary : Path or None
    glossary_title : str
    """

    title: str
    lessons: dict[str, Announced]
    glossary: Path | None
    glossary_title: str


def read_syllabus(root: Path) -> Syllabus:
    """Read the README and the notebooks of a checkout.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    Syllabus
    """
    readme = _text(root / "README.md")
    learn = dict(_ROW.findall(readme))
    notebooks = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    glossary = next((path for path in notebooks if path.name.startswith("99")), None)
    return Syllabus(
        title=_heading(readme) or "The course",
        lessons={
            path.stem: Announced(learn.get(path.stem, ""), _minutes(_text(path)))
            for path in notebooks
            if path != glossary
        },
        glossary=glossary,
        glossary_title=_first_heading(glossary) if glossary else "",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _heading(text: str) -> str:
    found = _TITLE.search(text)
    return found[1] if found else ""


def _minutes(text: str) -> int:
    found = _MINUTES.search(text)
    return int(found[1]) + int(found[2]) if found else 0


def _first_heading(notebook: Path) -> str:
    try:
        cells = json.loads(_text(notebook))["cells"]
        return _heading("".join(cells[0]["source"]))
    except (ValueError, LookupError, TypeError):
        return ""
