"""Programs in the background, by name.

program = start_process("work/server.py", "5000")
program.wait_for_output("ready")
processes["server"].stop()
"""

import atexit
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from labkit.errors import ProgramError, UnknownProgramError
from labkit.supervised import Supervised

_KEPT_CHARS = 1_000_000


class ProgramProcess(Supervised):
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
    cwd, env : optional
        The folder it runs in, and its whole environment; this process's own by default.

    Attributes
    ----------
    name, command : str
        What it is called, and what was started, as one would type it.
    path : pathlib.Path
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
        is_python = self.path.suffix == ".py"
        shown = [*["python"] * is_python, self.path.as_posix(), *args]
        self.command = shlex.join(shown)
        self.started_at = datetime.now().astimezone()
        self.ended_at: datetime | None = None
        self.in_view = False
        self._kept, self._dropped, self._printed = "", 0, 0
        self._listeners: list[Callable[[], object]] = []
        self._changed = threading.Condition()
        argv = [*[sys.executable] * is_python, file, *args]
        super().__init__(argv, self._take, self._end, cwd=cwd, env=env)

    def __repr__(self) -> str:
        return f"{self.name}: {self.state}"

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
        names = {one.value: one.name for one in signal.Signals}
        return f"ended by {names.get(-code, f'signal {-code}')}"  # some have no name

    @property
    def output(self) -> str:
        """What it printed so far: at least the last million characters of it."""
        return self._since(0)

    def is_alive(self) -> bool:
        """Say whether the program, or anything it started, still runs."""
        return self.exit_code is None

    def wait(self, timeout: float = 30.0) -> int:
        """Wait until it has ended, at most `timeout` seconds; return the exit code.

        The output not shown yet is printed, under the program's name.

        Raises
        ------
        ProgramError
            It still runs then, and goes on running.
        """
        try:
            code = self.join(timeout)
        finally:
            with self._changed:
                text = self._since(self._printed)
                self._printed = self._dropped + len(self._kept)
            for line in () if self.in_view else text.splitlines():
                sys.stdout.write(f"{self.name} | {line}\n")
        if code is None:
            raise ProgramError(
                f"{self.name} still runs after {timeout:g} s; wait longer with "
                "wait(timeout=...), or end it with stop()"
            )
        return code

    def wait_for_output(self, text: str, timeout: float = 10.0) -> str:
        """Wait until it has printed a line with some text; return the whole line.

        Lines printed before the call count as well.

        Raises
        ------
        ProgramError
            The program has ended, or `timeout` seconds are over, without such a line.
        """

        def find(end: str) -> str | None:
            lines = self.output.splitlines(keepends=True)
            return next((x for x in lines if text in x and x.endswith(end)), None)

        with self._changed:
            self._changed.wait_for(lambda: find("\n") or not self.is_alive(), timeout)
            if line := find(""):
                return line.rstrip("\n")
        what = f"has not printed {text!r} in {timeout:g} s"
        if not self.is_alive():
            what = f"{self.state} before it printed {text!r}"
        last = "\n".join(self.output.splitlines()[-10:]) or "(nothing)"
        raise ProgramError(f"{self.name} {what}; it printed last:\n{last}")

    def stop(self, timeout: float = 2.0) -> int | None:
        """End it and everything it started; a program that has ended stays as it is.

        After SIGTERM it has `timeout` seconds to end by itself; then it is killed.
        Returns the exit code; None only in a forked copy of this process.
        """
        self.terminate()
        return self.end() if self.join(timeout) is None else self.exit_code

    def on_end(self, listener: Callable[[], object]) -> None:
        """Have a function called, in a thread, before `wait` says that it has ended."""
        self._listeners.append(listener)

    def _since(self, position: int) -> str:
        with self._changed:
            missing = self._dropped - position
            if missing <= 0:
                return self._kept[-missing:]
            return f"[{missing:,} earlier characters were dropped]\n{self._kept}"

    def _take(self, text: str) -> None:
        with self._changed:
            everything = self._kept + text
            self._kept = everything[-_KEPT_CHARS:]
            self._dropped += len(everything) - len(self._kept)
            self._changed.notify_all()

    def _end(self, _code: int) -> None:
        self.ended_at = datetime.now().astimezone()
        with self._changed:
            self._changed.notify_all()
        for listener in self._listeners:
            listener()


class _Processes(dict[str, ProgramProcess]):
    """The programs started from this process: name to :class:`ProgramProcess`.

    A name stays after its program has ended, until another takes its place.
    """

    def __missing__(self, name: str) -> ProgramProcess:
        known = ", ".join(self)
        known = f"known programs: {known}" if known else "run its %%process cell first"
        raise UnknownProgramError(f"no program is called {name!r}; {known}")

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values())) or "no programs"

    def stop_all(self, timeout: float = 2.0) -> None:
        """End every program and all it started; `timeout` is for all together."""
        programs = list(self.values())
        for program in programs:
            program.terminate()
        deadline = time.monotonic() + timeout
        for program in programs:
            program.stop(max(0.0, deadline - time.monotonic()))


processes = _Processes()
atexit.register(processes.stop_all)
if hasattr(os, "register_at_fork"):  # a forked copy of the kernel owns none
    os.register_at_fork(after_in_child=processes.clear)


def start_process(
    path: str | os.PathLike[str],
    *args: str,
    name: str | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> ProgramProcess:
    """Start a program in the background; one of the same name is stopped first.

    However this process ends, the program ends with it, and so does everything that it
    started.

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
    processes[name] = ProgramProcess(path, *args, name=name, cwd=cwd, env=env)
    return processes[name]
