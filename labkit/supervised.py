"""The one way in which a child process ends with its parent.

A child reads a pipe whose other end its parent alone holds. However the parent ends
(it returns, ``os._exit``, SIGKILL), the system closes that end, and the child ends.

Our own Python children watch their standard input; those of multiprocessing call
:func:`end_with_parent`. Any other program runs below a supervisor: this file, run as a
script. It reads the pipe, and ends the program with everything that it started::

    child = supervised.start("labkit", "serve", "--supervised")   # in the parent
    supervised.watch(server.stop)                                 # in that child
    done = supervised.run([sys.executable, "answer.py"], timeout_s=10)
    program = supervised.Supervised(["redis-server"], on_output=print)
"""

import atexit
import codecs
import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, Self

MARK = "LABKIT_SUPERVISED"  # an environment variable: what belongs to which supervisor
_HERE = os.path.abspath(__file__)  # noqa: PTH100 - no pathlib in the supervisor
_END_WITHIN_S = 6.0  # the supervisor itself gives up after 5 s
_NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows

_Argument = str | os.PathLike[str]
_children: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()


def start(module: str, *args: str) -> "subprocess.Popen[bytes]":
    """Start ``python -m module``, which calls :func:`watch`; its errors are output."""
    # -P, and this very package found first: a learner's queue.py beside the notebook
    # must not replace the standard library's.
    paths = [os.path.dirname(os.path.dirname(_HERE))]  # noqa: PTH120
    paths += os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = os.pathsep.join(name for name in paths if name not in {"", "."})
    command = [sys.executable, "-P", "-m", module, *args]
    env = {**os.environ, "PYTHONPATH": path}
    return _popen(command, stderr=subprocess.STDOUT, env=env)


def watch(at_end: Callable[[], object] = lambda: os._exit(0)) -> None:
    """Call a function, in a thread, when the parent has ended or closed the pipe."""

    def read() -> None:
        while os.read(0, 1024):
            pass
        at_end()

    _thread(read)


def end_with_parent(at_end: Callable[[], object] = lambda: os._exit(1)) -> None:
    """End this child of multiprocessing with its parent, which alone gets Ctrl-C."""
    from multiprocessing import connection, parent_process

    parent, pid = parent_process(), os.getppid()

    def look(sentinel: int) -> None:
        # A forked brother may hold the sentinel's other end, so look at both.
        while not connection.wait([sentinel], 1.0) and os.getppid() == pid:
            pass
        at_end()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent:
        _thread(look, parent.sentinel)


class Finished(NamedTuple):
    """What became of a program that :func:`run` ran."""

    exit_code: int | None  # minus the signal that ended it; None if it timed out
    output: str  # standard output and standard error, as they were written


def run(
    argv: Sequence[_Argument],
    *,
    timeout_s: float,
    max_chars: int = 1 << 20,
    **opts: Any,
) -> Finished:
    """Run a program to its end or a deadline, and end whatever it leaves behind.

    Of its output the first `max_chars` are kept. The options, and the errors, are those
    of :class:`Supervised`.
    """
    kept = io.StringIO()

    def keep(text: str) -> None:
        kept.write(text[: max_chars - kept.tell()])

    with Supervised(argv, keep, **opts) as program:
        code = program.join(timeout_s)
    return Finished(code, kept.getvalue())


