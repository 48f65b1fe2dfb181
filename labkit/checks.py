"""Graded exercises in a notebook: ``%%answer``, :func:`check` and :func:`hint`.

``%%answer 04.1`` keeps the text of its cell and runs it, first in a process of its
own, and in the notebook only when that ended well. :func:`check` grades the text
that was kept. Nothing that an answer does reaches the notebook's kernel.
"""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labkit._checks.bookkeeping import Progress
from labkit._checks.feedback import Hints, Refusal, Score
from labkit._checks.proctors import Proctors, can_fork
from labkit._checks.scoring import Verdict, grade, try_out
from labkit._checks.scratch import ScratchRun
from labkit._checks.tasks import Task, find_task
from labkit.errors import ExerciseError, UnknownTaskError

__all__ = ["Score", "check", "hint", "register_magics"]


@dataclass(frozen=True)
class _Kept:
    """An answer, and what was wrong with its top level."""

    text: str
    trouble: str


@dataclass
class _Desk:
    """What one notebook has: its answers, and the learner's progress."""

    answers: dict[str, _Kept] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    scratch: Callable[..., ScratchRun] = ScratchRun


@functools.cache
def _desk_without_shell() -> _Desk:
    return _Desk()


def _shell() -> Any:
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def _desk() -> _Desk:
    """Find this notebook's desk; it lives and dies with the shell."""
    shell = _shell()
    if shell is None:
        return _desk_without_shell()
    if not hasattr(shell, "labkit_desk"):
        # Kept warm, an examiner answers in a third of the time. It ends with us.
        has_kernel = getattr(shell, "kernel", None) is not None
        warm = Proctors(1).run if has_kernel and can_fork() else None
        shell.labkit_desk = _Desk(scratch=functools.partial(ScratchRun, run=warm))
    desk: _Desk = shell.labkit_desk
    return desk


def check(task_id: str) -> Score:
    """Grade the answer that this notebook holds to a task.

    The answer runs in a process of its own, with a deadline; whatever it does, the
    notebook goes on.

    Parameters
    ----------
    task_id : str
        Such as ``"04.1"``.

    Returns
    -------
    Score
        The points, a float from 0 to the points of the task. In a notebook it shows
        in words what was called, what came back, what was expected and the likely
        cause; elsewhere these words are printed.

    Raises
    ------
    ProgramError
        No process could be started to run the answer in.

    Notes
    -----
    To be called in one thread at a time. The best score is kept in the progress
    file (see :class:`labkit.progress.Progress`), except while nbgrader runs.
    """
    try:
        score = _score(find_task(task_id))
    except (UnknownTaskError, ExerciseError) as error:
        score = Score(0.0, message=str(error))
    if os.environ.get("NBGRADER_EXECUTION") == "validate" and not score.is_full:
        # The Validate button shows this; without it, it would speak of partial credit
        # for no points at all.
        print(score.wrapped(), file=sys.stderr)
    elif getattr(_shell(), "kernel", None) is None:
        print(score.words)  # no front end is going to show them
    return score


def _score(task: Task) -> Score:
    desk = _desk()
    kept = desk.answers.get(task.id)
    if kept is None:
        verdict = Verdict(
            task,
            (),
            f"There is no answer to {task.id} yet: run the cell that begins with "
            f"%%answer {task.id}, then this one again.",
        )
        return Score(0.0, verdict)
    if kept.trouble:
        verdict = Verdict(task, (), kept.trouble)
    else:
        verdict = grade(task, kept.text, desk.scratch)
    note = ""
    if "NBGRADER_EXECUTION" not in os.environ:  # the learner's progress, not ours
        note = desk.progress.attempt(task.id, verdict.points, task.points)
    return Score(verdict.points, verdict, notes=(note,) if note else ())


def hint(task_id: str) -> Hints:
    """Open one hint more of a task, and show those that are open.

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
        return Hints(task_id, (), 0, str(error))
    count = len(task.hints)
    opened, note = _desk().progress.open_hint(task.id, count)
    if opened > count:
        note = f"There are no more hints for {task.id}: these are all. {note}".strip()
    return Hints(task.id, task.hints[:opened], count, note)


def _answer(line: str, cell: str) -> None:
    """Keep the cell as the answer to a task, and run it.

    ``%%answer 04.1`` on the first line of a cell names the task.
    """
    from IPython.display import display

    try:
        task = find_task(line.strip())
    except (UnknownTaskError, ExerciseError) as error:
        print(error)
        return
    desk = _desk()
    answers = desk.answers
    answers[task.id] = _Kept(
        cell, f"The answer cell of {task.id} was interrupted: run it again."
    )
    trial = try_out(cell, scratch=desk.scratch)
    answers[task.id] = _Kept(cell, trial.trouble)
    if trial.trouble:
        display(Refusal(trial))  # type: ignore[no-untyped-call]
        return
    # One comment line stands for the magic's own, so that line numbers are right.
    _shell().run_cell(f"# %%answer {task.id}\n{cell}")


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
