"""The one way in which a child process ends with its parent.

A child reads a pipe whose other end its parent alone holds. However the parent ends
(it returns, ``os._exit``, SIGKILL), the system closes that end, and the child ends.

Our own Python children have the pipe as standard input and watch it::

    child = supervised.start("labkit.commands.serve", "--supervised")  # the parent
    supervised.watch(server.stop)                                      # the child

A child of multiprocessing calls ``supervised.end_with_parent()`` first of all.

Any other program runs below a supervisor: this file, run as a script. It watches the
pipe, and ends the program with everything that the program started::

    done = supervised.run([sys.executable, "answer.py"], timeout_s=10)
    program = supervised.Supervised([sys.executable, "shop.py"], on_output=print)
    program.interrupt()
"""

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
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

__all__ = ["Finished", "Supervised", "end_with_parent", "run", "start", "watch"]

MARK = "LABKIT_SUPERVISED"  # an environment variable: what belongs to which supervisor
_HERE = os.path.abspath(__file__)  # noqa: PTH100 - pathlib would slow the supervisor
_END_WITHIN_S = 6.0  # the supervisor itself gives up after 5 s

_Argument = str | os.PathLike[str]
_Find = Callable[[], set[int]]
_children: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()
_starting = threading.RLock()


def start(module: str, *args: str, **env: str) -> "subprocess.Popen[bytes]":
    """Start a Python module, which calls :func:`watch`, as a child of this process.

    Parameters
    ----------
    module, *args : str
        As after ``python -m``.
    **env : str
        Added to the environment.

    Returns
    -------
    subprocess.Popen
        With unbuffered pipes; its standard error is part of its output.
    """
    # -P, and the folder of this very package first: a learner's queue.py beside the
    # notebook must not replace the standard library's.
    home = os.path.dirname(os.path.dirname(_HERE))  # noqa: PTH120
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    return _popen(
        [sys.executable, "-P", "-m", module, *args],
        stderr=subprocess.STDOUT,
        env={**os.environ, **env, "PYTHONPATH": path},
    )


def watch(at_end: Callable[[], object] = lambda: os._exit(0)) -> None:
    """Call a function, in a thread, when the parent has ended or closed the pipe."""

    def read() -> None:
        while os.read(0, 1024):
            pass
        at_end()

    threading.Thread(target=read, daemon=True).start()


def end_with_parent() -> None:
    """End this child of multiprocessing with its parent, which alone gets Ctrl-C."""
    from multiprocessing import connection, parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent, pid = parent_process(), os.getppid()
    if parent is None:
        return

    def look() -> None:
        # A forked brother may hold the sentinel's other end, so look at both.
        while not connection.wait([parent.sentinel], 1.0) and os.getppid() == pid:
            pass
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


class Finished(NamedTuple):
    """What became of a program that :func:`run` ran.

    Attributes
    ----------
    exit_code : int or None
        What it returned; minus the signal that ended it; None if `timed_out`.
    timed_out : bool
        Whether it was ended at the deadline.
    output : str
        Standard output and standard error, in the order they were written.
    truncated : bool
        Whether there was more output; the last line of `output` says how much.
    leftovers : int
        How many other processes outlived the program; they were ended, too.
    duration_s : float
        Seconds from the call until all had ended.
    """

    exit_code: int | None
    timed_out: bool
    output: str
    truncated: bool
    leftovers: int
    duration_s: float


