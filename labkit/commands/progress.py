"""``python -m labkit progress``: what is done, the points, and what to do next."""

import argparse
import os
import sys

from labkit.errors import ExerciseError, UnknownTaskError
from labkit.grader.progress import progress, reset

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the command; the exit status is 2 when there is no such task."""
    parser = argparse.ArgumentParser(
        prog="python -m labkit progress",
        description="Show which tasks are done, the points, and what to do next.",
    )
    parser.add_argument(
        "--reset", metavar="TASK", help="forget one task's points, attempts and hints"
    )
    parser.add_argument("--yes", action="store_true", help="reset without asking")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(argv)
    try:
        if options.reset is None:
            standing = progress()
            print(standing.as_json() if options.json else standing, flush=True)
        elif options.yes or _asked(options.reset):
            print(reset(options.reset))
    except BrokenPipeError:  # the reader has seen enough, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (UnknownTaskError, ExerciseError) as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 2
    return 0


def _asked(task_id: str) -> bool:
    """Ask whether to forget a task; without a terminal nobody can say yes."""
    try:
        said = input(f"Forget your points, attempts and hints of {task_id}? [y/N] ")
    except EOFError:
        said = ""
    if said.strip().lower() in {"y", "yes"}:
        return True
    print("Nothing was changed. (With --yes it does not ask.)")
    return False
