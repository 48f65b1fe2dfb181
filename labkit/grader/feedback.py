"""The words that go with a report, as text and as HTML."""

import re
from html import escape
from typing import Self

from labkit.grader.runner import Report, Row

__all__ = ["Markdown", "Score"]

# Colours of Okabe and Ito; what they mean is also said in words.
_RIGHT, _WRONG = "#009E73", "#D55E00"
_STATES = {True: "✓ passed", False: "✗ not yet", None: "· not tried"}


class Score(float):
    """The points of an answer: a number, with words.

    As text it is the bare number, because nbgrader reads a cell's result as the points
    it gives; a notebook shows the words. `report` is what the checks found, or None;
    `message` is what to read first, and `words` all feedback as plain text.
    """

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

    def _parts(self) -> tuple[str, list[str], list[str]]:
        """Return the points, a line for each check, and what else is to be said."""
        report = self.report
        if report is None:
            return "No points.", [], [self._note]
        points = (
            f"{report.task.id}: {report.points:g} of {report.task.points:g} points."
        )
        stuck = f'Stuck? hint("{report.task.id}") opens a hint.'
        more = [stuck if report.rows and not report.is_full else "", self._note]
        return points, [self._line(row) for row in report.rows], more

    def _line(self, row: Row) -> str:
        worth = f"{row.check.points * bool(row.passed):g} of {row.check.points:g}"
        line = f"{_STATES[row.passed]}, {worth}: {row.check.says}"
        # What was said first is not said again.
        return line if row.message in ("", self.message) else f"{line}. {row.message}"

    @property
    def words(self) -> str:  # noqa: D102 - see the class
        points, rows, more = self._parts()
        lines = [self.message, points, *(f"  {row}" for row in rows), *more]
        return "\n".join(filter(None, lines))

    def _repr_html_(self) -> str:
        points, rows, more = self._parts()
        colour = _RIGHT if self.report and self.report.is_full else _WRONG
        # An alert: of what appears all at once, screen readers read nothing less aloud.
        html = (
            f'<div role="alert" style="border-left:4px solid {colour};padding-left:1em;'
            f'overflow-wrap:anywhere"><p>{_marked(self.message)}</p>'
            f"<p><strong>{escape(points)}</strong></p>"
        )
        if rows:
            # The sign stands out to the left of its lines.
            style = "margin:0 0 .5em; padding-left:1.3em; text-indent:-1.3em"
            items = "".join(f'<li style="{style}">{_marked(row)}</li>' for row in rows)
            html += f'<ul style="list-style:none;padding-left:0">{items}</ul>'
        html += "".join(f"<p>{_marked(text)}</p>" for text in more if text)
        checked = self.report.rows if self.report else ()
        if detail := next((row.detail for row in checked if row.detail), ""):
            html += (
                "<details><summary>Where Python was (traceback)</summary><pre style="
                f'"white-space:pre-wrap">{escape(detail)}</pre></details>'
            )
        return html + "</div>"


class Markdown(str):
    """A text that a notebook shows as Markdown."""

    __slots__ = ()
    __repr__ = _repr_markdown_ = str.__str__


def _marked(text: str) -> str:
    """Return a sentence as HTML, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
