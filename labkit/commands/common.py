"""What the commands share: options, sentences, lines of JSON, and a way to a queue."""

import argparse
import contextlib
import errno
import fileinput
import io
import json
import math
import os
import pickle
import queue
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from labkit import errors

T = TypeVar("T")
DONE, FAILED, BAD_INPUT, NO_SERVER, INTERRUPTED = 0, 1, 2, 3, 130
EPILOG = """\
exit codes:
  0  done                    1  some tasks failed, or were not done in time
  2  bad usage or input      3  no server, a wrong key, or the server went away
  130  interrupted

example:
  """
# The server has ended or cannot be reached; labkit's classes derive from these.
GONE = (EOFError, ConnectionError, errors.ServerTimeoutError)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and whose help ends with an example."""

    def __init__(self, name: str, description: str, example: str) -> None:
        super().__init__(
            prog=f"python -m labkit {name}",
            description=description,
            epilog=EPILOG + example,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.name = name
        # Closed ones, by <&- and 2>&-, are None.
        sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
        sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115

    def error(self, message: str) -> NoReturn:
        """Say in one sentence what is wrong, and exit with code 2."""
        say(self.name, f"{message[0].upper()}{message[1:]}. For help: {self.prog} -h")
        raise SystemExit(BAD_INPUT)

    def add_server(self, *, required: bool = True) -> None:
        """Add the options that say which server to talk to."""
        add = self.add_argument
        where = "the server: HOST:PORT, [IPV6]:PORT, or the path of a Unix socket"
        key = "file with the server's key (%(default)s)"
        patience = "seconds to wait for a server that is not there (0)"
        add(
            "--connect",
            metavar="HOST:PORT",
            type=address,
            required=required,
            help=where,
        )
        add("--key-file", metavar="FILE", default="labkit.key", help=key)
        add("--retry-for", metavar="S", type=seconds, default=0.0, help=patience)

    def add_input(self) -> None:
        """Add the options that say where input comes from."""
        add = self.add_argument
        add("files", metavar="FILE", nargs="*", help="input; standard input if none")
        add("--text", action="store_true", help="each line is plain text, not JSON")
        add("--skip-bad", action="store_true", help="go on after a malformed line")


def checked(
    read: Callable[[str], T], fits: Callable[[T], bool], what: str
) -> Callable[[str], T]:
    """Return an argparse type: what can be read, and fits."""

    def check(text: str) -> T:
        with contextlib.suppress(ValueError):
            if fits(value := read(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")

    return check


def _address(text: str) -> Any:
    found = re.fullmatch(r"(?:\[(.+)\]|([^:/\[\]]*)):(\d{1,5})", text)
    if found and int(found[3]) <= 65535:
        return found[1] or found[2] or "127.0.0.1", int(found[3])
    return text if "/" in text else None


_ADDRESSES = "HOST:PORT, [IPV6]:PORT, or the path of a Unix socket, with a / in it"
address = checked(_address, bool, f"an address: give {_ADDRESSES}")
seconds = checked(float, lambda s: 0 <= s < math.inf, "a number of seconds, 0 or more")
port = checked(int, lambda number: 0 <= number <= 65535, "a port, 0 to 65535")
number = checked(int, lambda number: number >= 1, "a whole number, 1 or more")


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1,000 items``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def say(name: str, sentence: str) -> None:
    """Write a sentence on standard error."""
    with contextlib.suppress(OSError):  # nobody reads it any more
        print(f"labkit {name}: {sentence}", file=sys.stderr, flush=True)


def verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence for an error; a fault in us is raised."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "Interrupted."
    if isinstance(error, (*GONE, errors.WrongKeyError)):
        return NO_SERVER, str(error)
    if isinstance(error, TimeoutError):
        return FAILED, str(error)
    if isinstance(error, OSError) and error.filename:
        return BAD_INPUT, f"{error.filename}: {error.strerror}."
    if isinstance(error, (errors.LabkitError, OSError, ValueError, ImportError)):
        return BAD_INPUT, str(error)
    raise error


def run(name: str, body: Callable[[], int]) -> int:
    """Run a command's body; turn its errors into a sentence and an exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.default_int_handler)
    try:
        return body()
    except BrokenPipeError:  # of standard output: its reader has had enough
        return DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - or it is raised
        code, sentence = verdict(error)
    say(name, sentence)
    return code


