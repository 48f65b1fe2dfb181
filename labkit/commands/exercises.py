"""Make the learners' exercises, exercises/release, from exercises/source.

python -m labkit exercises --new 05.9
"""

import argparse

from labkit.commands import common
from labkit.errors import ExerciseError
from labkit.grader.release import make_release, new_task
from labkit.grader.tasks import EXERCISES


def main(argv: list[str]) -> int:
    """Run the command."""
    parser = common.Parser("exercises", __doc__)
    new = "write a task to start from"
    parser.add_argument("--new", metavar="NN.M", help=new)
    return parser.run(_exercises, argv)


def _exercises(options: argparse.Namespace) -> None:
    if not (EXERCISES / "source").is_dir():
        raise ExerciseError("Exercises are made in the kit's own folder: clone it.")
    if options.new:
        new = [path.relative_to(EXERCISES.parent) for path in new_task(options.new)]
        print(*new, "CONTRIBUTING.md says what to do next.", sep="\n")
    else:
        made = make_release(EXERCISES / "release")
        print(*(f"release/{path}" for path in made), sep="\n")
