"""The kernel's end of the three pipes to a supervisor (:mod:`.supervisor`).

The supervisor ends its program when its standard input reaches end of file. The
operating system closes the other end of that pipe when this process ends, however it
ends; so nothing must keep a second copy of it open.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from labkit._processes.trees import MARKER
from labkit.errors import ProgramError

# Where the operating system does not lead from a process to its orphans, the
# supervisor needs psutil too: there it starts with site-packages, without -S.
_FLAGS = ["-I", "-S"] if sys.platform == "linux" else ["-I"]
_SUPERVISE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from labkit._processes.supervisor import run; run()"
)

_open: set["Lifeline"] = set()
_starting = threading.RLock()


def _let_go_after_fork() -> None:
    # A forked child holds copies of every pipe: while it lives, no supervisor would
    # see this process end. So it closes them; it owns no program.
    _starting.release()
    for lifeline in _open:
        lifeline.disown()
    _open.clear()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_starting.acquire,
        after_in_parent=_starting.release,
        after_in_child=_let_go_after_fork,
    )


class Lifeline:
    """One supervisor process, with the program below it.

    Parameters
    ----------
    argv : sequence of str or path
        The program and its arguments.
    stdin_text : str
        What the program reads on standard input.
    cwd : str, path or None
        The program's folder; None for this process's own.
    env : mapping or None
        The program's environment; None for this process's own.

    Attributes
    ----------
    pid : int
        Process id of the program.
    mark : str
        The value of ``LABKIT_GUARD`` in the environment of everything it starts.
    output : binary stream
        Standard output and standard error of the program.

    Raises
    ------
    ProgramError
        There is no such program or folder, or the program may not be run.
    """

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        stdin_text: str,
        cwd: str | os.PathLike[str] | None,
        env: Mapping[str, str] | None,
    ) -> None:
        words = [os.fspath(word) for word in argv]
        if cwd is not None and not Path(cwd).is_dir():
            raise ProgramError(
                f"cannot start {words[0]!r}: there is no folder {os.fspath(cwd)!r}; "
                "create it, or give another cwd"
            )
        self.mark = uuid.uuid4().hex
        with _starting:
            self._process = _start_supervisor(cwd, _environment(env, self.mark))
            _open.add(self)
        self.output = _pipe(self._process.stderr)
        order = {"argv": words, "stdin": stdin_text, "mark": self.mark}
        self.order(json.dumps(order))
        self.pid = self._first_report(words[0])

    def _first_report(self, program: str) -> int:
        report = next(self.reports(), {})
        if "pid" in report:
            return int(report["pid"])
        reason = report.get("error")
        if reason is None:
            reason = f"its supervisor failed: {self.output.read(10_000).decode()}"
        self.close()
        raise ProgramError(
            f"cannot start {program!r}: {reason}; check the name and the path"
        )

    def reports(self) -> Iterator[dict[str, int | str]]:
        """Yield the supervisor's reports as they come, until it ends."""
        for line in _pipe(self._process.stdout):
            yield json.loads(line)

    def order(self, line: str) -> None:
        """Send one line to the supervisor; nothing happens if it has ended."""
        rest = memoryview(line.encode() + b"\n")
        with contextlib.suppress(OSError, ValueError):
            while rest:
                rest = rest[_pipe(self._process.stdin).write(rest) :]

    def cut(self) -> None:
        """End the program and everything it started, at once."""
        with contextlib.suppress(OSError):
            _pipe(self._process.stdin).close()

    def kill(self) -> None:
        """End the supervisor itself, which did not obey."""
        self._process.kill()

    def close(self, *, output: bool = True) -> None:
        """Wait until the supervisor has ended, and close the pipes.

        Parameters
        ----------
        output : bool
            False leaves the output open, for a thread that still reads it.
        """
        self.cut()
        self._process.wait()
        _pipe(self._process.stdout).close()
        if output:
            self.output.close()
        _open.discard(self)

    def disown(self) -> None:
        """Close this process's copies of the pipes; the program goes on."""
        self._process.returncode = 0  # the child of another process: no waiting
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                _pipe(stream).close()


def _pipe(stream: IO[bytes] | None) -> io.FileIO:
    assert isinstance(stream, io.FileIO)  # noqa: S101 - bufsize=0 makes it so
    return stream


def _start_supervisor(
    cwd: str | os.PathLike[str] | None, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    home = str(Path(__file__).resolve().parents[2])  # where it finds labkit
    return subprocess.Popen(
        [sys.executable, *_FLAGS, "-c", _SUPERVISE, home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # nothing to flush, and no lock held, when a fork closes them
        cwd=cwd,
        env=env,
        start_new_session=True,  # Ctrl-C for the kernel is not for its programs
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        | getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _environment(env: Mapping[str, str] | None, mark: str) -> dict[str, str]:
    chosen = dict(os.environ if env is None else env)
    # A kernel asks for colours, which the text of a pane would show as codes.
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        chosen.pop(name, None)
    return chosen | {
        "PYTHONUNBUFFERED": "1",  # each line is seen when it is printed
        "PYTHONIOENCODING": "utf-8",
        "PYTHON_COLORS": "0",
        MARKER: mark,
    }
