"""The words that go with a report, as text and as HTML."""

import re
from collections.abc import Iterator
from html import escape
from textwrap import fill
from typing import Self

from labkit.grader.runner import Report, Row, Trial

__all__ = ["Hints", "Refusal", "Score", "words"]

# Colours of Okabe and Ito; what they mean is also said in words.
_RIGHT, _WRONG = "#009E73", "#D55E00"
_STATES = {
    "passed": ("✓", "passed"),
    "failed": ("✗", "not yet"),
    "untried": ("·", "not tried"),
    "broken": ("!", "the check failed"),
}


def words(report: Report) -> str:
    """Return all feedback on an answer as plain text."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield report.message
    yield _summary(report)
    for row in report.rows:
        yield f"  {_line(row, report.message)}"
    yield from report.notes
    if report.rows and not report.is_full:
        yield f'Stuck? hint("{report.task.id}") opens a hint.'


def _summary(report: Report) -> str:
    return f"{report.task.id}: {report.points:g} of {report.task.points:g} points."


def _line(row: Row, lead: str) -> str:
    sign, word = _STATES[row.state]
    line = f"{sign} {word}, {row.points:g} of {row.worth:g}: {row.says}"
    # What stands first is not said again.
    return line if row.message in ("", lead) else f"{line}. {row.message}"


class Score(float):
    """The points of an answer: a number, with words.

    As text it is the bare number, because nbgrader reads a cell's result as the points
    it gives; a notebook shows the words.

    Parameters
    ----------
    points : float
        What the answer got.
    report : Report, optional
        What the checks found.
    message : str
        What to read first, where there is no report.
    note : str
        What else there is to say.
    """

    __slots__ = ("message", "note", "report")

    def __new__(cls, points: float, *_: object, **__: object) -> Self:
        """Make the number."""
        return super().__new__(cls, points)

    def __init__(
        self,
        points: float,  # noqa: ARG002 - the number itself, made above
        report: Report | None = None,
        message: str = "",
        note: str = "",
    ) -> None:
        self.report, self.note = report, note
        self.message = report.message if report else message

    def __repr__(self) -> str:
        return float.__repr__(self)

    __str__ = __repr__

    @property
    def is_full(self) -> bool:
        """Whether there is nothing left to get."""
        return self.report is not None and self.report.is_full

    @property
    def words(self) -> str:
        """All feedback as plain text."""
        text = words(self.report) if self.report else f"{self.message}\nNo points."
        return f"{text}\n{self.note}".strip()

    def wrapped(self, width: int = 80) -> str:
        """Return the words in lines of at most `width` characters."""
        lines = self.words.splitlines()
        return "\n".join(fill(line, width, subsequent_indent="    ") for line in lines)

    def _repr_html_(self) -> str:
        if self.report is None:
            return _panel(_WRONG, _paragraph(self.message))
        rows = [_line(row, self.message) for row in self.report.rows]
        details = [row.detail for row in self.report.rows if row.detail]
        shown = {self.message, _summary(self.report), *(f"  {row}" for row in rows)}
        rest = [line for line in self.words.splitlines() if line not in shown]
        # The sign stands out to the left of its lines.
        style = "margin:0 0 .5em; padding-left:1.3em; text-indent:-1.3em"
        items = "".join(f'<li style="{style}">{_marked(row)}</li>' for row in rows)
        return _panel(
            _RIGHT if self.is_full else _WRONG,
            _paragraph(self.message),
            f"<p><strong>{escape(_summary(self.report))}</strong></p>",
            f'<ul style="list-style:none;padding-left:0">{items}</ul>' if items else "",
            *map(_paragraph, rest),
            *map(_traceback, details[:1]),
        )


class Refusal:
    """What is shown of an answer cell that the notebook does not run.

    Parameters
    ----------
    trial : Trial
        How the answer ended in a process of its own.
    """

    def __init__(self, trial: Trial) -> None:
        self._detail, self._output = trial.detail, trial.output.strip()[:2_000]
        self._lead = (
            f"{trial.trouble} So the notebook did not run the cell, and check() gives "
            "it no points."
        )

    def __repr__(self) -> str:
        return f"{self._lead}\n{self._output}\n{self._detail}".strip()

    def _repr_html_(self) -> str:
        printed = f"<p>It printed:</p>{_listing(self._output)}"
        return _panel(
            _WRONG,
            _paragraph(self._lead),
            printed if self._output else "",
            _traceback(self._detail) if self._detail else "",
        )


class Hints:
    """The hints of a task that are open, as Markdown.

    Parameters
    ----------
    task_id : str
    hints : tuple of str
        Those that are open.
    count : int
        How many the task has.
    note : str
        What else to say.
    """

    def __init__(
        self, task_id: str, hints: tuple[str, ...], count: int, note: str
    ) -> None:
        head = "**Hint {} of {} for {}**\n\n{}"
        parts = [
            head.format(n, count, task_id, hint) for n, hint in enumerate(hints, 1)
        ]
        self._text = "\n\n".join(filter(None, [*parts, note]))

    def __repr__(self) -> str:
        return self._text

    def _repr_markdown_(self) -> str:
        return self._text


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


def _traceback(detail: str) -> str:
    return (
        "<details><summary>Where Python was (traceback)</summary>"
        f"{_listing(detail)}</details>"
    )


def _listing(text: str) -> str:
    wrap = "white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<pre style="{wrap}">{escape(text)}</pre>'
