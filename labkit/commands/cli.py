"""What the commands have in common."""

import argparse
import contextlib
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

from labkit import errors
from labkit.commands import jsonlines

if TYPE_CHECKING:
    from labkit.manager import Address

__all__ = [
    "GONE",
    "Exit",
    "Parser",
    "UnfinishedError",
    "count_of",
    "number",
    "port",
    "progress",
    "read_items",
    "run",
    "say",
    "seconds",
]

# The server has ended, or cannot be reached. Built-in classes too: they are the
# bases of labkit's.
GONE = (EOFError, ConnectionError, errors.ServerTimeoutError)


class Exit(IntEnum):
    """The exit codes of the commands."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NO_SERVER = 3
    INTERRUPTED = 130


class UnfinishedError(errors.LabkitError):
    """A part of the work was not done in the time allowed."""


_EPILOG = """\
exit codes:
  0  done                    1  some tasks failed, or were not done in time
  2  bad usage or input      3  no server, a wrong key, or the server went away
  130  interrupted             in the middle of the work

example:
  {}"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, and whose help has an example.

    Parameters
    ----------
    name : str
        The command's name.
    description : str
        What it does, in lines of at most 80 characters.
    example : str
        A command line that works as it stands.
    """

    def __init__(self, name: str, description: str, example: str) -> None:
        super().__init__(
            prog=f"python -m labkit {name}",
            description=description,
            epilog=_EPILOG.format(example),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.name = name
        _mend_streams()

    def error(self, message: str) -> NoReturn:
        """Say in one sentence what is wrong, and exit with code 2."""
        say(self.name, f"{message}; {self.prog} --help shows how it is called")
        raise SystemExit(Exit.BAD_INPUT)

    def add_server(self, *, required: bool = True) -> None:
        """Add the options that say which server to talk to."""
        self.add_argument(
            "--connect",
            metavar="HOST:PORT",
            type=address,
            required=required,
            help="the server: HOST:PORT, [IPV6]:PORT, or the path of a Unix socket",
        )
        self.add_argument(
            "--key-file",
            metavar="FILE",
            default="labkit.key",
            help="file with the server's key (%(default)s)",
        )
        self.add_argument(
            "--retry-for",
            metavar="S",
            type=seconds,
            default=0.0,
            help="seconds to wait for a server that is not there (0)",
        )

    def add_input(self) -> None:
        """Add the options that say where input comes from."""
        self.add_argument(
            "files", metavar="FILE", nargs="*", help="input; standard input if none"
        )
        self.add_argument(
            "--text", action="store_true", help="each line is a plain string, not JSON"
        )
        self.add_argument(
            "--skip-bad", action="store_true", help="go on after a malformed line"
        )


def _mend_streams() -> None:
    """Give a program that was started with closed streams ones that are empty."""
    for name, mode in (("stdin", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - to the end


def address(text: str) -> "Address":
    """Return the address that a text like ``host:port`` names."""
    found = re.fullmatch(r"(?:\[(.+)\]|([^:/\[\]]*)):(\d{1,5})", text)
    if found and int(found[3]) <= 65535:
        return found[1] or found[2] or "127.0.0.1", int(found[3])
    if "/" in text:
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no address: give HOST:PORT, [IPV6]:PORT, "
        "or the path of a Unix socket, with a / in it"
    )


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 <= value < math.inf:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")


def port(text: str) -> int:
    """Return a port, 0 to 65535."""
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port, 0 to 65535")


def number(text: str) -> int:
    """Return a whole number, 1 or more."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number, 1 or more")


def read_items(
    options: argparse.Namespace, on_bad: Callable[[str], None]
) -> Iterator[Any]:
    """Yield the input's items; ``on_bad`` hears of lines that ``--skip-bad`` skips."""
    if "-" in (options.files or ["-"]) and sys.stdin.isatty():
        print("type lines; end with Ctrl-D (Windows: Ctrl-Z, Enter)", file=sys.stderr)
    return jsonlines.read_items(
        options.files, text=options.text, on_bad=on_bad if options.skip_bad else None
    )


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1,000 items``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def say(name: str, sentence: str) -> None:
    """Write a sentence on standard error, without harming a progress bar."""
    line = f"labkit {name}: {sentence}"
    with contextlib.suppress(OSError):  # nobody reads it any more
        if "tqdm" in sys.modules:
            sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)


def progress(total: int | None, unit: str) -> Callable[[int], Any]:
    """Return a function that adds to a progress bar, on a terminal; else to nothing."""
    # Where the output itself is on the terminal, it is progress enough.
    shows_items = total is None and sys.stdout is not None and sys.stdout.isatty()
    if shows_items or not sys.stderr.isatty():
        return lambda _count: None
    try:
        from tqdm import tqdm
    except ImportError:  # a bare Python, outside the kit's environment
        return lambda _count: None
    return tqdm(total=total, unit=f" {unit}", leave=False, file=sys.stderr).update  # type: ignore[no-any-return]


def run(name: str, body: Callable[[], int]) -> int:
    """Run a command's body; turn its exceptions into a sentence and an exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        return body()
    except KeyboardInterrupt:
        say(name, "interrupted")
        return Exit.INTERRUPTED
    except jsonlines.ReaderGoneError:
        return Exit.DONE  # whoever read the output has had enough
    except (errors.LabkitError, OSError, EOFError, ValueError, ImportError) as error:
        code, sentence = _verdict(error)
        say(name, sentence)
        return code


def _interrupt(_signum: int, _frame: object) -> NoReturn:
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)  # the second one ends it at once
    raise KeyboardInterrupt


def _verdict(error: Exception) -> tuple[Exit, str]:
    """Return the exit code and the sentence for an error."""
    match error:
        case UnfinishedError():
            return Exit.FAILED, str(error)
        case _ if isinstance(error, (*GONE, errors.WrongKeyError)):
            return Exit.NO_SERVER, str(error)
        case ModuleNotFoundError(name=package):
            return (
                Exit.BAD_INPUT,
                f"this needs the package {package}: python -m pip install {package}",
            )
        case OSError(filename=str(path), strerror=str(reason)):
            return Exit.BAD_INPUT, f"{path}: {reason}"
    return Exit.BAD_INPUT, str(error)