def run(
    argv: Sequence[_Argument],
    *,
    timeout_s: float,
    max_chars: int = 1_000_000,
    stdin_text: str = "",
    cwd: _Argument | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program to its end or a deadline, and end whatever it leaves behind.

    Parameters
    ----------
    timeout_s : float
        Seconds that the program may take; then it and all it started are ended.
    max_chars : int, default 1,000,000
        How much of the beginning of its output is kept.
    argv, stdin_text, cwd, env
        As for :class:`Supervised`, and so are the errors.
    """
    kept, dropped = io.StringIO(), 0

    def keep(text: str) -> None:
        nonlocal dropped
        dropped += len(text) - kept.write(text[: max_chars - kept.tell()])

    began = time.monotonic()
    with Supervised(argv, keep, stdin_text=stdin_text, cwd=cwd, env=env) as program:
        code = program.wait(timeout_s)
        program.end()
    took_s = time.monotonic() - began
    if dropped:
        kept.write(f"\n[output cut: {dropped:,} more characters were dropped]\n")
    left, text = program.leftovers, kept.getvalue()
    return Finished(code, code is None, text, dropped > 0, left, took_s)


class Supervised:
    """A program in the background, in its own session, with everything it starts.

    A context manager that ends them. Every method may be called from any thread; in a
    forked copy of this process they do nothing.

    Parameters
    ----------
    argv : sequence of str or path
        The program and its arguments; not passed through a shell.
    on_output : callable, optional
        Takes each piece of text as it comes, in a thread; the program waits meanwhile.
    on_exit : callable, optional
        Takes the exit code, in a thread, after the last `on_output`.
    stdin_text : str, optional
        What the program reads on standard input.
    cwd : str or path, optional
        The folder it runs in; this process's own by default.
    env : mapping of str to str, optional
        Its whole environment; this process's own by default. Either way Python
        programs write UTF-8 without delay and without colours.

    Attributes
    ----------
    pid : int
        Process id of the program.
    exit_code : int or None
        As in :class:`Finished`; None until all has ended and all output is delivered.
    leftovers : int
        How many other processes it left running; 0 until it has ended.

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
        stdin_text: str = "",
        cwd: _Argument | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        words = [os.fspath(word) for word in argv]
        if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112
            raise _cannot(words[0], f"there is no folder {os.fspath(cwd)!r}")
        self.exit_code: int | None = None
        self.leftovers = 0
        self._on_output, self._on_exit = on_output, on_exit
        self._mark = os.urandom(16).hex()
        # psutil, where it is needed, is in site-packages: no -S there.
        flags = ["-I", "-S"] if sys.platform == "linux" else ["-I"]
        process = _popen(
            [sys.executable, *flags, _HERE],
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=_environment(os.environ if env is None else env, self._mark),
        )
        self._process, self._orders = process, _raw(process.stdin)
        self._reports, self._output = _raw(process.stdout), _raw(process.stderr)
        self._order(json.dumps({"argv": words, "stdin": stdin_text}))
        report = json.loads(self._reports.readline() or "{}")
        if "pid" not in report:
            said = self._output.read(10_000).decode()
            self._close()
            self._output.close()
            raise _cannot(words[0], report.get("error") or said)
        self.pid: int = report["pid"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        self._follower.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def wait(self, timeout_s: float = float("inf")) -> int | None:
        """Wait until all has ended; return the exit code, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        if threading.current_thread() not in (self._reader, self._follower):
            while self._follower.is_alive() and time.monotonic() < deadline:
                # Windows cannot interrupt a longer one with Ctrl-C.
                self._follower.join(min(deadline - time.monotonic(), 0.5))
        return self.exit_code

    def interrupt(self) -> None:
        """Press Ctrl-C for the program and its group (on Windows, Ctrl-Break)."""
        self._order("interrupt")

    def terminate(self) -> None:
        """Ask the program to end: SIGTERM; on Windows it ends at once."""
        self._order("terminate")

    def end(self) -> int | None:
        """End the program and all it started at once; return its exit code."""
        with contextlib.suppress(OSError):
            self._orders.close()
        if self.wait(_END_WITHIN_S) is None:
            self._process.kill()
        return self.wait(_END_WITHIN_S)

    def _order(self, line: str) -> None:
        rest = memoryview(line.encode() + b"\n")
        with contextlib.suppress(OSError, ValueError):  # it has ended
            while rest:
                rest = rest[self._orders.write(rest) or 0 :]

    def _read(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        try:
            while chunk := self._output.read(65_536):
                if text := decoder.decode(chunk):
                    self._on_output(text)
            if text := decoder.decode(b"", final=True):
                self._on_output(text)
        finally:  # whatever `on_output` raised: a full pipe would block the program
            while self._output.read(65_536):
                pass

    def _follow(self) -> None:
        report = json.loads(self._reports.readline() or "{}")
        code, self.leftovers = report.get("exit"), report.get("left", 0)
        if code is None:  # somebody ended the supervisor: do its work
            _end_all(lambda: _marked(self._mark))
            code = -9 if os.name == "posix" else 1
        self._reader.join(0.5)
        self._close()
        if not self._reader.is_alive():  # else somebody who escaped has the output
            self._output.close()
        self.exit_code = code
        self._on_exit(code)

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._orders.close()
        self._process.wait()
        self._reports.close()


def _cannot(program: str, reason: str) -> Exception:
    from labkit.errors import ProgramError  # not at the top: this file is a script, too

    how = "check the name and the path"
    return ProgramError(f"cannot start {program!r}: {reason}; {how}")


def _environment(env: Mapping[str, str], mark: str) -> dict[str, str]:
    # A kernel asks for colours, which a pane would show as codes.
    kept = {k: v for k, v in env.items() if k not in {"FORCE_COLOR", "CLICOLOR_FORCE"}}
    ours = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PYTHON_COLORS": "0"}
    return kept | ours | {MARK: mark}


def _raw(pipe: Any) -> io.FileIO:
    assert isinstance(pipe, io.FileIO)  # noqa: S101 - bufsize=0 makes it so
    return pipe


def _popen(argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    with _starting:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # nothing to flush, and no lock held, when a fork closes them
            start_new_session=True,  # Ctrl-C for this process is not for its children
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
            | getattr(subprocess, "CREATE_NO_WINDOW", 0),
            **options,
        )
        _children.add(process)
    return process


def _let_go_after_fork() -> None:
    # While a forked child held copies of the pipes, no child would see its parent end.
    _starting.release()
    for process in _children:
        process.returncode = 0  # the child of another process: no waiting
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            with contextlib.suppress(OSError):
                stream.close()
    _children.clear()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_starting.acquire,
        after_in_parent=_starting.release,
        after_in_child=_let_go_after_fork,
    )


def _below(root: int) -> set[int]:
    """Return the processes that descend from one, without zombies (Linux)."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError), open(f"{entry.path}/stat", "rb") as file:  # noqa: PTH123
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state not in b"ZX":
                    children.setdefault(int(parent), []).append(int(entry.name))
    found, waiting = set(), [root]
    while waiting:
        new = children.pop(waiting.pop(), [])
        found.update(new)
        waiting += new
    return found


def _marked(mark: str) -> set[int]:
    """Return the processes whose environment says that they are of a supervisor."""
    import psutil

    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                found.add(process.pid)
    # The parent: in a virtual environment on Windows, python.exe is a launcher that
    # runs Python as its child, with the same environment.
    return found - {os.getpid(), os.getppid()}


def _end_all(find: _Find) -> None:
    """End every process that is found, and those forked meanwhile."""
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end
    frozen: set[int] = set()
    # Frozen first: a process that is stopped cannot fork away from the next look.
    while new := find() - frozen:
        frozen |= new
        _send(new, getattr(signal, "SIGSTOP", kill))
    _send(frozen, kill)


def _send(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended, or is not ours to signal
            os.kill(pid, number)


# Below: the supervisor, in a process that runs this file. Its standard input carries
# orders: first {"argv", "stdin"} as a line of JSON, then the words "interrupt" and
# "terminate"; at the end of it all is ended. Standard output carries reports, one JSON
# object a line: {"pid"} or {"error"}, and at the end {"exit", "left"}. Standard error
# is the program's own output: handed on to it, then closed here.


def _supervise() -> None:
    order = json.loads(sys.stdin.buffer.readline() or "null")
    if order is None:  # the parent ended before it said what to start
        return
    events: queue.SimpleQueue[str | int] = queue.SimpleQueue()
    # Caught, not ignored: ignored here, it would be ignored in the program as well.
    signal.signal(signal.SIGINT, lambda *_: None)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: events.put("end"))
    find = _search()
    try:
        program = subprocess.Popen(
            order["argv"],
            stdin=subprocess.PIPE if order["stdin"] else subprocess.DEVNULL,
            stdout=2,
            stderr=2,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except (OSError, ValueError) as error:
        _report(error=getattr(error, "strerror", None) or str(error))
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _report(pid=program.pid)
    _thread(_feed, program, order["stdin"])
    _thread(_listen, events)
    reaper = _thread(_reap, program, events)
    while isinstance(event := events.get(), str) and event != "end":
        _obey(program.pid, event)
    ended = isinstance(event, int)
    left = _leftovers(find, reaper) if ended else len(find() - {program.pid})
    for _ in range(250):  # 5 s: longer only for a process that no signal can end
        _end_all(find)
        reaper.join(0.02)
        if not reaper.is_alive() and not find():
            break
    while not isinstance(event, int):
        event = events.get(timeout=1.0)
    _report(exit=event, left=left)


def _search() -> _Find:
    if sys.platform == "linux":
        # A process whose own parent ends becomes our child, not that of init: walking
        # down from here finds it, whatever session it moved to.
        import ctypes

        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
        return lambda: _below(os.getpid())
    import psutil

    me, mark = psutil.Process(), os.environ[MARK]
    return lambda: _marked(mark) | {child.pid for child in me.children(recursive=True)}


def _report(**message: object) -> None:
    with contextlib.suppress(OSError):  # the parent has gone; the work goes on
        os.write(1, json.dumps(message).encode() + b"\n")


def _thread(target: Callable[..., object], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _feed(program: "subprocess.Popen[bytes]", text: str) -> None:
    if program.stdin:
        with contextlib.suppress(OSError), program.stdin as pipe:
            pipe.write(text.encode(errors="surrogateescape"))


def _listen(events: "queue.SimpleQueue[str | int]") -> None:
    for line in sys.stdin.buffer:
        events.put(line.decode().strip())
    events.put("end")


def _reap(program: "subprocess.Popen[bytes]", events: "queue.SimpleQueue[Any]") -> None:
    # On POSIX this goes on until no child is left, adopted orphans included.
    if sys.platform == "win32":
        events.put(program.wait())
        return
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == program.pid:
                program.returncode = os.waitstatus_to_exitcode(status)
                events.put(program.returncode)


def _obey(pid: int, order: str) -> None:
    # Not by Popen.send_signal: it would reap the program behind the reaper's back.
    with contextlib.suppress(OSError):
        if order == "terminate":
            os.kill(pid, signal.SIGTERM)
        elif order == "interrupt" and sys.platform == "win32":
            os.kill(pid, signal.CTRL_BREAK_EVENT)
        elif order == "interrupt":  # as a terminal does it: to the whole group
            os.killpg(pid, signal.SIGINT)


def _leftovers(find: _Find, reaper: threading.Thread) -> int:
    """Give what the program started a moment to end; return how many have not."""
    # Helpers of multiprocessing need it, and killed early would leave shared memory. A
    # look can miss a process that hands over to a child; the reaper does not.
    deadline = time.monotonic() + 0.5
    while (busy := reaper.is_alive() or bool(find())) and time.monotonic() < deadline:
        reaper.join(0.02)
    return max(len(find()), busy)


if __name__ == "__main__":
    try:
        _supervise()
    except BaseException:  # noqa: BLE001 - reported, and then this process ends anyway
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(
        0
    )  # a thread still reads standard input: an orderly end would trip over it
