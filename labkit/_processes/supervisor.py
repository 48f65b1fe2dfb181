"""Stand between a kernel and one program, so that nothing outlives the kernel.

:mod:`.guard` starts :func:`run` of this module in a bare Python, once per
background program. It imports little, because its start is part of every
program's start. Its three standard streams are pipes to the kernel:

- standard input carries orders, and is the lifeline: at its end of file, whatever
  the reason, the program and everything it started are ended at once;
- standard output carries reports, one JSON object a line:
  ``{"pid": 7}`` or ``{"error": "..."}``, then ``{"exit": 0}``, then ``{"left": 2}``;
- standard error is the program's own output pipe, handed on to the program and then
  closed here, so that no output passes through, or is lost with, this process.

The first line on standard input is a JSON object: ``argv``, ``stdin`` (text), ``mark``.
The other lines are the words ``interrupt`` and ``terminate``.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from labkit._processes.trees import descendants, end_processes, marked

# Helpers of multiprocessing end a moment after the program that started them; they
# are not left over, and killing them early would leave shared memory behind.
_GRACE_S = 0.5
_ROUND_S = 0.02
_ROUNDS = 250  # 5 s: longer only for a process that no signal can end

_Find = Callable[[], set[int]]
_Events = queue.SimpleQueue[str | int]


def adopt_orphans() -> bool:
    """Become the parent of every process below whose own parent ends (Linux)."""
    # Linux: a process whose parent has ended becomes our child, not that of init, so
    # that walking down from here finds it whatever session it moved to.
    if sys.platform != "linux":
        return False
    import ctypes

    set_child_subreaper = 36
    return bool(ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0)


def _search(mark: str) -> _Find:
    if adopt_orphans():
        return lambda: descendants(os.getpid())

    def find() -> set[int]:
        found = marked(mark)
        if sys.platform != "linux":
            import psutil

            with contextlib.suppress(psutil.Error):
                mine = psutil.Process().children(recursive=True)
                found |= {child.pid for child in mine}
        return found

    return find


def _catch_signals(events: _Events) -> None:
    # Also for the program: a signal ignored here would stay ignored there, while a
    # caught one is back at its default. (A kernel ignores SIGINT between its cells.)
    signal.signal(signal.SIGINT, lambda *_: None)
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: events.put("end"))


def _start(argv: list[str], stdin: str) -> subprocess.Popen[bytes]:
    source: int = subprocess.DEVNULL
    if stdin:
        import tempfile

        file = tempfile.TemporaryFile()  # noqa: SIM115 - the program reads it later
        file.write(stdin.encode(errors="surrogateescape"))
        file.seek(0)
        source = os.dup(file.fileno())
    return subprocess.Popen(
        argv,
        stdin=source,
        stdout=2,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _let_go_of_output() -> None:
    # The reader sees the end of the output when the program and its tree have ended.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _report(**message: object) -> None:
    with contextlib.suppress(OSError):  # the kernel has gone; the work goes on
        os.write(1, json.dumps(message).encode() + b"\n")


def _listen(events: _Events) -> None:
    for line in sys.stdin.buffer:
        events.put(line.decode().strip())
    events.put("end")


def reap(program: subprocess.Popen[bytes], events: _Events) -> None:
    """Wait for the end of every child, and put the program's exit code."""
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


def _obey(program: subprocess.Popen[bytes], order: str) -> None:
    # Not by Popen.send_signal: it would reap the program behind the reaper's back.
    with contextlib.suppress(OSError):
        if order == "terminate":
            os.kill(program.pid, signal.SIGTERM)
        elif order == "interrupt" and sys.platform == "win32":
            os.kill(program.pid, signal.CTRL_BREAK_EVENT)
        elif order == "interrupt":  # as a terminal does it: to the whole group
            os.killpg(program.pid, signal.SIGINT)


def wait_for_stragglers(find: _Find, reaper: threading.Thread) -> int:
    """Give what the program started a moment to end; return how many have not."""
    # A look at the processes can miss one that hands over to a
    # child at that moment; that the reaper still has something to wait for does not.
    deadline = time.monotonic() + _GRACE_S
    while (busy := reaper.is_alive() or bool(find())) and time.monotonic() < deadline:
        reaper.join(_ROUND_S)
    return max(len(find()), busy)


def end_all(find: _Find, reaper: threading.Thread) -> None:
    """End every process that is found, until the reaper has none to wait for."""
    for _ in range(_ROUNDS):
        end_processes(find)
        reaper.join(_ROUND_S)
        if not reaper.is_alive() and not find():
            return


def _watch(program: subprocess.Popen[bytes], events: _Events, find: _Find) -> None:
    for target, arguments in ((_listen, (events,)), (reap, (program, events))):
        reaper = threading.Thread(target=target, args=arguments, daemon=True)
        reaper.start()
    while isinstance(event := events.get(), str) and event != "end":
        _obey(program, event)
    if isinstance(event, int):
        _report(exit=event)
        left = wait_for_stragglers(find, reaper)
    else:
        left = len(find() - {program.pid})
    end_all(find, reaper)
    while not isinstance(event, int):
        event = events.get(timeout=1.0)
        if isinstance(event, int):
            _report(exit=event)
    _report(left=left)


def main() -> None:
    """Start the program, obey the kernel, and leave nothing behind."""
    order = json.loads(sys.stdin.buffer.readline() or "null")
    if order is None:  # the kernel ended before it said what to start
        return
    events: _Events = queue.SimpleQueue()
    _catch_signals(events)
    find = _search(order["mark"])
    try:
        program = _start(order["argv"], order["stdin"])
    except (OSError, ValueError) as error:
        _report(error=getattr(error, "strerror", None) or str(error))
        return
    _let_go_of_output()
    _report(pid=program.pid)
    _watch(program, events, find)


def run() -> None:
    """Be the supervisor's process, from start to end."""
    try:
        main()
    except BaseException:  # noqa: BLE001 - told, and then this process ends anyway
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    # A thread still reads standard input; an orderly exit would trip over it.
    os._exit(0)
