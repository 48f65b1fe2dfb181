"""Show which tasks are done, the points, and what to do next.

python3 -m labkit progress
"""

from labkit.commands import common
from labkit.grader.progress import progress, reset


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    forget = "forget one task's points, attempts and hints; the old file is kept"
    add("--reset", metavar="TASK", help=forget)


def run(options: common.Options) -> None:
    """Print where one stands, or what was forgotten."""
    common.show(reset(options.reset) if options.reset else str(progress()))
