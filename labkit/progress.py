"""What a learner has reached: ``progress()`` in a notebook, and as a command.

``python -m labkit progress`` prints it; so does ``progress()`` where no notebook is.
Points, attempts, hints, predictions and answers are kept in a file of the learner's
own: see :class:`Progress`.
"""

import argparse
import os
import sys
import types

from labkit._checks.bookkeeping import Progress
from labkit._checks.tasks import find_task
from labkit.errors import ExerciseError, UnknownTaskError

__all__ = ["Progress", "main", "progress"]


def progress() -> object:
    """Show what is done, the points, and what to do next.

    Returns
    -------
    labkit._progress.scoreboards.Scoreboard
        In a notebook a table, a link to what comes next, and a button that resets one
        task; as text the same table.

    Raises
    ------
    ExerciseError
        The course has no tasks, or one cannot be read.
    """
    from labkit._progress.scoreboards import Scoreboard

    return Scoreboard()


def main(argv: list[str]) -> int:
    """Print the progress, or reset one task.

    Parameters
    ----------
    argv : list of str
        The command's arguments.

    Returns
    -------
    int
        The exit status: 0, or 2 when there is no such task.
    """
    parser = argparse.ArgumentParser(
        prog="python -m labkit progress",
        description="Show which tasks are done, the points, and what to do next.",
    )
    parser.add_argument(
        "--reset", metavar="TASK", help="forget one task's points, attempts and hints"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(argv)
    try:
        if options.reset is not None:
            return _reset(options.reset)
        from labkit._progress.scoreboards import look
        from labkit._progress.scoretables import as_json, as_text

        print((as_json if options.json else as_text)(look()), flush=True)
    except BrokenPipeError:  # whoever reads has seen enough, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (UnknownTaskError, ExerciseError) as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 2
    return 0


def _reset(task_id: str) -> int:
    from labkit._progress.scoreboards import look

    own = Progress()
    names = [task.names for task in look(own).tasks if task.id == task_id]
    if not names and task_id not in own.read()[0]["tasks"]:
        find_task(task_id)  # says that there is none, and which is near
    print(own.reset(task_id, *(names[0] if names else ())))
    return 0


class _Module(types.ModuleType):
    """The module itself, callable, for ``from labkit import progress`` may give it."""

    def __call__(self) -> object:
        return progress()


sys.modules[__name__].__class__ = _Module
