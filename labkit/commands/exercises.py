"""``python -m labkit exercises``: make the learners' copies of the exercises."""

import argparse
import sys

from labkit.errors import ExerciseError
from labkit.grader.release import drift, make_release
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
    check = parser.parse_args(argv).check
    if not (EXERCISES / "source").is_dir():
        return say("the exercises are made in the kit's own folder: clone it.", 2)
    try:
        if not check:
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
