"""Hand out the tasks of a ledger, and wait as long as one of them is out."""

import contextlib
import functools
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from labkit.commands import cli, jsonlines
from labkit.commands.clients import Intake, patiently
from labkit.commands.ledger import Ledger
from labkit.errors import NotOfferedError, ReceiptError
from labkit.manager import QueueProxy

__all__ = ["WORE_OUT", "Dispatcher"]

POLL_S = 0.5
REPORT_EVERY_S = 3.0
WORE_OUT = "its workers died or took too long, time after time"
SEND_AT_ONCE = 100  # then it looks for results, which take room too


def _say(sentence: str) -> None:
    cli.say("master", sentence)


class Dispatcher:
    """One run of a master over two queues.

    Parameters
    ----------
    ledger : Ledger
        The tasks.
    tasks, results : QueueProxy
        Where tasks go, and where records of them come from.
    retry_for : float
        Seconds to wait for a server that has gone.
    timeout_s : float or None
        Seconds for all tasks; ``None`` waits without end.
    say : callable, optional
        Called with a sentence every few seconds; by default it is the command's.
    watch : callable, optional
        Called again and again; what it raises ends the run.
    """

    def __init__(
        self,
        ledger: Ledger,
        tasks: QueueProxy,
        results: QueueProxy,
        *,
        retry_for: float,
        timeout_s: float | None,
        say: Callable[[str], object] = _say,
        watch: Callable[[], object] = bool,
    ) -> None:
        self.ledger = ledger
        self.tasks = tasks
        self.intake = Intake(results)
        self.retry_for = retry_for
        self.timeout_s = timeout_s
        self.say = say
        self.watch = watch

    def run(self) -> int:
        """Print a record of every task; whatever happens, sum up.

        Returns
        -------
        int
            1 if a task failed or had no result in time, else 0.
        """
        begin = time.monotonic()
        advance = cli.progress(self.ledger.total, "tasks")
        try:
            for record in self.records():
                jsonlines.emit(record)
                advance(1)
        finally:
            spent_s = time.monotonic() - begin
            self.say(f"{self.ledger.summary()}, in {spent_s:.1f} s")
        return cli.Exit.FAILED if self.ledger.failed else cli.Exit.DONE

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield a record of every task, as they come."""
        begin = time.monotonic()
        self.next_report = begin + REPORT_EVERY_S
        while self.ledger.open:
            yield from self._take(POLL_S if self._send() else 0)
            yield from self._look_at_the_clock(time.monotonic() - begin)
            self.watch()

    def _send(self) -> bool:
        """Put some tasks; True if there is nothing more to put for now."""
        unsent = self.ledger.unsent
        for _ in range(min(len(unsent), SEND_AT_ONCE)):
            put = functools.partial(self.tasks.put, unsent[0], block=False)
            try:
                # Put twice at worst: a second record is dropped.
                patiently(put, self.retry_for, again=True)
            except queue.Full:
                return True
            unsent.popleft()
        return not unsent

    def _take(self, timeout: float) -> Iterator[dict[str, Any]]:
        take = functools.partial(self.intake.take, timeout)
        try:
            receipt, record = patiently(take, self.retry_for, again=True)
        except queue.Empty:
            return
        yield from self.ledger.enter(record)
        # Too late, and it comes again, and is dropped then.
        with contextlib.suppress(ReceiptError):
            done = functools.partial(self.intake.done, receipt)
            patiently(done, self.retry_for, again=True)

    def _look_at_the_clock(self, spent_s: float) -> Iterator[dict[str, Any]]:
        if self.timeout_s is not None and spent_s >= self.timeout_s:
            error = f"no result within {self.timeout_s:g} s"
            yield from self.ledger.give_up(list(self.ledger.open), error)
        elif time.monotonic() >= self.next_report and self.ledger.open:
            yield from self._report()
            self.next_report = time.monotonic() + REPORT_EVERY_S

    def _report(self) -> Iterable[dict[str, Any]]:
        """Say how it stands; enter the tasks that the server gave up."""
        waiting = f"waiting for {cli.count_of(len(self.ledger.open), 'task')}"
        try:
            stats = patiently(self.tasks.stats, self.retry_for)
        except NotOfferedError:  # a plain server keeps no account
            self.say(f"{waiting}, {self.tasks.qsize()} still in the queue")
            return ()
        workers = stats.unacked + stats.waiting_consumers
        self.say(
            f"{waiting}: {stats.depth:,} in the queue, {stats.unacked:,} in hand; "
            f"{cli.count_of(workers, 'worker')} connected",
        )
        if not stats.dead:
            return ()
        dead = [item["id"] for item in self.tasks.dead_letters() if self._is_ours(item)]
        return self.ledger.give_up(dead, WORE_OUT)

    def _is_ours(self, item: Any) -> bool:
        return isinstance(item, dict) and item.get("run") == self.ledger.run
