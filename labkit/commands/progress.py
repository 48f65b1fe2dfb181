"""Show which tasks are done, the points, and what to do next.

python -m labkit progress
"""

import argparse

from labkit.commands import common
from labkit.grader.progress import progress, reset


def main(argv: list[str]) -> int:
    """Run the command; the exit status is 2 when there is no such task."""
    parser = common.Parser("progress", __doc__)
    parser.add_argument("--yes", action="store_true", help="reset without asking")
    return parser.run(_progress, argv)


def _progress(options: argparse.Namespace) -> int:
    if options.reset is None:
        common.show(str(progress()))
    elif options.yes or _asked(options.reset):
        print(reset(options.reset))
    else:
        print("Nothing was changed. (With --yes it does not ask.)")
    return common.DONE


def _asked(task_id: str) -> bool:
    """Ask whether to forget a task; without a terminal nobody can say yes."""
    try:
        said = input(f"Forget your points, attempts and hints of {task_id}? [y/N] ")
    except EOFError:
        return False
    return said.strip().lower() in {"y", "yes"}
