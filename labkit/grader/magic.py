"""Graded exercises in a notebook: ``%%answer``, :func:`check` and :func:`hint`.

``%%answer 04.1`` keeps the text of its cell and runs it, first in a process of its own,
and in the notebook only when that ended well. :func:`check` grades the text that was
kept. Nothing that an answer does reaches the notebook's kernel.
"""

import functools
import os
import sys
from dataclasses import dataclass
from typing import Any

from labkit.errors import ExerciseError, UnknownTaskError
from labkit.grader import runner
from labkit.grader.feedback import Hints, Refusal, Score
from labkit.grader.tasks import Task, find_task
from labkit.logbook import Logbook

__all__ = ["Score", "check", "hint", "register_magics"]


@dataclass(frozen=True)
class _Kept:
    """An answer, and what was wrong with its top level."""

    text: str
    trouble: str


def _answers() -> dict[str, _Kept]:
    """Return the answers of this notebook; they end with its shell."""
    shell = _shell()
    kept: dict[str, _Kept] = (
        vars(shell).setdefault("labkit_answers", {}) if shell else {}
    )
    return kept


@functools.cache
def _logbook(_named: str | None) -> Logbook:
    """Return the one logbook of this kernel, which remembers what it cannot write."""
    return Logbook()


def _own_logbook() -> Logbook:
    return _logbook(os.environ.get("LABKIT_PROGRESS"))


def check(task_id: str) -> Score | None:
    """Grade the answer that this notebook holds to a task.

    The answer runs in a process of its own, with a deadline; whatever it does, the
    notebook goes on.

    Parameters
    ----------
    task_id : str
        Such as ``"04.1"``.

    Returns
    -------
    Score or None
        The points, a float from 0 to the points of the task. In a notebook it shows in
        words what was called, what came back, what was expected and the likely cause;
        elsewhere these words are printed. None if you interrupt it.

    Raises
    ------
    ProgramError
        No process could be started to run the answer in.

    Notes
    -----
    The best score is kept in the :mod:`labkit.logbook`, except while nbgrader runs.
    """
    try:
        score = _score(find_task(task_id))
    except (UnknownTaskError, ExerciseError) as error:
        score = Score(None, str(error))
    except KeyboardInterrupt:
        print(f"The check of {task_id} was interrupted: nothing was counted.")
        return None
    if os.environ.get("NBGRADER_EXECUTION") == "validate" and not (
        score.report and score.report.is_full
    ):
        # The Validate button shows this; without it, it would speak of partial credit
        # for no points at all.
        print(score.wrapped(), file=sys.stderr)
    elif getattr(_shell(), "kernel", None) is None:
        print(score.words)  # no front end is going to show them
    return score


def _score(task: Task) -> Score:
    kept = _answers().get(task.id)
    if kept is None:
        return Score(
            None,
            f"There is no answer to {task.id} yet: run the cell that begins with "
            f"%%answer {task.id}, then this one again.",
        )
    report = runner.Report(task, (), kept.trouble)
    if not kept.trouble:
        report = runner.run(task, kept.text)
    logbook = _own_logbook()
    logbook.attempt(task.id, report.points, task.points)
    return Score(report, "", logbook.trouble)


def hint(task_id: str) -> Hints:
    """Open one more hint of a task, and show those that are open.

    Parameters
    ----------
    task_id : str
        Such as ``"04.1"``.

    Returns
    -------
    Hints
        Shown as text: first a nudge, then a pointer, then partial code.
    """
    try:
        task = find_task(task_id)
    except (UnknownTaskError, ExerciseError) as error:
        return Hints(error)
    count, logbook = len(task.hints), _own_logbook()
    found = logbook.tasks().get(task.id)
    opened = (found.hints if found else 0) + 1
    logbook.open_hints(task.id, min(opened, count))
    note = logbook.trouble
    if opened > count:
        note = f"There are no more hints for {task.id}: these are all. {note}".strip()
    open_ones = [
        f"**Hint {number} of {count} for {task.id}**\n\n{text}"
        for number, text in enumerate(task.hints[:opened], 1)
    ]
    return Hints("\n\n".join(filter(None, [*open_ones, note])))


def _answer(line: str, cell: str) -> None:
    """Keep the cell as the answer to a task, and run it.

    ``%%answer 04.1`` on the first line of a cell names the task.
    """
    from IPython.display import display

    try:
        task = find_task(line.partition("#")[0].strip())
    except (UnknownTaskError, ExerciseError) as error:
        print(error)
        return
    interrupted = f"The answer cell of {task.id} was interrupted: run it again."
    _answers()[task.id] = _Kept(cell, interrupted)
    cell = runner.without_magics(cell)
    try:
        trouble, output = runner.try_out(cell)
    except KeyboardInterrupt:
        print(interrupted)
        return
    _answers()[task.id] = _Kept(cell, trouble)
    if trouble:
        if output.strip():
            print(output.strip()[-2_000:])
        lead = f"{trouble} So the notebook did not run the cell: it gets no points."
        display(Refusal(lead))  # type: ignore[no-untyped-call]
        return
    # One comment line stands for the magic's own, so that line numbers are right.
    _shell().run_cell(f"# %%answer {task.id}\n{cell}")


def _shell() -> Any:
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def register_magics(shell: Any) -> None:
    """Register the cell magic ``%%answer``; ``%load_ext labkit`` calls this.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The shell of the notebook's kernel.
    """
    shell.register_magic_function(_answer, magic_kind="cell", magic_name="answer")
    if _fill not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.insert(0, _fill)


def _fill(lines: list[str]) -> list[str]:
    """Put a comment into an answer cell without a body.

    IPython refuses a magic without one before the magic gets to say anything.
    """
    text = "".join(lines).strip()
    bare = text.startswith("%%answer") and "\n" not in text
    return [f"{text}\n", "# nothing yet\n"] if bare else lines
