"""Make the learners' exercises, exercises/release, from exercises/source.

python3 -m labkit exercises --new 05.9
"""

from labkit.commands import common
from labkit.errors import ExerciseError
from labkit.grader.release import make_release, new_task
from labkit.grader.tasks import EXERCISES


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    add("--new", metavar="NN.M", help="write a task to start from")


def run(options: common.Options) -> None:
    """Make the copies, or a new task; print the files."""
    if not (EXERCISES / "source").is_dir():
        raise ExerciseError("Exercises are made in the kit's own folder: clone it.")
    if options.new:
        new = [path.relative_to(EXERCISES.parent) for path in new_task(options.new)]
        print(*new, "CONTRIBUTING.md says what to do next.", sep="\n")
    else:
        made = make_release(EXERCISES / "release")
        print(*(f"release/{path}" for path in made), sep="\n")
