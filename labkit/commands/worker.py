"""``python -m labkit worker``: processes that do the tasks of a queue."""

import argparse
import math

from labkit.commands import cli

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = cli.Parser(
        "worker",
        "Take tasks from a queue, do a job with each, and put what came of it into\n"
        "another queue. A task goes back to the queue if its worker dies. Ctrl-C or\n"
        "SIGTERM: finish the tasks in hand, then stop; a second one stops at once.\n"
        "When the server ends it stops, with exit code 0 if no task was in hand.",
        "python -m labkit worker --connect 127.0.0.1:5555 --key-file lab.key "
        "--workers 3",
    )
    _add_options(parser)
    options = parser.parse_args(argv)
    if not options.visibility:
        parser.error("argument --visibility: give seconds above 0")
    return cli.run("worker", lambda: _worker(options))


def _add_options(parser: cli.Parser) -> None:
    parser.add_server()
    add = parser.add_argument
    add("--workers", type=cli.number, default=1, metavar="N", help="processes (1)")
    add("--job", default="square", metavar="MODULE:FUNCTION", help=_JOB_HELP)
    add("--queue", default="tasks", metavar="NAME", help="of tasks (%(default)s)")
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")
    add(
        "--visibility",
        type=cli.seconds,
        default=600.0,
        metavar="S",
        help="seconds until a task in hand goes to another worker (%(default)g)",
    )
    add("--idle", type=cli.seconds, metavar="S", help="stop after S s without a task")


_JOB_HELP = "function to call with a task; or square (the default), letters, log_lines"


def _worker(options: argparse.Namespace) -> int:
    """Find out once what is wrong, before there are processes; then start them."""
    from labkit.commands import clients, jobs
    from labkit.commands.crew import Crew
    from labkit.commands.shift import Plan
    from labkit.manager import keys

    jobs.load_job(options.job)
    manager = clients.connect(options)
    for name in (options.queue, options.results):
        clients.open_queue(manager, name)
    plan = Plan(
        address=options.connect,
        authkey=keys.read_key_file(options.key_file),
        queue=options.queue,
        results=options.results,
        job=options.job,
        visibility_s=options.visibility,
        idle_s=math.inf if options.idle is None else options.idle,
        retry_for=options.retry_for,
    )
    return Crew(plan).run(options.workers)
