"""What a worker does with a task: the jobs, and the record of what came of it."""

import importlib
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.commands.jsonlines import jsonable

__all__ = [
    "Job",
    "as_item",
    "assigned",
    "letters",
    "load_job",
    "log_lines",
    "name_of",
    "perform",
    "square",
]

Job = Callable[[Any], Any]


def square(n: float) -> float:
    """Return the square of a number, as the first task worker ever did."""
    return n * n


def letters(text: str) -> dict[str, int]:
    """Count the letters of a text.

    >>> letters("Tea, tea")
    {'a': 2, 'e': 2, 't': 2}
    """
    return dict(sorted(Counter(filter(str.isalpha, text.lower())).items()))


def log_lines(path: str) -> dict[str, int]:
    """Count the lines of a log file by their level, which is the second word.

    Parameters
    ----------
    path : str
        The task is where the file lies, not what it holds: the worker opens it.
    """
    with Path(path).open(encoding="utf-8", errors="replace") as lines:
        words = (line.split(maxsplit=2) for line in lines)
        return dict(sorted(Counter(found[1] for found in words if found[1:]).items()))


_BUILT_IN: dict[str, Job] = {
    "square": square,
    "letters": letters,
    "log_lines": log_lines,
}


def assigned(assignment: dict[str, Any]) -> Any:
    """Do a task that says itself which job it is for: ``{"job": …, "task": …}``."""
    return load_job(assignment["job"])(assignment["task"])


def load_job(spec: str) -> Job:
    """Return the function that ``--job`` names.

    Parameters
    ----------
    spec : str
        ``square``, ``letters``, ``log_lines``, or ``MODULE:FUNCTION`` of a module
        that can be imported, for example from the current folder.

    Raises
    ------
    ValueError
        There is no such function, or its module cannot be imported.
    """
    if spec in _BUILT_IN:
        return _BUILT_IN[spec]
    module, colon, function = spec.partition(":")
    if not (module and colon and function):
        raise ValueError(
            f"{spec!r} is no job: give {', '.join(_BUILT_IN)}, or MODULE:FUNCTION"
        )
    try:
        job = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module runs any code
        raise ValueError(
            f"cannot load the job {spec!r}: {type(error).__name__}: {error}"
        ) from None
    if not callable(job):
        raise ValueError(f"the job {spec!r} is no function")  # noqa: TRY004 - of text
    return job  # type: ignore[no-any-return]


# On the wire all of it is plain dicts, which any Python program understands.


def as_item(run: str, number: int, task: Any) -> dict[str, Any]:
    """Return what a master puts into the queue of tasks: the task, with a name."""
    return {"run": run, "id": number, "task": task}


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {"run", "id", "task"}


def name_of(item: Any) -> str:
    """Return how to call a task in a sentence."""
    if _is_item(item):
        return f"task {item['id']}"
    text = repr(item)
    return f"task {text if len(text) <= 40 else text[:37] + '...'}"


def perform(job: Job, item: Any) -> dict[str, Any]:
    """Do a job; return the record of it.

    Parameters
    ----------
    job : callable
        Given the task alone.
    item : object
        An item of a master's (:func:`as_item`), or a bare task.

    Returns
    -------
    dict
        The item, with ``result``, of types that JSON has; or with ``error``, one
        line, and ``traceback``.
    """
    record = dict(item) if _is_item(item) else {"task": item}
    try:
        record["result"] = jsonable(job(record["task"]))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a job runs any code
        record["error"] = "".join(traceback.format_exception_only(error)).strip()
        theirs = error.__traceback__ and error.__traceback__.tb_next  # without ours
        record["traceback"] = "".join(
            traceback.format_exception(type(error), error, theirs)
        )
    return record
