"""Show which tasks are done, the points, and what to do next.

python -m labkit progress
"""

import argparse

from labkit.commands import common
from labkit.grader.progress import progress, reset


def main(argv: list[str]) -> int:
    """Run the command; the exit status is 2 when there is no such task."""
    parser = common.Parser("progress", __doc__)
    forget = "forget one task's points, attempts and hints; the old file is kept"
    parser.add_argument("--reset", metavar="TASK", help=forget)
    return parser.run(_progress, argv)


def _progress(options: argparse.Namespace) -> None:
    common.show(reset(options.reset) if options.reset else str(progress()))
