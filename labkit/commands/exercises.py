"""``python -m labkit exercises``: make the learners' copies of the exercises."""

import argparse

from labkit.commands import common
from labkit.errors import ExerciseError
from labkit.grader.release import drift, make_release, new_task
from labkit.grader.tasks import EXERCISES

__all__ = ["main"]

NEXT = """\
Write your task; say its points in the set's first cell, in the lesson and in the README.
Then: python -m labkit exercises, and python -m labkit test --all tests/test_exercises.py\
"""


def main(argv: list[str]) -> int:
    """Run the command; the exit status is 1 when ``--check`` finds a difference."""
    parser = common.Parser(
        "exercises",
        "Make exercises/release from exercises/source.",
        "python -m labkit exercises --check",
    )
    check, new = "change nothing, say what differs", "write a task to start from"
    parser.add_argument("--check", action="store_true", help=check)
    parser.add_argument("--new", metavar="NN.M", help=new)
    return parser.run(_exercises, argv)


def _exercises(options: argparse.Namespace) -> int:
    if not (EXERCISES / "source").is_dir():
        raise ExerciseError("Exercises are made in the kit's own folder: clone it.")
    if options.new:
        new = [path.relative_to(EXERCISES.parent) for path in new_task(options.new)]
        print(*new, NEXT, sep="\n")
    elif options.check:
        found = [
            f"{sentence}: run `python -m labkit exercises`." for sentence in drift()
        ]
        print(*found, sep="\n", end="\n" if found else "")
        return common.FAILED if found else common.DONE
    else:
        made = make_release(EXERCISES / "release")
        print(*(f"release/{path}" for path in made), sep="\n")
    return common.DONE
