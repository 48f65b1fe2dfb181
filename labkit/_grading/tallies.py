"""What became of a class: the table, the words, and what an instructor should see."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit._grading.marking import Graded
from labkit._grading.submissions import Submission
from labkit.commands.common import count_of

__all__ = ["Report", "Row"]

_COLUMNS = ("student", "assignment", "task", "points", "max", "why", "notes")


@dataclass(frozen=True)
class Row:
    """What one student got for one task.

    Attributes
    ----------
    student, assignment, task : str
    points, out_of : float
    why : str
        The whole message.
    notes : tuple of str
        What was odd: what was tampered with, what was tried, what was left running.
    graded : Graded or None
        None where there was no answer to grade.
    blank : bool
        Whether the answer is what was handed out.
    """

    student: str
    assignment: str
    task: str
    points: float
    out_of: float
    why: str
    notes: tuple[str, ...]
    graded: Graded | None = None
    blank: bool = False


@dataclass(frozen=True)
class Report:
    """The class, graded.

    Attributes
    ----------
    rows : tuple of Row
        A row for each student, exercise set and task.
    submissions : tuple of Submission
    done_before : int
        How many answers an earlier run had graded.
    done_now : int
        How many this one did.
    seconds : float
    """

    rows: tuple[Row, ...]
    submissions: tuple[Submission, ...]
    done_before: int = 0
    done_now: int = 0
    seconds: float = 0.0

    def totals(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Return points and the most there are, by student and exercise set."""
        sums: dict[tuple[str, str], tuple[float, float]] = {}
        for row in self.rows:
            points, out_of = sums.get((row.student, row.assignment), (0.0, 0.0))
            sums[row.student, row.assignment] = points + row.points, out_of + row.out_of
        return sums

    def write_csv(self, path: Path) -> None:
        """Write a table of the rows, which every spreadsheet program opens."""
        with path.open("w", -1, "utf-8-sig", "backslashreplace", "") as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS)
            for row in self.rows:
                cells = (
                    row.student, row.assignment, row.task, f"{row.points:g}",
                    f"{row.out_of:g}", _first_sentence(row.why), " ".join(row.notes),
                )  # fmt: skip
                table.writerow([_harmless(cell) for cell in cells])

    @property
    def words(self) -> str:
        """The report as text."""
        parts = [
            self._summary(),
            *self._part("Points", self._points()),
            *self._part("Checks that fail most often", self._failing()),
            *self._part("Submissions that cannot be read", self._unreadable()),
            *self._part("Submissions to look at", self._odd()),
        ]
        return "\n".join(parts)

    def _summary(self) -> str:
        students = len({row.student for row in self.rows})
        return (
            f"{count_of(students, 'student')}, "
            f"{count_of(len(self.submissions), 'submission')}: "
            f"{count_of(self.done_now, 'answer')} graded in {self.seconds:.1f} s, "
            f"{self.done_before:,} had been graded before. Equal answers count once; "
            f"{sum(row.blank for row in self.rows):,} are as they were handed out."
        )

    @staticmethod
    def _part(title: str, lines: Iterator[str]) -> list[str]:
        found = [f"  {_printable(line)}" for line in lines]
        return ["", title, *found] if found else []

    def _points(self) -> Iterator[str]:
        for (student, assignment), (points, out_of) in self.totals().items():
            yield f"{student:<20} {assignment:<28} {points:g} of {out_of:g}"

    def _failing(self) -> Iterator[str]:
        tried: Counter[tuple[str, str]] = Counter()
        failed: Counter[tuple[str, str]] = Counter()
        for row in self.rows:
            for check in row.graded.checks if row.graded and not row.blank else ():
                tried[row.task, check.says] += 1
                failed[row.task, check.says] += check.state != "passed"
        for (task, says), count in failed.most_common(10):
            if count:
                yield f"{count} of {tried[task, says]} answers to {task} fail: {says}"

    def _unreadable(self) -> Iterator[str]:
        for one in self.submissions:
            if one.trouble:
                yield f"{one.student}, {one.assignment}: {one.trouble}"

    def _odd(self) -> Iterator[str]:
        for one in self.submissions:
            for note in one.notes:
                yield f"{one.student}, {one.assignment}: {note}"
        for row in self.rows:
            for tried in row.graded.noticed if row.graded else ():
                yield f"{row.student}, {row.task}: the answer {tried}."


def _first_sentence(text: str) -> str:
    found = re.match(r".*?(?<=[\w)\]\"'])[.!?](?=\s|$)", text.strip(), re.DOTALL)
    return " ".join((found[0] if found else text).split())


def _printable(line: str) -> str:
    """Keep what an answer chose, such as a file's name, from steering a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _harmless(cell: str) -> str:
    """Keep a spreadsheet program from taking a text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell
