"""Run an answer in a process of its own, and say in words what it did.

Nothing here runs an answer in this process. :func:`try_out` runs its top level, as
the notebook is going to; :func:`grade` runs the task's checks on it. Both end
everything the answer started, and leave no file.
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit._checks.scratch import HEADER, ScratchRun
from labkit._checks.tasks import Check, Task

__all__ = ["STUB", "Result", "Trial", "Verdict", "grade", "trouble_in", "try_out"]

STUB = "...  # your answer here"
"""The line of a learner's copy that stands where the answer belongs."""

TRIAL_S = 5.0
"""How long the top level of an answer may take."""

_Scratch = Callable[[str, Path | None, float], ScratchRun]


@dataclass(frozen=True)
class Result:
    """What became of one check.

    Attributes
    ----------
    check : Check
    state : str
        ``passed``, ``failed``, ``untried``, or ``broken`` (the check itself failed).
    message : str
        In words: what was called, what came back, what was expected, why.
    detail : str
        The traceback, the answer's own lines alone; may be empty.
    """

    check: Check
    state: str = "untried"
    message: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the checks of a task say of an answer.

    Attributes
    ----------
    task : Task
    results : tuple of Result
        One for each check of the task, in its order.
    trouble : str
        Why the checks could not be run to their end, in words; mostly empty.
    notes : tuple of str
        What else there is to say: processes left behind, too much output.
    """

    task: Task
    results: tuple[Result, ...]
    trouble: str = ""
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """What the checks that passed are worth."""
        return sum(one.check.points for one in self.results if one.state == "passed")

    @property
    def message(self) -> str:
        """The one sentence to read first."""
        wrong = (one.message for one in self.results if one.message)
        right = f"{self.task.id} is right: every check passes. {self.task.takeaway}"
        return self.trouble or next(wrong, right)


@dataclass(frozen=True)
class Trial:
    """How the top level of an answer ended.

    Attributes
    ----------
    trouble : str
        What went wrong, in words; empty if it ended well.
    output : str
        What it printed.
    detail : str
        The traceback; may be empty.
    """

    trouble: str = ""
    output: str = ""
    detail: str = ""


def trouble_in(text: str) -> str:
    """Say what keeps a text from being an answer at all, without running it.

    Parameters
    ----------
    text : str
        The answer cell below its first line.

    Returns
    -------
    str
        One sentence, or nothing when the text is Python that does something.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(HEADER + text)
            compile(tree, "answer", "exec")
    except SyntaxError as error:
        line = (error.text or "").strip()
        if line.startswith(("%", "!", "?")):
            return (
                f"Line {error.lineno} is a command of the notebook ({line}); an answer "
                "is plain Python: move the command to a cell of its own."
            )
        return f"The answer is not valid Python, line {error.lineno}: {error.msg}."
    except (ValueError, RecursionError, MemoryError) as error:
        return f"The answer cannot be read as Python: {error}."
    if all(_says_nothing(statement) for statement in tree.body):
        return "The answer cell is empty: write your answer below its first line."
    return ""


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def try_out(
    text: str, deadline_s: float = TRIAL_S, scratch: _Scratch = ScratchRun
) -> Trial:
    """Run the top level of an answer in a process of its own.

    Parameters
    ----------
    text : str
        The answer.
    deadline_s : float
        How long it may take, in seconds.
    scratch : callable
        What makes the run: :class:`.scratch.ScratchRun`, or stands in for it.

    Returns
    -------
    Trial
    """
    if trouble := trouble_in(text):
        return Trial(trouble)
    run = scratch(text, None, deadline_s)
    output = run.finished.output
    if raised := run.event("raised"):
        return Trial(_raised(raised), output, raised["detail"])
    trouble = run.trouble("running the answer cell")
    if not trouble and run.finished.truncated:
        trouble = (
            "The answer cell prints more than 1,000,000 bytes, too much for a notebook."
        )
    return Trial(trouble, output)


def _raised(event: Mapping[str, Any]) -> str:
    line = f" at line {event['line']}" if event["line"] else ""
    if event["error"] == "SystemExit":
        return (
            f"The answer cell called sys.exit(){line}: that ends Python. Leave it out."
        )
    said = f"{event['error']}: {event['message']}".rstrip(": ")
    return f"The answer cell raised an error{line}: {said}."


def grade(task: Task, text: str, scratch: _Scratch = ScratchRun) -> Verdict:
    """Run a task's checks on an answer.

    Parameters
    ----------
    task : Task
    text : str
        The answer.
    scratch : callable
        As for :func:`try_out`.

    Returns
    -------
    Verdict

    Raises
    ------
    ProgramError
        No process could be started.
    """
    untried = tuple(Result(check) for check in task.checks)
    if trouble := trouble_in(text):
        return Verdict(task, untried, trouble)
    run = scratch(text, task.checks_file, task.deadline_s)
    events = {event.get("check"): event for event in run.events}
    results = tuple(_result(check, events.get(check.name)) for check in task.checks)
    trouble = run.trouble(f"checking whether it {_last(task, run)}")
    if not trouble and all(one.state == "untried" for one in results):
        trouble = (
            f"The checks of {task.id} could not be started: that is a mistake of the "
            "kit, not of your answer. Please report it."
        )
    verdict = Verdict(task, results, trouble, tuple(run.notes()))
    line = _stub_line(text)
    if line and not trouble and verdict.points == 0:
        blank = (
            f"The answer to {task.id} is not written yet: line {line} still says "
            f"'{STUB}'; put your code in its place."
        )
        silent = tuple(replace(one, message="", detail="") for one in results)
        return replace(verdict, results=silent, trouble=blank)
    return verdict


def _result(check: Check, event: Mapping[str, Any] | None) -> Result:
    state = event["state"] if event else "started"
    if event is None or state == "unloadable":
        return Result(check)
    if state == "started":  # what the answer did then was the end of Python
        return Result(check, "failed")
    message, detail = event.get("message", ""), event.get("detail", "")
    if state == "broken":
        message = (
            f"The check itself failed ({message}): that is a mistake of the kit, "
            "not of your answer. Please report it."
        )
    return Result(check, state, message, detail)


def _last(task: Task, run: ScratchRun) -> str:
    """Say what the check that ran last looks at."""
    says = {check.name: check.says for check in task.checks}
    last = [event["check"] for event in run.events if event.get("check") in says]
    return says[last[-1]] if last else "can be loaded"


def _stub_line(text: str) -> int:
    lines = (HEADER + text).split("\n")
    numbers = (number for number, line in enumerate(lines, 1) if line.strip() == STUB)
    return next(numbers, 0)
