"""``python -m labkit master``: hand out tasks, and print what came of each."""

import argparse
import contextlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.commands import cli

if TYPE_CHECKING:
    from labkit.manager import QueueManager

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = cli.Parser(
        "master",
        "Put one task into a queue for each line of JSON that is read, and print\n"
        "what came of it as a line of JSON: id, task, and result or error. Hosts the\n"
        "queues itself, unless --connect names a server. Waits as long as a task is\n"
        "out. Reads all of its input first; on a terminal, that of --demo.",
        "python -m labkit master --demo --port 5555 --key-file lab.key",
    )
    parser.add_server(required=False)
    parser.add_input()
    add = parser.add_argument
    add("--demo", action="store_true", help="ten random squares, the first master's")
    add("--host", metavar="HOST", help="interface to serve at (127.0.0.1)")
    add("--port", type=cli.port, metavar="PORT", help="port to serve at (a free one)")
    add("--queue", default="tasks", metavar="NAME", help="of tasks (%(default)s)")
    add("--results", default="results", metavar="NAME", help="queue (%(default)s)")
    add("--ordered", action="store_true", help="results in the order of the tasks")
    add("--timeout", type=cli.seconds, metavar="S", help="give up after S seconds")
    options = parser.parse_args(argv)
    if options.connect and (options.host or options.port):
        parser.error("--connect names a server, --host and --port make one: give one")
    return cli.run("master", lambda: _master(options))


def _master(options: argparse.Namespace) -> int:
    from labkit.commands import clients
    from labkit.commands.dispatch import Dispatcher
    from labkit.commands.ledger import Ledger

    # All of the input first: nothing is handed out if a line of it is malformed.
    ledger = Ledger(_tasks(options), ordered=options.ordered)
    with _manager(options) as manager:
        dispatcher = Dispatcher(
            ledger,
            clients.open_queue(manager, options.queue),
            clients.open_queue(manager, options.results),
            retry_for=options.retry_for,
            timeout_s=options.timeout,
        )
        return dispatcher.run()


def _say(sentence: str) -> None:
    cli.say("master", sentence)


def _tasks(options: argparse.Namespace) -> Iterator[Any]:
    if options.demo or (not options.files and sys.stdin.isatty()):
        return (random.randint(0, 10_000) for _ in range(10))  # noqa: S311 - no secret
    return cli.read_items(options, lambda sentence: _say(f"{sentence}; skipped"))


@contextlib.contextmanager
def _manager(options: argparse.Namespace) -> "Iterator[QueueManager]":
    from labkit import servers
    from labkit.commands import clients
    from labkit.manager import keys, shown

    if options.connect:
        yield clients.connect(options)
        return
    if not Path(options.key_file).exists():
        keys.write_key_file(options.key_file)
    key = keys.read_key_file(options.key_file)
    address = (options.host or "127.0.0.1", options.port or 0)
    with servers.start_server(address, key, name="master") as server:
        _say(
            "start workers with: python -m labkit worker "
            f"--connect {shown(server.address)} --key-file {options.key_file}"
        )
        yield server.connect()
