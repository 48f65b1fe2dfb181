"""Run programs so that nothing they start outlives them, or this process.

:func:`run` runs a program to its end, within a deadline; :func:`launch` starts one
in the background. Either way the program is unmodified, in a session of its own,
below a small supervisor process (:mod:`.supervisor`) that ends it and all it
started when the program ends, when told to, and when this process ends in any way.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from labkit._processes.captures import Decoded, Head
from labkit._processes.lifeline import Lifeline
from labkit._processes.trees import end_processes, marked

__all__ = ["Finished", "Guarded", "launch", "run"]

_Argument = str | os.PathLike[str]

_END_WITHIN_S = 6.0  # the supervisor itself gives up after 5 s
_SLICE_S = 0.5  # Windows cannot interrupt a longer wait with Ctrl-C


@dataclass(frozen=True)
class Finished:
    """What a program did, told by :func:`run`."""

    exit_code: int | None
    """What it returned; minus the number of the signal that ended it (POSIX); None
    if it was ended at the deadline."""
    timed_out: bool
    """True if the program was still running at the deadline."""
    output: str
    """Standard output and standard error, in the order they were written."""
    truncated: bool
    """True if there was more output; the last line of `output` says how much."""
    leftovers: int
    """How many other processes outlived the program; they were ended too."""
    duration_s: float
    """Seconds from the call until the program ended."""


class Guarded:
    """A program in the background, and everything it starts.

    Made by :func:`launch`. A context manager that ends the program. Every method may
    be called from any thread; in a forked copy of this process they do nothing.

    Attributes
    ----------
    pid : int
        Process id of the program.
    leftovers : int
        How many other processes were still running when it ended; 0 until then.
    """

    def __init__(
        self,
        lifeline: Lifeline,
        consume: Callable[[bytes], None],
        on_exit: Callable[[int], None] | None = None,
    ) -> None:
        self.pid = lifeline.pid
        self.leftovers = 0
        self._lifeline = lifeline
        self._consume = consume
        self._on_exit = on_exit
        self._exit_code: int | None = None
        self._program_ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._reader.start()
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def exit_code(self) -> int | None:
        """As in :class:`Finished`; None until the whole tree and output have ended."""
        return self._exit_code

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until the program, its processes and its output have ended.

        Parameters
        ----------
        timeout_s : float, optional
            Longest wait in seconds; without it there is no limit.

        Returns
        -------
        int or None
            The exit code; None if it still runs. In `on_output` there is no waiting.
        """
        if threading.current_thread() not in (self._reader, self._watcher):
            _wait(self._watcher.join, lambda: not self._watcher.is_alive(), timeout_s)
        return self._exit_code

    def interrupt(self) -> None:
        """Send what Ctrl-C sends in a terminal: SIGINT to the program's group.

        On Windows CTRL_BREAK, which ends a Python program without KeyboardInterrupt.
        """
        self._lifeline.order("interrupt")

    def terminate(self) -> None:
        """Ask the program to end: SIGTERM; on Windows it ends at once."""
        self._lifeline.order("terminate")

    def end(self) -> int | None:
        """End the program and everything it started at once; return its exit code."""
        self._lifeline.cut()
        if self.wait(_END_WITHIN_S) is None:
            self._lifeline.kill()
        return self.wait(_END_WITHIN_S)

    def _read(self) -> None:
        output = self._lifeline.output
        try:
            while chunk := output.read(65_536):
                self._consume(chunk)
            self._consume(b"")
        finally:
            # After an error in the consumer: a full pipe would block the program.
            while output.read(65_536):
                pass

    def _watch(self) -> None:
        code = None
        for report in self._lifeline.reports():
            code = report.get("exit", code)
            self.leftovers = int(report.get("left", 0))
            self._program_ended.set()
        if code is None:  # somebody ended the supervisor; this does its work
            end_processes(lambda: marked(self._lifeline.mark))
            code = -9 if os.name == "posix" else 1
        self._reader.join(_SLICE_S)
        self._lifeline.close(output=not self._reader.is_alive())
        self._exit_code = int(code)
        self._program_ended.set()
        if self._on_exit:
            self._on_exit(self._exit_code)


def launch(
    argv: Sequence[_Argument],
    *,
    cwd: _Argument | None = None,
    env: Mapping[str, str] | None = None,
    on_output: Callable[[str], None] | None = None,
    on_exit: Callable[[int], None] | None = None,
) -> Guarded:
    """Start a program in the background.

    Parameters
    ----------
    argv : sequence of str or path
        The program and its arguments; not passed through a shell.
    cwd : str or path, optional
        The folder it runs in; this process's own by default.
    env : mapping of str to str, optional
        Its whole environment; this process's own by default. Either way Python
        programs write UTF-8 without delay and without colours.
    on_output : callable, optional
        Called with each piece of text as it arrives, in a thread of this process. The
        program waits while it runs. Without it the output is read and dropped.
    on_exit : callable, optional
        Called once with the exit code, in a thread, after the last `on_output`.

    Returns
    -------
    Guarded
        The running program.

    Raises
    ------
    ProgramError
        There is no such program or folder, or the program may not be run.
    """
    consume = Decoded(on_output or (lambda _: None))
    return Guarded(Lifeline(argv, "", cwd, env), consume, on_exit)


def run(
    argv: Sequence[_Argument],
    *,
    timeout_s: float,
    cwd: _Argument | None = None,
    env: Mapping[str, str] | None = None,
    stdin_text: str = "",
    max_output_bytes: int = 1_000_000,
) -> Finished:
    """Run a program to its end, and end whatever it leaves behind.

    Parameters
    ----------
    argv, cwd, env
        As for :func:`launch`.
    timeout_s : float
        Seconds the program may take; then it and everything it started are ended.
    stdin_text : str
        What it reads on standard input; nothing by default.
    max_output_bytes : int
        How much of the beginning of its output is kept; the rest is dropped.

    Returns
    -------
    Finished
        Exit code, output, what it left running.

    Raises
    ------
    ProgramError
        There is no such program or folder, or the program may not be run.
    """
    head = Head(max_output_bytes)
    started = time.monotonic()
    with Guarded(Lifeline(argv, stdin_text, cwd, env), head) as program:
        ended = program._program_ended  # noqa: SLF001 - the tree may take longer
        in_time = _wait(ended.wait, ended.is_set, timeout_s)
        duration_s = time.monotonic() - started
        code = program.wait(_END_WITHIN_S) if in_time else program.end()
    return Finished(
        exit_code=code if in_time else None,
        timed_out=not in_time,
        output=head.text(),
        truncated=head.dropped > 0,
        leftovers=program.leftovers,
        duration_s=duration_s,
    )


def _wait(
    pause: Callable[[float], object], done: Callable[[], bool], timeout_s: float | None
) -> bool:
    deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    while not done():
        rest = deadline - time.monotonic()
        if rest <= 0:
            return False
        pause(min(rest, _SLICE_S))
    return True
