"""The program that keeps an examiner warm, and forks one for each answer (Linux).

Starting Python and loading pytest takes most of the time of an examination. Here both
are done once. The program forks proctors, one for each descriptor that it is handed
over the Unix socket it is started with; a proctor forks an examiner for each answer,
one after the other, and does what :mod:`.supervisor` does for a program:
whatever the answer started is ended with it. All this runs below a guard, which ends
it when the grader ends, in whatever way.

Each line that a proctor reads is a job in JSON; each line it answers says how the job
ended.
"""

import contextlib
import io
import json
import os
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
from typing import Any

_FOLDER_BYTES = 200_000_000  # more than that an answer may not keep in its folder
_LOOK_EVERY_S = 0.2

TOO_LARGE = "filled its folder with more than 200 MB: ended"
"""What is noticed of an answer that writes too much."""


class _Child:
    """What :func:`.supervisor.reap` knows of the program it waits for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None


def main(path: str) -> None:
    """Fork proctors until nobody asks for any more."""
    from labkit._processes import supervisor

    supervisor.adopt_orphans()
    proctors: set[int] = set()
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(path)
        while True:
            gone, lines, *_ = socket.recv_fds(control, 20, 1)
            if not lines:
                return
            _tidy(proctors, int(gone))
            pid = os.fork()
            if pid == 0:
                control.close()
                _serve(lines[0])
                os._exit(0)
            proctors.add(pid)
            os.close(lines[0])


def _tidy(proctors: set[int], gone: int) -> None:
    """End a proctor that has gone, if not 0, and what an answer of it left."""
    from labkit._processes.trees import descendants, end_processes

    if gone in proctors:
        # Its orphans are ours no sooner than it has been waited for.
        os.kill(gone, signal.SIGKILL)
        os.waitpid(gone, 0)
        proctors.discard(gone)
    end_processes(lambda: descendants(os.getpid(), spare=proctors))
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitpid(-1, os.WNOHANG)[0]:
            proctors.discard(ended)


def _serve(line: int) -> None:
    """Be a proctor."""
    from labkit._processes import supervisor

    supervisor.adopt_orphans()
    with (
        socket.socket(fileno=line) as talk,
        talk.makefile("r", encoding="utf-8") as jobs,
    ):
        talk.sendall(b"%d\n" % os.getpid())  # what others left is ended by now
        for job in jobs:
            answer = examine(json.loads(job), [talk.fileno()])
            talk.sendall(json.dumps(answer).encode() + b"\n")


def examine(job: dict[str, Any], private: list[int]) -> dict[str, object]:
    """Run one answer, and everything it starts, to the end.

    Parameters
    ----------
    job : dict
        ``cwd``, ``env``, ``stdin`` (what the examiner reads), ``timeout_s``,
        ``max_output_bytes``.
    private : list of int
        Descriptors that the answer must not have.

    Returns
    -------
    dict
        The fields of :class:`.guard.Finished`.
    """
    from labkit._processes.captures import Head

    head = Head(job["max_output_bytes"])
    reading, writing = os.pipe()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become_examiner(job, writing, [*private, reading])
    os.close(writing)
    reader = threading.Thread(target=_read, args=(reading, head), daemon=True)
    reader.start()
    ended = _await(pid, started + job["timeout_s"], job)
    reader.join(1.0)
    return {
        **ended,
        "output": head.text(),
        "truncated": head.dropped > 0,
        "duration_s": time.monotonic() - started,
    }


def _read(reading: int, head: Any) -> None:
    with open(reading, "rb", buffering=0) as output:
        while chunk := output.read(65_536):
            head(chunk)


def _await(pid: int, until: float, job: dict[str, Any]) -> dict[str, object]:
    """Wait for the end of an examiner, or bring it about, and end what it started."""
    from labkit._processes import supervisor

    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    child: Any = _Child(pid)
    reaper = threading.Thread(target=supervisor.reap, args=(child, events), daemon=True)
    reaper.start()
    place = os.path.dirname(job["cwd"])  # noqa: PTH120 - a string is meant
    code, too_large = None, False
    while code is None and not too_large and (rest := until - time.monotonic()) > 0:
        with contextlib.suppress(queue.Empty):
            code = events.get(timeout=min(rest, _LOOK_EVERY_S))
        too_large = code is None and _size(place) > _FOLDER_BYTES
    left = _end_others(pid, reaper, in_time=code is not None)
    if too_large:
        code = events.get(timeout=1.0)
        _tell(job)
    return {"exit_code": code, "timed_out": code is None, "leftovers": left}


def _end_others(pid: int, reaper: threading.Thread, *, in_time: bool) -> int:
    """End what an examiner started, itself if it runs; return how many there were."""
    from labkit._processes import supervisor
    from labkit._processes.trees import descendants

    def find() -> set[int]:
        return descendants(os.getpid())

    reaper.join(0.002)
    if not reaper.is_alive():  # nothing is left to wait for
        return 0
    if in_time:
        left = supervisor.wait_for_stragglers(find, reaper)
    else:
        left = len(find() - {pid})
    supervisor.end_all(find, reaper)
    return left


def _tell(job: dict[str, Any]) -> None:
    """Add to the report what the examiner cannot know."""
    from labkit._checks import examiner

    paper = json.loads(job["stdin"])
    report = examiner.Report(paper["report"], paper["seal"])
    report(state="noticed", what=TOO_LARGE)


def _size(folder: str) -> int:
    """Add up the sizes of the files below a folder; each is looked at, not read."""
    total, waiting = 0, [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _become_examiner(job: dict[str, Any], output: int, private: list[int]) -> None:
    """Turn this fork into what a fresh examiner would be, and never return."""
    from labkit._checks import examiner

    try:
        os.setsid()
        os.chdir(job["cwd"])
        os.environ.clear()
        os.environ.update(job["env"])
        tempfile.tempdir = None  # found anew, in that environment
        for descriptor in private:
            os.close(descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        _open_streams()
        sys.modules["__main__"] = examiner  # what a spawned child imports
        examiner.main(job["stdin"])
    finally:
        os._exit(1)


def _open_streams() -> None:
    def stream(number: int) -> io.TextIOWrapper:
        raw = io.FileIO(number, "w", closefd=False)
        return io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)

    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = stream(1), stream(2)


if __name__ == "__main__":
    import gc
    from pathlib import Path

    sys.path.append(str(Path(__file__).resolve().parents[2]))

    import pytest  # noqa: F401 - loaded here, so that no examination has to

    from labkit._checks import examiner, examplugin, plainserver, witness  # noqa: F401

    gc.freeze()  # what is there stays shared with the forks
    main(sys.argv[1])