def read_items(
    options: argparse.Namespace, on_bad: Callable[[str], None]
) -> Iterator[Any]:
    """Yield an item for each line; empty lines are none, but for ``--text``.

    With ``--skip-bad`` a malformed line goes as a sentence to ``on_bad``; without it
    that sentence is raised as a ValueError.
    """
    if "-" in (options.files or ["-"]) and sys.stdin.isatty():
        print("Type lines. End with Ctrl-D (Windows: Ctrl-Z, Enter).", file=sys.stderr)
    with fileinput.FileInput(options.files or ["-"], mode="rb") as lines:
        for line in lines:
            text = line.rstrip(b"\r\n")
            if not options.text and not text.strip():
                continue
            try:
                yield text.decode() if options.text else json.loads(text)
            except (ValueError, RecursionError) as error:
                why = (
                    "not UTF-8 text" if options.text else f"not JSON ({_reason(error)})"
                )
                name = "standard input" if lines.isstdin() else lines.filename()
                start = text[:40].decode(errors="replace").strip()
                sentence = f"Line {lines.filelineno()} of {name} is {why}: {start!r}."
                if not options.skip_bad:
                    raise ValueError(f"{sentence} --skip-bad goes on.") from None
                on_bad(sentence)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, column {error.colno}"
    return "no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def emit(item: Any) -> None:
    """Print an item as a line of JSON, or raise OSError: the item is not taken then."""
    from labkit.jobs import to_json

    if sys.stdout is None:  # print would say nothing, and the item would be lost
        raise OSError("Standard output is closed.")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a lone surrogate becomes an escape
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        print(to_json(item), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or exit fails
        # Windows calls a pipe that is closed an invalid argument.
        code = errno.EPIPE if error.errno == errno.EINVAL else error.errno
        raise OSError(code, error.strerror, "standard output") from None


def connect(options: argparse.Namespace) -> Any:
    """Return a manager connected as the options say; raises as labkit.connect."""
    from labkit import manager

    try:
        key = manager.read_key_file(options.key_file)
        return manager.connect(options.connect, key, options.retry_for)
    except errors.WrongKeyError:
        where = manager.shown(options.connect)
        raise errors.WrongKeyError(
            f"The server at {where} does not accept the key in {options.key_file}. "
            "Give the server's key file with --key-file."
        ) from None


def open_queue(manager: Any, name: str) -> Any:
    """Return a queue by name; a plain server has ``tasks`` and ``results`` at best."""
    named = {"tasks": manager.get_task_queue, "results": manager.get_result_queue}
    return named[name]() if name in named else manager.get_queue(name)


def take(source: Any, wait_s: float, visibility_s: float = 600.0) -> tuple[Any, Any]:
    """Return a receipt (None on a plain server) and an item; or raise Empty."""
    try:
        with contextlib.suppress(errors.NotOfferedError):
            return source.receive(visibility_s, timeout=wait_s)  # type: ignore[no-any-return]
        return None, source.get(timeout=wait_s)
    except getattr(queue, "ShutDown", ()):  # from Python 3.13
        raise errors.ServerStoppedError("The queue was shut down.") from None
    except (ImportError, AttributeError, pickle.UnpicklingError) as error:
        raise errors.LabkitError(
            f"An item cannot be read here ({type(error).__name__}: {error}). "
            "Start this command where the item's class can be imported."
        ) from None


def patiently(call: Callable[[], T], retry_for: float, *, again: bool = False) -> T:
    """Make a call, and for some seconds make it again if the server stops meanwhile.

    The manager itself waits for a server that is not there. With ``again`` a call is
    repeated even if nobody knows whether it was done.
    """
    until = time.monotonic() + retry_for
    kinds = (errors.ServerStoppedError, *([errors.OutcomeUnknownError] * again))
    while True:
        try:
            return call()
        except (errors.NoServerError, errors.NotAQueueServerError):
            # A server that is being killed may still answer, with half a handshake.
            raise errors.ServerStoppedError(
                "The server has ended. Start it again; --retry-for waits for it."
            ) from None
        except kinds:
            if time.monotonic() >= until:
                raise
            time.sleep(random.uniform(0.02, 0.5))  # noqa: S311 - not all at once


def done(source: Any, receipt: Any) -> None:
    """Acknowledge an item; ReceiptError says that it is too late."""
    if receipt is not None:
        source.ack(receipt)
    else:
        with contextlib.suppress(errors.NotOfferedError):  # a multiprocessing.Queue
            source.task_done()
