"""``python -m labkit exercises``: make the learners' copies of the exercises."""

import argparse
import sys

from labkit.errors import ExerciseError
from labkit.grader.release import drift, make_release, new_task
from labkit.grader.tasks import EXERCISES
from labkit.setup import say

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the command; the exit status is 1 when ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(
        prog="python -m labkit exercises",
        description="Make exercises/release from exercises/source.",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing, say what differs"
    )
    parser.add_argument(
        "--new", metavar="NN.M", help="write a new task, such as 05.9, to start from"
    )
    options = parser.parse_args(argv)
    if not (EXERCISES / "source").is_dir():
        return say("the exercises are made in the kit's own folder: clone it.", 2)
    try:
        if options.new:
            for path in new_task(options.new):
                print(path.relative_to(EXERCISES.parent))
            print(
                "Write your task; say its points in the set's first cell, in the lesson "
                "and in the README. Then: python -m labkit exercises, and "
                "python -m labkit test --all tests/test_exercises.py"
            )
            return 0
        if not options.check:
            for path in make_release(EXERCISES / "release"):
                print(f"release/{path}")
            return 0
        found = drift()
    except (ExerciseError, ImportError) as error:
        print(f"The copies cannot be made: {error}", file=sys.stderr)
        return 1
    for sentence in found:
        print(f"{sentence}: run `python -m labkit exercises`.")
    return 1 if found else 0
