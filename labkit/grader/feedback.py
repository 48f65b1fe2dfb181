"""The words that go with a report, as text and as HTML."""

import re
from html import escape
from textwrap import fill
from typing import Self

from labkit.grader.runner import Report, Row

__all__ = ["Hints", "Refusal", "Score", "words"]

# Colours of Okabe and Ito; what they mean is also said in words.
_RIGHT, _WRONG = "#009E73", "#D55E00"
_WRAP = "white-space:pre-wrap;overflow-wrap:anywhere"
_STATES = {"passed": "✓ passed", "failed": "✗ not yet", "untried": "· not tried"}


def words(report: Report) -> str:
    """Return all feedback on an answer as plain text: one sentence, points, checks."""
    rows = [f"  {_line(row, report.message)}" for row in report.rows]
    return "\n".join([report.message, _summary(report), *rows, *_more(report)])


def _summary(report: Report) -> str:
    return f"{report.task.id}: {report.points:g} of {report.task.points:g} points."


def _line(row: Row, lead: str) -> str:
    worth = f"{row.points:g} of {row.check.points:g}"
    line = f"{_STATES[row.state]}, {worth}: {row.check.says}"
    # What was said first is not said again.
    return line if row.message in ("", lead) else f"{line}. {row.message}"


def _more(report: Report) -> list[str]:
    stuck = [f'Stuck? hint("{report.task.id}") opens a hint.']
    return [*report.notes, *stuck * (bool(report.rows) and not report.is_full)]


class Score(float):
    """The points of an answer: a number, with words.

    As text it is the bare number, because nbgrader reads a cell's result as the points
    it gives; a notebook shows the words. `report` is what the checks found, or None;
    `message` is what to read first, and `words` all feedback as plain text.
    """

    __slots__ = ("_note", "message", "report")

    def __new__(cls, report: Report | None, *_: object) -> Self:  # noqa: D102 - see the class
        return super().__new__(cls, report.points if report else 0.0)

    def __init__(
        self, report: Report | None, message: str = "", note: str = ""
    ) -> None:
        self.report, self._note = report, note
        self.message = report.message if report else message

    def __repr__(self) -> str:
        return float.__repr__(self)

    __str__ = __repr__

    @property
    def words(self) -> str:  # noqa: D102 - see the class
        text = words(self.report) if self.report else f"{self.message}\nNo points."
        return f"{text}\n{self._note}".strip()

    def wrapped(self, width: int = 80) -> str:
        """Return the words in lines of at most `width` characters."""
        lines = self.words.splitlines()
        return "\n".join(fill(line, width, subsequent_indent="    ") for line in lines)

    def _repr_html_(self) -> str:
        parts = [_paragraph(self.message)]
        if report := self.report:
            # The sign stands out to the left of its lines.
            style = "margin:0 0 .5em; padding-left:1.3em; text-indent:-1.3em"
            lines = [_marked(_line(row, self.message)) for row in report.rows]
            items = "".join(f'<li style="{style}">{line}</li>' for line in lines)
            parts += [
                f"<p><strong>{escape(_summary(report))}</strong></p>",
                f'<ul style="list-style:none;padding-left:0">{items}</ul>',
                *map(_paragraph, filter(None, [*_more(report), self._note])),
                *[_folded(row.detail) for row in report.rows if row.detail][:1],
            ]
        return _panel(_RIGHT if self.report and self.report.is_full else _WRONG, *parts)


class Hints(str):
    """Some open hints of a task, as Markdown."""

    __slots__ = ()
    __repr__ = _repr_markdown_ = str.__str__


class Refusal(str):
    """Why the notebook does not run an answer cell."""

    __slots__ = ()
    __repr__ = str.__str__

    def _repr_html_(self) -> str:
        return _panel(_WRONG, _paragraph(self))


def _panel(colour: str, *parts: str) -> str:
    # An alert: of what appears all at once, screen readers read nothing less aloud.
    return (
        f'<div role="alert" style="border-left:4px solid {colour};'
        f'padding-left:1em;overflow-wrap:anywhere">{"".join(parts)}</div>'
    )


def _paragraph(text: str) -> str:
    return f"<p>{_marked(text)}</p>"


def _marked(text: str) -> str:
    """Return a sentence as HTML, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _folded(detail: str) -> str:
    head = "<details><summary>Where Python was (traceback)</summary>"
    return f'{head}<pre style="{_WRAP}">{escape(detail)}</pre></details>'
