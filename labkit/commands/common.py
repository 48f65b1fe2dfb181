"""What the commands share: a parser, a sentence for each error, and a way to a queue."""

import argparse
import contextlib
import errno
import fileinput
import io
import json
import os
import pickle
import queue
import re
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

from labkit import errors, setup

DONE, FAILED, BAD_INPUT, NO_SERVER, INTERRUPTED = 0, 1, 2, 3, 130
EPILOG = """\
exit codes: 0 all is done and well; 1 something is not; 2 bad usage or input;
  3 no server, a wrong key, or the server went away; 130 interrupted

example:
  """
FILES = "a line of JSON each; standard input if there is none"
# The server has ended or cannot be reached; labkit's classes derive from these.
GONE = (EOFError, ConnectionError, errors.ServerTimeoutError)
POLL_S = 0.5  # Windows cannot interrupt a longer wait
Add = Callable[..., object]  # a parser's add_argument
Options = argparse.Namespace


class Parser(argparse.ArgumentParser):
    """The parser of a command, a module; its errors are one sentence.

    Its help is the module's docstring, whose last paragraph is an example.
    """

    def __init__(self, command: Any) -> None:
        name = command.__name__.rpartition(".")[2]
        description, _, example = (command.__doc__ or "").rpartition("\n\n")
        super().__init__(
            prog=f"{setup.LABKIT} {name}",
            description=description,
            epilog=EPILOG + example.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.say = partial(setup.say, who=f"labkit {name}")
        self.set_defaults(say=self.say, run=command.run)
        if hasattr(command, "add_options"):
            command.add_options(self.add_argument)

    def error(self, message: str) -> NoReturn:
        """Say in one sentence what is wrong, and exit with code 2."""
        sentence = f"{message[0].upper()}{message[1:]}. For help: {self.prog} -h"
        raise SystemExit(self.say(sentence, BAD_INPUT))

    def run(self, argv: list[str]) -> int:
        """Run the command; turn its errors into a sentence and an exit code."""
        options = self.parse_args(argv)
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.default_int_handler)
        try:
            return int(options.run(options) or DONE)
        except BrokenPipeError:  # of standard output: its reader has had enough
            return DONE
        except KeyboardInterrupt:
            return self.say("Interrupted.", INTERRUPTED)
        except (*GONE, errors.WrongKeyError) as error:
            return self.say(str(error), NO_SERVER)
        except (errors.LabkitError, OSError, ValueError, ImportError) as error:
            sentence = str(error)
            if isinstance(error, OSError) and error.filename:
                sentence = f"{error.filename}: {error.strerror}."
            return self.say(sentence, BAD_INPUT)


def within(kind: type[float], low: float, high: float) -> Callable[[str], float]:
    """Return an argparse type: a number in a range."""

    def read(text: str) -> float:
        with contextlib.suppress(ValueError):
            if low <= (value := kind(text)) <= high:
                return value
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}, {low} to {high:,}")

    return read


seconds = within(float, 0, 10**9)
number = within(int, 1, 1_000_000)
_ADDRESSES = "HOST:PORT, [IPV6]:PORT, or the path of a Unix socket, with a / in it"


def address(text: str) -> tuple[str, int] | str:
    """Be an argparse type: where a server is."""
    found = re.fullmatch(r"(?:\[(.+)\]|([^:/\[\]]*)):(\d{1,5})", text)
    if found and int(found[3]) <= 65535:
        return found[1] or found[2] or "127.0.0.1", int(found[3])
    if "/" in text:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not an address: give {_ADDRESSES}")


def add_server(add: Add) -> None:
    """Add the options that say which server to talk to, and which queue."""
    key = "file with the server's key (%(default)s)"
    patience = "seconds to wait for a server that is not there (0)"
    where = f"the server: {_ADDRESSES}"
    add("--connect", metavar="ADDRESS", type=address, required=True, help=where)
    add("--key-file", metavar="FILE", default="labkit.key", help=key)
    add("--retry-for", metavar="S", type=seconds, default=0.0, help=patience)
    add("--queue", metavar="NAME", default="tasks", help="(%(default)s)")


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1,000 items``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def read_items(files: list[str]) -> Iterator[Any]:
    """Yield an item for each line of JSON; ValueError names one that is malformed."""
    files = files or ["-"]
    if "-" in files and sys.stdin.isatty():
        print("Type lines. End with Ctrl-D (Windows: Ctrl-Z, Enter).", file=sys.stderr)
    with fileinput.FileInput(files, mode="rb") as lines:
        for line in lines:
            try:
                if text := line.decode().strip():
                    yield json.loads(text)
            except (ValueError, RecursionError) as error:
                name = "standard input" if lines.isstdin() else lines.filename()
                raise ValueError(
                    f"Line {lines.filelineno()} of {name} is not JSON "
                    f"({getattr(error, 'msg', error)}): "
                    f"{line[:40].decode(errors='replace').strip()!r}."
                ) from None


def show(text: str) -> None:
    """Print a text at once, or raise OSError; the exit does not fail once more then."""
    if sys.stdout is None:  # print would say nothing, and an item would be lost
        raise OSError("Standard output is closed.")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a lone surrogate becomes an escape
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Windows calls a pipe that is closed an invalid argument.
        code = errno.EPIPE if error.errno == errno.EINVAL else error.errno
        raise OSError(code, error.strerror, "standard output") from None


def open_queues(options: Options, *names: str) -> list[Any]:
    """Return queues by name; a plain server has ``tasks`` and ``results`` at best."""
    from labkit.manager import connect, read_key_file

    key = read_key_file(options.key_file)
    manager = connect(options.connect, key, options.retry_for)
    named = {"tasks": manager.get_task_queue, "results": manager.get_result_queue}
    return [named[n]() if n in named else manager.get_queue(n) for n in names]


def again(options: Options, call: Callable[..., Any], *args: Any, **kwds: Any) -> Any:
    """Make a call that harms nobody if it is done twice; repeat it if it was cut off."""
    from labkit.manager.client import retrying

    cut_off = (errors.ServerStoppedError, errors.OutcomeUnknownError)
    return retrying(partial(call, *args, **kwds), options.retry_for, cut_off)


def take(source: Any, wait_s: float | None, visibility_s: float = 600.0) -> Any:
    """Return a receipt (None on a plain server) and an item; or raise Empty."""
    try:
        with contextlib.suppress(errors.NotOfferedError):
            return source.receive(visibility_s, timeout=wait_s)
        return None, source.get(timeout=wait_s)
    except getattr(queue, "ShutDown", ()):  # from Python 3.13
        raise EOFError("The queue was shut down.") from None
    except (ImportError, AttributeError, pickle.UnpicklingError) as error:
        raise errors.LabkitError(
            f"An item cannot be read here ({type(error).__name__}: {error}). "
            "Start this command where the item's class can be imported."
        ) from None


def done(source: Any, receipt: Any) -> None:
    """Acknowledge an item; ReceiptError says that it is too late."""
    if receipt is not None:
        source.ack(receipt)
    else:
        with contextlib.suppress(errors.NotOfferedError):  # a multiprocessing.Queue
            source.task_done()
