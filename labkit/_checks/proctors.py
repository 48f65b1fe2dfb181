"""Warm examiners: :class:`Proctors` stands in for ``supervised.run``."""

import contextlib
import json
import os
import queue
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from labkit._checks.scratch import environment
from labkit.errors import ProgramError
from labkit.supervised import Finished, Supervised

__all__ = ["Proctors", "can_fork"]

_PROGRAM = Path(__file__).with_name("proctor.py")
_START_S = 30.0
_GRACE_S = 10.0  # beyond a deadline: what the proctor needs to end a large tree


def can_fork() -> bool:
    """Say whether warm examiners work here: elsewhere orphans cannot be found."""
    return sys.platform == "linux"


class _GoneError(Exception):
    """The proctor ended, or says nothing any more."""


class _Program:
    """The warm process below its guard, which forks proctors."""

    def __init__(self) -> None:
        said: list[str] = []
        with (
            tempfile.TemporaryDirectory(prefix="labkit-proctor-") as folder,
            socket.socket(socket.AF_UNIX) as door,
        ):
            path = os.path.join(folder, "door")  # noqa: PTH118 - a string is meant
            door.bind(path)
            door.listen(1)
            door.settimeout(_START_S)
            self._guarded = Supervised(
                [sys.executable, "-P", "-B", str(_PROGRAM), path],
                env=environment(bare=True),
                on_output=said.append,
                on_exit=lambda _: _knock(path),
            )
            try:
                self._control, _ = door.accept()
            except TimeoutError:
                self._guarded.end()
                raise ProgramError("no examiner started within 30 s") from None
        if self._guarded.exit_code is not None:
            self._control.close()
            raise ProgramError(f"no examiner could be started: {''.join(said)}")

    def proctor(self, gone: int) -> "_Proctor":
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"%d" % gone], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise _GoneError from error
        return _Proctor(ours)

    def close(self) -> None:
        self._control.close()
        self._guarded.end()


def _knock(path: str) -> None:
    """Wake whoever waits at the door for a program that has ended."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.connect(path)


class _Proctor:
    """The line to one proctor."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._answers = line.makefile("r", encoding="utf-8")
        self._line.settimeout(_START_S)
        try:
            self.pid = int(self._answers.readline())
        except (OSError, ValueError):
            self.close()
            raise _GoneError from None

    def examine(self, job: dict[str, object], within_s: float) -> dict[str, Any]:
        self._line.settimeout(within_s)
        try:
            self._line.sendall(json.dumps(job).encode() + b"\n")
            answer = json.loads(self._answers.readline())
        except (OSError, ValueError) as error:
            raise _GoneError from error
        assert isinstance(answer, dict)  # noqa: S101 - a proctor says nothing else
        return answer

    def close(self) -> None:
        self._answers.close()
        self._line.close()


class Proctors:
    """Some warm examiners; each runs one answer at a time. A context manager.

    Parameters
    ----------
    count : int
        How many at most; each is started when it is first needed.

    Notes
    -----
    :meth:`run` may be called from several threads.
    """

    def __init__(self, count: int) -> None:
        self._places: queue.LifoQueue[_Proctor | None] = queue.LifoQueue()
        for _ in range(count):
            self._places.put(None)
        self._count = count
        self._program: _Program | None = None
        self._starting = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed = True  # an answer that still runs is ended, and none begins
        self._end_program()
        for _ in range(self._count):
            if (proctor := self._places.get()) is not None:
                proctor.close()

    def _start(self, gone: int = 0) -> _Proctor:
        """Ask for another proctor; when its program has gone, ask a new one.

        What the proctor with the process id `gone` was at has been ended by then.
        """
        with self._starting:
            if self._closed:
                raise ProgramError("the examiners have been ended")
            if self._program:
                try:
                    return self._program.proctor(gone)
                except _GoneError:
                    self._program.close()
            self._program = _Program()
            try:
                return self._program.proctor(0)
            except _GoneError:
                raise ProgramError("the examiner ended as soon as it began") from None

    def _end_program(self) -> None:
        with self._starting:
            if self._program:
                self._program.close()
                self._program = None

    def run(
        self,
        argv: Sequence[str],  # noqa: ARG002 - the signature of supervised.run
        *,
        timeout_s: float,
        cwd: str | os.PathLike[str],
        env: Mapping[str, str],
        stdin_text: str,
        max_output_bytes: int = 1_000_000,
    ) -> Finished:
        """Run the examiner on an answer; as :func:`.supervised.run`, but sooner.

        Parameters
        ----------
        argv : sequence of str
            Ignored: a proctor runs the examiner and nothing else.
        timeout_s, cwd, env, stdin_text, max_output_bytes
            As for :func:`.supervised.run`.

        Returns
        -------
        labkit.supervised.Finished

        Raises
        ------
        ProgramError
            No proctor could be started.
        """
        job: dict[str, object] = {
            "cwd": os.fspath(cwd), "env": dict(env), "stdin": stdin_text,
            "timeout_s": timeout_s, "max_output_bytes": max_output_bytes,
        }  # fmt: skip
        proctor = self._places.get()
        try:
            proctor = proctor or self._start()
            answer = proctor.examine(job, timeout_s + _GRACE_S)
        except _GoneError:  # as when an answer kills its supervisor: see guard
            if proctor:
                proctor.close()
            proctor = self._start(proctor.pid if proctor else 0)
            return Finished(-9, False, "", False, 0, timeout_s)
        except BaseException:  # as the stop button raises: what runs is ended at once
            if proctor:
                proctor.close()
            proctor = None
            self._end_program()
            raise
        finally:
            self._places.put(proctor)
        return Finished(**answer)
