"""The worker processes of one command, as their parent sees them."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing import connection, resource_tracker
from typing import Any

from labkit.commands import cli
from labkit.commands.shift import Plan, work

__all__ = ["Crew"]


class _Member:
    """One worker process."""

    def __init__(self, plan: Plan) -> None:
        # Spawned, not forked: the same on every system, and nobody but this process
        # holds this end of the pipe, by whose end the child knows that we died.
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=work, args=(plan, theirs))
        with _signals_held():
            self.process.start()
        theirs.close()
        self.fate = "it had no task in hand"
        self.was_ready = self.has_ended = False

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send("stop")


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Keep Ctrl-C from a process that is starting; it arrives here afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started later, it would undo the next line
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


class Crew:
    """Start worker processes, hear what they say, replace those that die.

    Parameters
    ----------
    plan : Plan
        What each of them does.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.members: list[_Member] = []
        self.is_stopping = False
        self.done = self.failed = self.code = 0
        self.endings: dict[str, None] = {}  # a set that keeps its order
        self.advance = cli.progress(None, "tasks")

    def run(self, count: int) -> int:
        """Keep ``count`` processes at work until all have ended.

        Returns
        -------
        int
            The exit code: the highest of theirs.
        """
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._stop)
        for _ in range(count):
            self._hire()
        while self.members:
            speakers: dict[Any, _Member] = {}
            for member in self.members:
                speakers |= {member.pipe: member, member.process.sentinel: member}
            ready = connection.wait(list(speakers))
            for member in dict.fromkeys(speakers[speaker] for speaker in ready):
                self._attend(member)
        self._sum_up()
        return self.code

    def _sum_up(self) -> None:
        def is_said_by_another(ending: str) -> bool:
            return any(e.startswith(ending) and e != ending for e in self.endings)

        parts = [ending for ending in self.endings if not is_said_by_another(ending)]
        failed = f", {self.failed:,} of them failed" if self.failed else ""
        parts.append(f"{cli.count_of(self.done, 'task')} done{failed}")
        cli.say("worker", "; ".join(parts))

    def _stop(self, _signum: int, _frame: object) -> None:
        if self.is_stopping:  # the second signal: at once
            for member in self.members:
                member.process.kill()
            os._exit(cli.Exit.INTERRUPTED)
        self.is_stopping = True
        for member in self.members:
            member.stop()

    def _hire(self) -> None:
        member = _Member(self.plan)
        self.members.append(member)
        if self.is_stopping:  # the order came while it was being started
            member.stop()

    def _attend(self, member: _Member) -> None:
        has_died = not member.process.is_alive()
        with contextlib.suppress(EOFError, OSError):
            while member.pipe.poll():
                self._hear(member, member.pipe.recv())
        if not has_died:
            return
        self.members.remove(member)
        member.pipe.close()
        if not member.has_ended:
            self._replace(member)
        member.process.close()

    def _hear(self, member: _Member, message: tuple[Any, ...]) -> None:
        match message:
            case ("ready",):
                member.was_ready = True
            case ("took", name, has_receipt):
                fate = "goes back to the queue" if has_receipt else "is lost"
                member.fate = f"{name}, which it had in hand, {fate}"
            case ("gave", succeeded):
                member.fate = "it had no task in hand"
                self.done += 1
                self.failed += not succeeded
                self.advance(1)
            case ("note", sentence):
                cli.say("worker", sentence)
            case ("ended", code, sentence):
                member.has_ended = True
                self.code = max(self.code, code)
                self.endings[sentence] = None

    def _replace(self, member: _Member) -> None:
        """Say what became of a process that died, and start another."""
        code = member.process.exitcode or 0
        how = f"exit code {code}"
        with contextlib.suppress(ValueError):  # no signal of this system
            how = signal.Signals(-code).name
        sentence = f"process {member.process.pid} died ({how}); {member.fate}"
        if self.is_stopping or not member.was_ready:
            self.endings["not all processes ended by themselves"] = None
            self.code = max(self.code, cli.Exit.FAILED)
        else:
            sentence += "; another takes its place"
            self._hire()
        cli.say("worker", sentence)
