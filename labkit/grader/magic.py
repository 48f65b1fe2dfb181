"""Graded exercises in a notebook: ``%%answer``, :func:`check` and :func:`hint`.

``%%answer 04.1`` keeps the text of its cell and runs it, first in its own process, and
in the notebook only when that ended well. A whole program it saves in ``work`` instead.
:func:`check` grades the text that was kept. Nothing that an answer does reaches the
notebook's kernel.
"""

import contextlib
import os
import sys
from pathlib import Path
from textwrap import fill
from typing import Any

from labkit.errors import ExerciseError, UnknownTaskError
from labkit.grader import runner
from labkit.grader.feedback import Markdown, Score
from labkit.grader.tasks import find_task
from labkit.logbook import Logbook

__all__ = ["Score", "check", "hint", "register_magics"]


def check(task_id: str) -> Score | None:
    """Grade the answer that this notebook holds to a task.

    The answer runs in its own process, with a deadline; whatever it does, the notebook
    goes on. The best score is kept in the :mod:`labkit.logbook`.

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
    """
    logbook = Logbook()
    try:
        task = find_task(task_id)
        score = Score(
            None,
            f"There is no answer to {task.id} yet: run the cell that begins with "
            f"%%answer {task.id}, then this one again.",
        )
        if task.id in _answers():
            text, trouble = _answers()[task.id]
            report = runner.Report(task, (), trouble)
            if not trouble:
                (report,) = runner.run([(task, text)], tried=True)
            logbook.attempt(task.id, report.points, task.points)
            score = Score(report, "", logbook.trouble)
    except (UnknownTaskError, ExerciseError) as error:
        score = Score(None, str(error))
    except KeyboardInterrupt:
        print(f"The check of {task_id} was interrupted: nothing was counted.")
        return None
    full = score.report and score.report.is_full
    if os.environ.get("NBGRADER_EXECUTION") == "validate" and not full:
        # The Validate button shows this; without it, it would speak of partial credit
        # for no points at all.
        for line in score.words.splitlines():
            print(fill(line, 80, subsequent_indent="    "), file=sys.stderr)
    elif getattr(_shell(), "kernel", None) is None:
        print(score.words)  # no front end is going to show them
    return score


def hint(task_id: str) -> Markdown:
    """Open one more hint of a task, and show those that are open.

    Parameters
    ----------
    task_id : str
        Such as ``"04.1"``.

    Returns
    -------
    Markdown
        Shown as text: first a nudge, then a pointer, then partial code.
    """
    try:
        task = find_task(task_id)
    except (UnknownTaskError, ExerciseError) as error:
        return Markdown(error)
    count, logbook = len(task.hints), Logbook()
    found = logbook.tasks().get(task.id)
    opened = (found.hints if found else 0) + 1
    logbook.open_hints(task.id, min(opened, count))
    parts = [
        f"**Hint {number} of {count} for {task.id}**\n\n{text}"
        for number, text in enumerate(task.hints[:opened], 1)
    ]
    if opened > count:
        parts.append(f"There are no more hints for {task.id}: these are all.")
    return Markdown("\n\n".join(filter(None, [*parts, logbook.trouble])))


def _answer(line: str, cell: str) -> None:
    """Keep the cell as the answer to a task, and run it.

    ``%%answer 04.1`` on the first line of a cell names the task.
    """
    try:
        task = find_task(line.partition("#")[0].strip())
    except (UnknownTaskError, ExerciseError) as error:
        print(error)
        return
    text, answers = runner.without_magics(cell), _answers()
    if task.program:
        file = Path("work", task.program)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        answers[task.id] = text, ""
        print(f"Saved as {file}. To run it in a terminal: python3 {file}")
        return
    trouble = f"The answer cell of {task.id} was interrupted: run it again."
    output = ""
    with contextlib.suppress(KeyboardInterrupt):
        trouble, output = runner.try_out(text)
    answers[task.id] = text, trouble
    if trouble:
        lead = f"{trouble} So the notebook did not run the cell: it gets no points."
        print(f"{output.strip()[-2_000:]}\n{lead}".strip())
    else:
        # One comment line stands for the magic's own, so that line numbers are right.
        _shell().run_cell(f"# %%answer {task.id}\n{text}")


def _answers() -> dict[str, tuple[str, str]]:
    """Return the answers of this notebook, and what is wrong with their top level."""
    shell, none = _shell(), dict[str, tuple[str, str]]()
    return vars(shell).setdefault("labkit_answers", none) if shell else none


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def register_magics(shell: Any) -> None:
    """Register the cell magic ``%%answer``; ``%load_ext labkit`` calls this."""
    shell.register_magic_function(_answer, magic_kind="cell", magic_name="answer")
