"""The programs of this kernel, by name, and the cell magic that starts them.

One cell, then another::

%%process server
print("ready")

from labkit import processes
processes["server"].wait()
"""

import atexit
import io
import os
import re
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from labkit.errors import LabkitError, ProgramError, UnknownProgramError
from labkit.supervised import Supervised

__all__ = ["ProgramProcess", "processes", "register_magics", "start_process"]

_KEPT_CHARS = 1_000_000
_LAST_LINES = 10


class ProgramProcess:
    """A program in the background: what it is, what it printed, how it ended.

    Made by :func:`start_process` and by the ``%%process`` cell magic. A context
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
    path : pathlib.Path
    command : str
        What was started, as one would type it.
    started_at, ended_at : datetime.datetime
        By this machine's clock; `ended_at` is None while it runs.
    pid : int
        Its process id, or the one it had.
    exit_code : int or None
        What it returned; minus the signal that ended it; None while it runs.
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
        if not self.path.is_file():
            raise ProgramError(
                f"cannot start {self.name}: there is no file {str(self.path)!r}; "
                "check the name and the folder"
            )
        file = str(self.path if cwd is None else self.path.resolve())
        python = [sys.executable] if self.path.suffix == ".py" else []
        words = [*("python" for _ in python), self.path.as_posix(), *args]
        self.command = shlex.join(words)
        self.started_at = datetime.now().astimezone()
        self.ended_at: datetime | None = None
        self.exit_code: int | None = None
        self.in_view = False
        self._kept = io.StringIO()
        self._dropped = self._printed = 0  # characters
        self._listeners: list[Callable[[], object]] = []
        self._changed = threading.Condition()
        self._supervised = Supervised(
            [*python, file, *args], self._take, self._end, cwd=cwd, env=env
        )
        self.pid = self._supervised.pid

    def __repr__(self) -> str:
        return f"{self.name}: {self.state}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def state(self) -> str:
        """What has happened to it, in words that stay true when they are saved.

        Such as ``started 14:03:12: python work/shop.py`` or ``ended by SIGTERM``.
        """
        code = self.exit_code
        if code is None:
            return f"started {self.started_at:%H:%M:%S}: {self.command}"
        if code >= 0:
            return f"ended (exit code {code})"
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal has a number only
            return f"ended by signal {-code}"

    @property
    def output(self) -> str:
        """What it printed so far: at least the last million characters of it."""
        return self._since(0)

    def is_alive(self) -> bool:
        """Say whether the program, or anything it started, still runs."""
        return self.exit_code is None

    def wait(self, timeout: float = 30.0) -> int:
        """Wait until it has ended; print the output not shown yet, under its name.

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
            code = self._supervised.wait(timeout)
        finally:
            with self._changed:
                text = self._since(self._printed)
                self._printed = self._dropped + self._kept.tell()
            for line in () if self.in_view else text.splitlines():
                sys.stdout.write(f"{self.name} | {line}\n")
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

        def find(end: str) -> str | None:
            lines = self.output.splitlines(keepends=True)
            return next((x for x in lines if text in x and x.endswith(end)), None)

        with self._changed:
            self._changed.wait_for(lambda: find("\n") or not self.is_alive(), timeout)
            if line := find(""):
                return line.rstrip("\n")
        last = "\n".join(self.output.splitlines()[-_LAST_LINES:])
        look = f"look for the reason in its last lines:\n{last}"
        if not last:
            look = "look for the reason in its code: it has printed nothing"
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

        On Windows it ends at once.
        """
        self._supervised.interrupt()

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait; on Windows it ends at once."""
        self._supervised.terminate()

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
        if self._supervised.wait(timeout) is None:
            self._supervised.end()
        return self.exit_code

    def on_change(self, listener: Callable[[], object]) -> None:
        """Have a function called, in a thread, after each piece of output and the end.

        The program waits meanwhile.
        """
        self._listeners.append(listener)

    def _since(self, position: int) -> str:
        with self._changed:
            dropped, text = self._dropped, self._kept.getvalue()
        if position >= dropped:
            return text[position - dropped :]
        return f"[{dropped - position:,} earlier characters were dropped]\n{text}"

    def _take(self, text: str) -> None:
        with self._changed:
            self._kept.write(text)
            if self._kept.tell() > 2 * _KEPT_CHARS:
                kept = self._kept.getvalue()[-_KEPT_CHARS:]
                self._dropped += self._kept.tell() - len(kept)
                self._kept = io.StringIO()
                self._kept.write(kept)
        self._tell()

    def _end(self, code: int) -> None:
        self.ended_at = datetime.now().astimezone()
        self.exit_code = code
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        for listener in self._listeners:
            listener()


