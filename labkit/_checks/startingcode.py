"""How a learner's copy of an exercise is made: nbgrader's step, and one addition.

nbgrader replaces a solution by a stub. A task that starts from working code needs
that code instead. It stands in the solution, as a comment::

    ### BEGIN SOLUTION
    order = orders.get(timeout=idle_s)
    ### THE LEARNER STARTS FROM
    # order = orders.get()
    ### END SOLUTION

This module loads nbgrader; only the making of the copies imports it.
"""

from typing import Any

from nbgrader.preprocessors import ClearSolutions

from labkit._checks.scoring import STUB

__all__ = ["MARK", "StartingCode"]

MARK = "### THE LEARNER STARTS FROM"
"""The line in a solution below which the learner's code stands, as a comment."""


class StartingCode(ClearSolutions):  # type: ignore[misc]
    """Replace each solution by the code the learner starts from, or by a stub."""

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
        """Replace the solutions of one cell."""
        starts = starting_code(cell.source)
        cell, resources = super().preprocess_cell(cell, resources, index)
        lines: list[str] = []
        for line in cell.source.split("\n"):
            start = starts.pop(0) if line.strip() == STUB and starts else []
            indent = line[: -len(line.lstrip())]
            lines += [indent + text for text in start] or [line]
        cell.source = "\n".join(lines)
        return cell, resources


def starting_code(source: str) -> list[list[str]]:
    """Find what stands below the marks, without the signs of a comment.

    Parameters
    ----------
    source : str
        A cell of a source notebook.

    Returns
    -------
    list of list of str
        For each solution in the cell the lines the learner starts from; none where
        a stub is wanted.
    """
    found: list[list[str]] = []
    below = False
    for line in source.split("\n"):
        text = line.strip()
        if text == "### BEGIN SOLUTION":
            found.append([])
        if text.startswith("###"):
            below = text == MARK
        elif below:
            found[-1].append(text.removeprefix("#").removeprefix(" "))
    return found
