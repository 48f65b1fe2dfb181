"""The score of an answer, and the words that go with it, as text and as HTML."""

import re
from collections.abc import Iterator
from html import escape
from textwrap import fill
from typing import Self

from labkit._checks.scoring import Result, Trial, Verdict

__all__ = ["Hints", "Refusal", "Score"]

# Colours of Okabe and Ito; what they mean is also said in words.
_RIGHT, _WRONG = "#009E73", "#D55E00"
# The sign stands out to the left of its lines.
_ROW = "margin:0 0 .5em; padding-left:1.3em; text-indent:-1.3em"
_STATES = {
    "passed": ("✓", "passed"),
    "failed": ("✗", "not yet"),
    "untried": ("·", "not tried"),
    "broken": ("!", "the check failed"),
}


class Score(float):
    """The points of an answer: a number, with words.

    As text it is the bare number, because nbgrader reads a cell's result as the
    points it gives; a notebook shows the words.

    Parameters
    ----------
    points : float
        What the answer got.
    verdict : Verdict or None
        What the checks said; None when there was nothing to check.
    message : str
        What to read first, instead of the verdict's own message.
    notes : sequence of str
        What else there is to say.
    """

    __slots__ = ("_verdict", "message", "notes")

    def __new__(cls, points: float, *_: object, **__: object) -> Self:
        """Make the number."""
        return super().__new__(cls, points)

    def __init__(
        self,
        points: float,  # noqa: ARG002 - the number itself, made above
        verdict: Verdict | None = None,
        message: str = "",
        notes: tuple[str, ...] = (),
    ) -> None:
        self._verdict = verdict
        self.message = message or (verdict.message if verdict else "")
        self.notes = notes + (verdict.notes if verdict else ())

    def __repr__(self) -> str:
        return float.__repr__(self)

    __str__ = __repr__

    @property
    def results(self) -> tuple[Result, ...]:
        """What became of each check; nothing if none was run."""
        return self._verdict.results if self._verdict else ()

    @property
    def is_full(self) -> bool:
        """Whether there is nothing left to get."""
        return self._verdict is not None and self >= self._verdict.task.points

    @property
    def summary(self) -> str:
        """The points in words."""
        if not self._verdict:
            return "No points."
        task = self._verdict.task
        return f"{task.id}: {self:g} of {task.points:g} points."

    @property
    def words(self) -> str:
        """All feedback as plain text."""
        lines = [self.message, self.summary]
        lines += [f"  {_line(one, self.message)}" for one in self.results]
        return "\n".join([*lines, *self.notes, *self._advice()])

    def wrapped(self, width: int = 80) -> str:
        """Return the words for where nothing else breaks long lines.

        Parameters
        ----------
        width : int, default 80
            Characters in a line at most.
        """
        lines = self.words.splitlines()
        return "\n".join(fill(line, width, subsequent_indent="    ") for line in lines)

    def _advice(self) -> Iterator[str]:
        if self.results and self._verdict and not self.is_full:
            yield f'Stuck? hint("{self._verdict.task.id}") opens a hint.'

    def _repr_html_(self) -> str:
        items = "".join(
            f'<li style="{_ROW}">{_marked(_line(one, self.message))}</li>'
            for one in self.results
        )
        listed = f'<ul style="list-style:none;padding-left:0">{items}</ul>'
        return _panel(
            _RIGHT if self.is_full else _WRONG,
            _paragraph(self.message),
            f"<p><strong>{escape(self.summary)}</strong></p>",
            listed if items else "",
            *map(_paragraph, (*self.notes, *self._advice())),
            *[_traceback(one.detail) for one in self.results if one.detail][:1],
        )


class Refusal:
    """What is shown of an answer cell that the notebook does not run.

    Parameters
    ----------
    trial : Trial
        How the answer ended in a process of its own.
    """

    _SHOWN = 2_000  # characters of its output

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._lead = (
            f"{trial.trouble} So the notebook did not run the cell, and check() gives "
            "it no points."
        )
        self._output = trial.output.strip()[: self._SHOWN]

    def __repr__(self) -> str:
        return f"{self._lead}\n{self._output}\n{self._trial.detail}".strip()

    def _repr_html_(self) -> str:
        printed = f"<p>It printed:</p>{_listing(self._output)}"
        return _panel(
            _WRONG,
            _paragraph(self._lead),
            printed if self._output else "",
            _traceback(self._trial.detail) if self._trial.detail else "",
        )


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


def _line(result: Result, lead: str) -> str:
    sign, word = _STATES[result.state]
    points = result.check.points
    got = points if result.state == "passed" else 0
    line = f"{sign} {word}, {got:g} of {points:g}: {result.check.says}"
    # What stands first is not said again.
    return line if result.message in ("", lead) else f"{line}. {result.message}"


class Hints:
    """The hints of a task that are open.

    Parameters
    ----------
    task_id : str
    hints : sequence of str
        Those that are open, as Markdown.
    count : int
        How many the task has.
    note : str
        What else to say.
    """

    def __init__(
        self, task_id: str, hints: tuple[str, ...], count: int, note: str
    ) -> None:
        self._task_id, self._hints = task_id, hints
        self._count, self._note = count, note

    def __repr__(self) -> str:
        parts = [
            f"**Hint {number} of {self._count} for {self._task_id}**\n\n{hint}"
            for number, hint in enumerate(self._hints, 1)
        ]
        return "\n\n".join([*parts, self._note]).strip()

    def _repr_markdown_(self) -> str:
        return repr(self)
