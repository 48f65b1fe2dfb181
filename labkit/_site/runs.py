"""Run the lessons for the site: in folders of their own, two at a time."""

import queue
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from labkit import supervised
from labkit.errors import SiteError

__all__ = ["AT_A_TIME", "run_all"]

AT_A_TIME = 2  # lessons measure: more of them would measure each other
LESSON_TIMEOUT_S = 600  # 20 s on an idle machine
TRIES_ALONE = 2  # for a lesson that failed beside another
LAST_LINES = 25  # of what a notebook that failed has to say

_COLOURS = re.compile(r"\x1b\[[\d;]*m")

_Ended = queue.SimpleQueue[tuple[Path, int, str]]


def run_all(
    books: Iterable[Path],
    scratch: Path,
    env: Mapping[str, str],
    tell: Callable[[str], None],
) -> None:
    """Run notebooks, and give each file its outputs.

    Parameters
    ----------
    books : iterable of pathlib.Path
        Copies of notebooks, overwritten one after the other.
    scratch : pathlib.Path
        An empty folder; each notebook runs in one of its own below it.
    env : mapping of str to str
        The environment of the kernels: Jupyter's folders, the progress file.
    tell : callable
        Called with a line of text when a notebook has run.

    Raises
    ------
    SiteError
        A cell failed that is not tagged ``raises-exception``, or took too long, and
        did so again when run alone. Whatever ran has been ended by then.
    """
    failed = _run(list(books), AT_A_TIME, scratch, env, tell)
    for _ in range(TRIES_ALONE):  # lessons measure, and other programs run as well
        if failed:
            tell(f"once more, alone: {', '.join(book.stem for book in failed)}")
            failed = _run(list(failed), 1, scratch, env, tell)
    for book, said in failed.items():
        lines = [line for line in _COLOURS.sub("", said).splitlines() if line.strip()]
        why = "\n".join(lines[-LAST_LINES:]) or "it said nothing"
        raise SiteError(f"{book.name} failed: {why}")


def _run(
    waiting: list[Path],
    at_a_time: int,
    scratch: Path,
    env: Mapping[str, str],
    tell: Callable[[str], None],
) -> dict[Path, str]:
    """Run notebooks; return those that failed, with what they said."""
    count = len(waiting)
    failed: dict[Path, str] = {}
    started: dict[Path, float] = {}
    ended: _Ended = queue.SimpleQueue()
    with ExitStack() as running:
        for done in range(count):
            while waiting and len(started) < done + at_a_time:
                book = waiting.pop(0)
                started[book] = time.monotonic()
                running.enter_context(_start(book, scratch, env, ended))
            book, status, said = _next(ended)
            if status:
                failed[book] = said
            seconds = time.monotonic() - started[book]
            how = " failed" if status else ""
            tell(f"{done + 1} of {count}: {book.stem}{how}, {seconds:.0f} s")
    return failed


def _start(
    book: Path, scratch: Path, env: Mapping[str, str], ended: _Ended
) -> supervised.Supervised:
    folder = scratch / book.stem / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    said: list[str] = []
    return supervised.Supervised(
        [sys.executable, "-m", "labkit._site.player", str(book), str(book)],
        cwd=folder,
        env=env,
        on_output=said.append,
        on_exit=lambda status: ended.put((book, status, "".join(said))),
    )


def _next(ended: _Ended) -> tuple[Path, int, str]:
    try:
        return ended.get(timeout=LESSON_TIMEOUT_S)
    except queue.Empty:
        raise SiteError(
            f"no notebook ended within {LESSON_TIMEOUT_S} s: run 'python -m labkit "
            "test notebooks' to see which cell waits"
        ) from None
