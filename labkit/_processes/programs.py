"""One program in the background, with its output."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from labkit._processes import guard
from labkit._processes.captures import Tail
from labkit.errors import ProgramError

_KEPT_CHARS = 1_000_000
_LAST_LINES = 10


class ProgramProcess:
    """A program in the background: what it is, what it printed, how it ended.

    Made by :func:`labkit.start_process` and by the ``%%process`` cell magic. A context
    manager that stops the program. Every method may be called from any thread.

    Parameters
    ----------
    path : str or path
        A Python file, run by this process's own Python; any other file is run as is.
    *args : str
        The program's arguments.
    name : str, optional
        What it is called in messages; the file's name without suffix by default.
    cwd : str or path, optional
        The folder it runs in; this process's own by default.
    env : mapping of str to str, optional
        Its whole environment; this process's own by default.

    Attributes
    ----------
    name : str
        What it is called in messages.
    path : pathlib.Path
        Its file, as given.
    pid : int
        Its process id, or the one it had.
    in_view : bool
        Whether a reader sees its output in a pane: `wait` does not print it then.

    Raises
    ------
    ProgramError
        There is no such file or folder, or the program could not be started.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *args: str,
        name: str | None = None,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = name or self.path.stem
        self._output = Tail(_KEPT_CHARS)
        self._printed, self.in_view = 0, False
        self._exit_code: int | None = None
        self._listeners: list[Callable[[], object]] = []
        self._changed = threading.Condition()
        self._guarded = guard.launch(
            [*self._command(cwd), *args],
            cwd=cwd,
            env=env,
            on_output=self._take,
            on_exit=self._end,
        )
        self.pid = self._guarded.pid

    def __repr__(self) -> str:
        return f"{self.name}: {self.state}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """What it returned; minus the signal that ended it; None while it runs."""
        return self._exit_code

    @property
    def state(self) -> str:
        """The state in words, such as ``running (pid 71)`` or ``ended by SIGTERM``."""
        code = self._exit_code
        if code is None:
            return f"running (pid {self.pid})"
        if code >= 0:
            return f"ended (exit code {code})"
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal has a number only
            return f"ended by signal {-code}"

    @property
    def output(self) -> str:
        """What it printed so far, up to the last million characters."""
        return self._output.since()[0]

    def is_alive(self) -> bool:
        """Say whether the program, or anything it started, still runs."""
        return self._exit_code is None

    def wait(self, timeout: float = 30.0) -> int:
        """Wait until it has ended, and print its output not shown yet.

        Parameters
        ----------
        timeout : float
            Longest wait in seconds.

        Returns
        -------
        int
            The exit code; minus the signal's number if a signal ended it.

        Raises
        ------
        ProgramError
            It still runs after `timeout` seconds, and goes on running.
        """
        try:
            code = self._guarded.wait(timeout)
        finally:
            text, self._printed = self._output.since(self._printed)
            sys.stdout.write("" if self.in_view else text)
        if code is None:
            raise ProgramError(
                f"{self.name} still runs after {timeout:g} s; wait longer with "
                "wait(timeout=...), or end it with stop()"
            )
        return code

    def wait_for_output(self, text: str, timeout: float = 10.0) -> str:
        """Wait until it has printed a line with some text.

        Parameters
        ----------
        text : str
            A part of the line; lines printed before the call count as well.
        timeout : float
            Longest wait in seconds.

        Returns
        -------
        str
            The whole line, without its line end.

        Raises
        ------
        ProgramError
            The program has ended, or the time is over, without such a line.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._find_line(text, "\n") or not self.is_alive(), timeout
            )
            line = self._find_line(text, "")
        if line:
            return line.rstrip("\n")
        look = f"look for the reason {self._last_lines()}"
        if self.is_alive():
            raise ProgramError(
                f"{self.name} has not printed {text!r} in {timeout:g} s; wait longer "
                f"with timeout=..., or {look}"
            )
        raise ProgramError(
            f"{self.name} {self.state} before it printed {text!r}; {look}"
        )

    def interrupt(self) -> None:
        """Press Ctrl-C for it: KeyboardInterrupt, in it and the processes it started.

        On Windows it ends at once, as by Ctrl-Break.
        """
        self._guarded.interrupt()

    def stop(self, timeout: float = 2.0) -> int | None:
        """End it and everything it started; a program that has ended stays as it is.

        Parameters
        ----------
        timeout : float
            Seconds it has to end by itself after SIGTERM, before it is killed.

        Returns
        -------
        int or None
            The exit code; None only in a forked copy of this process.
        """
        self.terminate()
        if self._guarded.wait(timeout) is None:
            self._guarded.end()
        return self._exit_code

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait; on Windows it ends at once."""
        self._guarded.terminate()

    def on_change(self, listener: Callable[[], object]) -> None:
        """Have a function called after each piece of output and after the end.

        Parameters
        ----------
        listener : callable
            Takes nothing; is called in a thread, and the program waits meanwhile.
        """
        self._listeners.append(listener)

    def _command(self, cwd: str | os.PathLike[str] | None) -> list[str]:
        if not self.path.is_file():
            raise ProgramError(
                f"cannot start {self.name}: there is no file {str(self.path)!r}; "
                "check the name and the folder"
            )
        path = self.path if cwd is None else self.path.resolve()
        return [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]

    def _take(self, text: str) -> None:
        self._output.add(text)
        self._tell()

    def _end(self, code: int) -> None:
        self._exit_code = code
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        for listener in self._listeners:
            listener()

    def _find_line(self, text: str, end: str) -> str | None:
        lines = self.output.splitlines(keepends=True)
        return next((x for x in lines if text in x and x.endswith(end)), None)

    def _last_lines(self) -> str:
        lines = ["in its last lines:", *self.output.splitlines()[-_LAST_LINES:]]
        return "\n".join(lines) if lines[1:] else "in its code: it has printed nothing"
