"""JSON lines: one JSON value in each line, in UTF-8."""

import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["ReaderGoneError", "emit", "jsonable", "read_items"]


class ReaderGoneError(Exception):
    """Whoever read standard output has closed it, as ``head`` does."""


def read_items(
    files: Sequence[str], *, text: bool, on_bad: Callable[[str], None] | None = None
) -> Iterator[Any]:
    """Read one item from each line.

    Parameters
    ----------
    files : sequence of str
        Paths, ``-`` for standard input; none at all is standard input too.
    text : bool
        Whether a line is the item itself, not JSON.
    on_bad : callable or None, default None
        Called with a sentence on each malformed line; ``None`` raises it.

    Yields
    ------
    object
        An item for each line; empty lines are none, except with ``text``.

    Raises
    ------
    ValueError
        A line is malformed; the message has its number.
    """
    for name, lines in _opened(files):
        for count, ended_line in enumerate(lines, 1):
            line = ended_line.rstrip(b"\r\n")
            if not text and not line.strip():
                continue
            try:
                yield line.decode() if text else json.loads(line)
            except (ValueError, RecursionError) as error:
                sentence = f"line {count} of {name} is {_reason(error, text, line)}"
                if on_bad is None:
                    raise ValueError(f"{sentence}; --skip-bad goes on") from None
                on_bad(sentence)


def _opened(files: Sequence[str]) -> Iterator[tuple[str, BinaryIO]]:
    for name in files or ["-"]:
        if name == "-":
            yield "standard input", sys.stdin.buffer
        else:
            with Path(name).open("rb") as file:
                yield name, file


def _reason(error: Exception, text: bool, line: bytes) -> str:
    start = line[:40].decode(errors="replace").strip()
    if text or isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text: {start!r}"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg}, column {error.colno}): {start!r}"
    return f"beyond what JSON in Python can hold ({error}): {start!r}"


def jsonable(item: Any) -> Any:
    """Return the item in the types that JSON has, which any program can unpickle.

    What JSON cannot hold becomes ``{"repr": text}``: bytes, sets, objects, and
    numbers that are infinite or not a number.
    """
    return json.loads(_as_json(item))


def _as_json(item: Any) -> str:
    try:
        return json.dumps(item, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return json.dumps({"repr": _repr(item)}, ensure_ascii=False)


def _repr(item: Any) -> str:
    try:
        return repr(item)
    except Exception:  # noqa: BLE001 - a class may raise anything here
        return object.__repr__(item)


def emit(item: Any) -> None:
    """Print one item as a line of JSON, and flush it.

    Raises
    ------
    ReaderGoneError
        The reader of standard output has gone.
    OSError
        It cannot be written, for example to a full disk.
    """
    if sys.stdout is None:  # print would say nothing, and the item would be lost
        raise OSError("standard output is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A lone surrogate comes out as the escape that JSON has for it.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        print(_as_json(item), flush=True)
    except OSError as error:
        _silence_stdout()
        # Windows reports a closed pipe as an invalid argument.
        if error.errno in {errno.EPIPE, errno.EINVAL}:
            raise ReaderGoneError from None
        raise OSError(
            error.errno, error.strerror or str(error), "standard output"
        ) from None


def _silence_stdout() -> None:
    """Spare the interpreter's end a second failure to write the same line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