class Supervised:
    """A program in the background, in its own session, with everything it starts.

    A context manager that ends them. Every method may be called from any thread; in a
    forked copy of this process they do nothing.

    Parameters
    ----------
    argv : sequence of str or path
        The program and its arguments; not passed through a shell.
    on_output, on_exit : callable, optional
        Called in a thread with each piece of text as it comes, while the program waits;
        and after the last piece with the exit code.
    cwd, env : optional
        The folder it runs in, and its whole environment; this process's own by default.
        Python programs write UTF-8 without delay and without colours.

    Attributes
    ----------
    pid : int
    exit_code : int or None
        Minus the signal that ended it; None until all has ended, output included.

    Raises
    ------
    ProgramError
        There is no such program or folder, or the program may not be run.
    """

    def __init__(
        self,
        argv: Sequence[_Argument],
        on_output: Callable[[str], object] = lambda _: None,
        on_exit: Callable[[int], object] = lambda _: None,
        *,
        cwd: _Argument | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        import psutil  # not at the top: commands use this module without the set-up

        from labkit.errors import ProgramError  # likewise: this file is a script, too

        words = [os.fspath(word) for word in argv]
        sorry = f"cannot start {words[0]!r}: {{}}; check the name and the path"
        if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112
            raise ProgramError(sorry.format(f"there is no folder {os.fspath(cwd)!r}"))
        self.exit_code: int | None = None
        self._on_output, self._on_exit = on_output, on_exit
        self._mark = os.urandom(16).hex()
        env = {**(os.environ if env is None else env), MARK: self._mark}
        for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):  # a kernel's, for its own output
            env.pop(name, None)
        env |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
        place = os.path.dirname(os.path.dirname(psutil.__file__))  # noqa: PTH120
        command = [sys.executable, "-I", "-S", _HERE]  # a bare Python starts sooner
        command += [place, *words]
        process: Any = _popen(command, stderr=subprocess.PIPE, cwd=cwd, env=env)
        self._process, self._lifeline = process, process.stdin
        self._reports, self._output = process.stdout, process.stderr
        report = json.loads(self._reports.readline() or "{}")
        if "pid" not in report:
            said = process.communicate()[1].decode()
            raise ProgramError(sorry.format(report.get("error") or said))
        self.pid: int = report["pid"]
        self._reader = _thread(self._read)
        self._follower = _thread(self._follow)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def join(self, timeout_s: float = float("inf")) -> int | None:
        """Wait until all has ended; return the exit code, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self._follower.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._follower.join(min(left, 0.5))  # Ctrl-C waits for this, on Windows
        return self.exit_code

    def interrupt(self) -> None:
        """Press Ctrl-C for it and what it started; on Windows it ends at once."""
        self._send(signal.SIGINT, getattr(os, "killpg", os.kill))

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait; on Windows it ends at once."""
        self._send(signal.SIGTERM, os.kill)

    def end(self) -> int | None:
        """End the program and all it started at once; return its exit code."""
        self._lifeline.close()
        if self.join(_END_WITHIN_S) is None:
            self._process.kill()
        return self.join(_END_WITHIN_S)

    def _send(self, number: int, send: Callable[[int, int], None]) -> None:
        if self.exit_code is None and not self._lifeline.closed:
            with contextlib.suppress(OSError):  # it has just ended
                send(self.pid, number)

    def _read(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        chunk = b"-"
        while chunk:
            chunk = self._output.read(65_536)
            if text := decoder.decode(chunk, final=not chunk):
                self._on_output(text)
        self._output.close()

    def _follow(self) -> None:
        report = json.loads(self._reports.readline() or "{}")
        if not report:  # somebody ended the supervisor: do its work
            _end_all(lambda: _marked(self._mark))
        self._process.wait()
        self._lifeline.close()
        self._reports.close()
        self._reader.join(0.5)  # no longer: a process that escaped may hold the output
        self.exit_code = code = report.get("exit", -9 if os.name == "posix" else 1)
        self._on_exit(code)


def _thread(target: Callable[..., object], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _popen(argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # nothing to flush, and no lock held, when a fork closes them
        start_new_session=True,  # Ctrl-C for this process is not for its children
        creationflags=_NEW_GROUP | getattr(subprocess, "CREATE_NO_WINDOW", 0),
        **options,
    )
    _children.add(process)
    return process


def _let_go() -> None:
    """Close a forked child's copies of the pipes, which would keep children alive."""
    for process in _children:
        process.returncode = 0  # the child of another process: no waiting
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_let_go)


def _marked(mark: str) -> set[Any]:
    """Return the processes whose environment names a supervisor."""
    import psutil

    # The supervisor itself has the mark, and so has its parent where python.exe is the
    # launcher of a virtual environment.
    found, ours = set(), {os.getpid(), os.getppid()}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in ours and process.environ().get(MARK) == mark:
                found.add(process)
    return found


def _below() -> set[Any]:
    """Return the processes that this one, a supervisor, has started in any way."""
    import psutil

    # Only Linux leads from a process to its orphans; elsewhere they have the mark.
    found = set() if sys.platform == "linux" else _marked(os.environ[MARK])
    return {*found, *psutil.Process().children(recursive=True)}


def _end_all(find: Callable[[], set[Any]]) -> None:
    """End every process that is found, and those forked meanwhile."""
    import psutil

    frozen: set[Any] = set()
    # Frozen first: a process that is stopped cannot fork away from the next look.
    while new := find() - frozen:
        frozen |= new
        for process in new:
            with contextlib.suppress(psutil.Error, OSError):  # it ended, or is not ours
                process.suspend()
    for process in frozen:
        with contextlib.suppress(psutil.Error, OSError):
            process.kill()


def _adopt() -> None:
    """Be the parent of every process below whose own parent ends, instead of init."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def in_turn(programs: Iterable[tuple[str, str, float]], separator: str) -> str:
    """Run Python programs one after the other, each in a fork of this process.

    For a program of :func:`run`, on Linux, that has loaded what they all import. Each
    has its folder, its text, and the seconds that it may take. What it leaves behind is
    ended; then a line has the separator and its exit code, null if it took too long.

    In each fork this returns the text, to be run at the top level; at last, nothing.
    """
    _adopt()
    for folder, text, seconds in programs:
        if not (pid := os.fork()):
            os.setsid()
            os.chdir(folder)
            return text
        codes: list[int] = []
        ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        reaper = _thread(_reap, SimpleNamespace(pid=pid), codes, ended)
        with contextlib.suppress(queue.Empty):
            ended.get(timeout=seconds)
        code = next(iter(codes), None)
        _end_rest(reaper, codes, _below)
        os.write(1, f"\n{separator} {json.dumps(code)}\n".encode())
    return ""


def _supervise() -> None:
    """Be the supervisor.

    Its arguments are psutil's folder and the program's own. Its standard input is the
    lifeline. It reports on its standard output, as JSON: ``pid`` or ``error``, and at
    the end ``exit``. Its standard error is the program's output.
    """
    _, place, *argv = sys.argv
    sys.path.append(place)
    events: queue.SimpleQueue[None] = queue.SimpleQueue()  # for signal handlers, too
    codes: list[int] = []
    # Caught, not ignored: ignored here, it would be ignored in the program as well.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: events.put(None))
    if sys.platform == "linux":
        _adopt()
    # On Windows a process may have one that serves its console.
    before = _below() if sys.platform == "win32" else set()

    def find() -> set[Any]:
        return _below() - before

    try:
        program: Any = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=2,
            stderr=2,
            start_new_session=True,
            creationflags=_NEW_GROUP,
        )
    except OSError as error:
        _report(error=error.strerror)
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its output ends when it has ended
    _report(pid=program.pid)
    watch(lambda: events.put(None))
    reaper = _thread(_reap, program, codes, events)
    events.get()
    _end_rest(reaper, codes, find)
    _report(exit=codes[0])


def _end_rest(
    reaper: threading.Thread, codes: list[int], find: Callable[[], set[Any]]
) -> None:
    """End what is left; if the program ended by itself, a moment later."""
    # Helpers of multiprocessing end by themselves, a moment after their program.
    patience = time.monotonic() + bool(codes)
    # On Linux nothing is left once nothing is left to reap; elsewhere look for orphans.
    while reaper.is_alive() or (sys.platform != "linux" and find()):
        late_s = time.monotonic() - patience
        if late_s > 5.0:  # there is a process that no signal can end
            break
        if late_s >= 0.0:
            _end_all(find)
        reaper.join(0.02)


def _reap(program: Any, codes: list[int], events: "queue.SimpleQueue[None]") -> None:
    """Note the program's exit code; elsewhere than on Windows, wait for orphans too."""
    if sys.platform == "win32":
        codes.append(program.wait())
        events.put(None)
        return
    with contextlib.suppress(ChildProcessError):  # until no child is left
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == program.pid:
                codes.append(os.waitstatus_to_exitcode(status))
                events.put(None)


def _report(**message: object) -> None:
    with contextlib.suppress(OSError):  # the parent has gone; the work goes on
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    atexit.register(os._exit, 0)  # a thread still reads: an orderly end would wait
    _supervise()