class _Processes(Mapping[str, ProgramProcess]):
    """The programs started from this process: name to :class:`ProgramProcess`.

    A name stays after its program has ended, until another takes its place.
    """

    def __init__(self) -> None:
        self._programs: dict[str, ProgramProcess] = {}
        if hasattr(os, "register_at_fork"):  # a forked copy of the kernel owns none
            os.register_at_fork(after_in_child=self._programs.clear)

    def __getitem__(self, name: str) -> ProgramProcess:
        if name in self._programs:
            return self._programs[name]
        known = ", ".join(self._programs)
        known = f"known programs: {known}" if known else "run its %%process cell first"
        raise UnknownProgramError(f"no program is called {name!r}; {known}")

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._programs))

    def __len__(self) -> int:
        return len(self._programs)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values())) or "no programs"

    def add(self, program: ProgramProcess) -> None:
        """Keep a program under its name."""
        self._programs[program.name] = program

    def stop_all(self, timeout: float = 2.0) -> None:
        """End every program, and everything it started.

        Parameters
        ----------
        timeout : float
            Seconds they have, together, to end by themselves after SIGTERM.
        """
        for program in self.values():
            program.terminate()
        deadline = time.monotonic() + timeout
        for program in self.values():
            program.stop(max(0.0, deadline - time.monotonic()))


processes = _Processes()
atexit.register(processes.stop_all)


def start_process(
    path: str | os.PathLike[str],
    *args: str,
    name: str | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> ProgramProcess:
    """Start a program in the background; one of the same name is stopped first.

    It ends, with everything it started, when it is told to and when this process
    ends in whatever way.

    Parameters
    ----------
    path, *args, name, cwd, env
        As for :class:`ProgramProcess`, and so are the errors.

    Returns
    -------
    ProgramProcess
        The running program, from now on also ``processes[name]``.
    """
    name = name or Path(path).stem
    if name in processes:
        processes[name].stop()
    program = ProgramProcess(path, *args, name=name, cwd=cwd, env=env)
    processes.add(program)
    return program


def register_magics(shell: Any) -> None:
    """Make ``%%process`` known; ``%load_ext labkit`` calls this.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The shell of the notebook's kernel.
    """
    shell.register_magic_function(_process, "cell", "process")


def _process(line: str, cell: str) -> None:
    """Write this cell to work/NAME.py, run it in the background, watch it here.

    %%process NAME [argument ...]

    A program of that name that still runs is stopped first. Later cells reach it as
    processes["NAME"]: wait, wait_for_output, interrupt, stop, output.
    """
    from IPython.core.error import UsageError

    from labkit.programs import pane

    try:
        name, *args = _words(line)
        _check_code(name, cell)
        program = start_process(_write(name, cell), *args, name=name)
    except (LabkitError, ValueError) as error:
        raise UsageError(f"%%process: {error}") from None
    pane.show(program)


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line, posix=os.name == "posix")
    except ValueError:
        raise ValueError(f"a quotation mark in {line!r} is not closed") from None
    if os.name != "posix":  # there backslashes stay, and so do quotation marks
        words = [re.sub(r"""^(["'])(.*)\1$""", r"\2", word) for word in words]
    if not words:
        raise ValueError("the program needs a name, as in %%process server")
    name = words[0]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(
            f"{name!r} cannot be a program's name; take letters, digits and _, "
            "as in %%process server"
        )
    if name in sys.stdlib_module_names or name == "labkit":
        raise ValueError(
            f"a program called {name!r} would hide the module {name} from every "
            f"program in work; take another name, such as my_{name}"
        )
    return words


def _check_code(name: str, cell: str) -> None:
    if not cell.strip():
        raise ValueError(f"{name} is empty; write the program below the first line")
    try:
        with warnings.catch_warnings(action="ignore"):  # the program will show them
            compile(cell, f"{name}.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        text = (error.text or "").strip()
        raise ValueError(
            f"{name} was not started: line {error.lineno} of the program, {text!r}: "
            f"{error.msg}"
        ) from None


def _write(name: str, cell: str) -> Path:
    path = Path("work") / f"{name}.py"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(cell.removesuffix("\n") + "\n", "utf-8", newline="\n")
    except OSError as error:
        raise ValueError(
            f"cannot write {path} in {Path.cwd()}: {error.strerror}; check who may "
            "write there, and the space on the disk"
        ) from None
    return path
