"""Run many answers without starting Python and pytest for each: fork a warm one.

Only for the gate in test_exercises, where hundreds of answers are known and tame. It
stands in for ``labkit.guard.run``; what the real one promises has tests of its own.
Run as a program it is the warm process: a job on each line of its standard input.
"""

import contextlib
import gc
import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Warm:
    """Some warm processes; each runs one answer at a time."""

    def __init__(self, count):
        self._idle = queue.SimpleQueue()
        self._all = [
            subprocess.Popen(
                [sys.executable, "-P", "-B", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for _ in range(count)
        ]
        for one in self._all:
            self._idle.put(one)

    def run(self, argv, *, timeout_s, cwd, env, stdin_text):
        """Do as labkit.guard.run does, for the program that this file has loaded."""
        from labkit.guard import Finished

        assert Path(argv[-1]).name == "examiner.py"
        job = {"cwd": str(cwd), "env": env, "job": stdin_text, "timeout_s": timeout_s}
        one = self._idle.get()
        one.stdin.write(json.dumps(job) + "\n")
        one.stdin.flush()
        answer = json.loads(one.stdout.readline())
        self._idle.put(one)
        return Finished(**answer, truncated=False, leftovers=0, duration_s=0.0)

    def close(self):
        """End them."""
        for one in self._all:
            one.communicate()


def child(job, output):
    """Become the examiner of one answer."""
    os.setsid()
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    stdin = Path(job["cwd"]).with_name("job.json")
    stdin.write_text(job["job"], encoding="utf-8")
    for handle, path, flags in ((0, stdin, os.O_RDONLY), (1, output, os.O_WRONLY)):
        os.dup2(os.open(path, flags | os.O_CREAT, 0o600), handle)
    os.dup2(1, 2)
    # As Python opens them at its start; they are closed with the process.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    examiner.main()


def parent(pid, timeout_s):
    """Wait for the child; at the end of its time, or of itself, end its session."""
    until = time.monotonic() + timeout_s
    status = None
    while status is None and time.monotonic() < until:
        done, how = os.waitpid(pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(how) if done else None
        time.sleep(0 if done else 0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    return status


def main():
    """Fork for each job, and tell what became of it."""
    gc.freeze()  # else a child's first collection would copy all that it shares
    for line in sys.stdin:
        job = json.loads(line)
        output = Path(job["cwd"]).with_name("output")
        output.touch()
        pid = os.fork()
        if pid == 0:
            try:
                child(job, output)
            finally:
                os._exit(1)
        code = parent(pid, job["timeout_s"])
        said = output.read_text(encoding="utf-8", errors="replace")
        answer = {"exit_code": code, "timed_out": code is None, "output": said}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import pytest  # noqa: F401 - this is what takes the time

    from labkit import examiner, examplugin, plainserver  # noqa: F401

    main()
