"""One process of ``python -m labkit worker``: receive, do the job, report, ack."""

import os
import queue
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit import errors
from labkit.commands import cli
from labkit.commands.clients import Intake, open_queue, patiently
from labkit.commands.jobs import Job, load_job, name_of, perform
from labkit.manager import Address, QueueProxy, connect, shown

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Plan", "work"]

POLL_S = 0.5  # how long a worker without a task may not hear that it shall stop
GRACE_S = 2.0  # how long the call of such a worker may hang, in a frozen server


@dataclass(frozen=True)
class Plan:
    """What a worker process is told; it crosses to it as a pickle, over a pipe.

    Attributes
    ----------
    address, authkey
        The server.
    queue, results : str
        Where tasks come from, and where what came of them goes.
    job : str
        See :func:`.jobs.load_job`.
    visibility_s : float
        Until a task goes back to the queue.
    idle_s : float
        Stop when no task came for so long; may be infinite.
    retry_for : float
        Seconds to wait for a server that has gone.
    """

    address: Address
    authkey: bytes = field(repr=False)
    queue: str
    results: str
    job: str
    visibility_s: float
    idle_s: float
    retry_for: float


def work(plan: Plan, pipe: "Connection") -> None:
    """Work until told to stop, or until there is nothing to work on.

    The target of a worker process.

    Parameters
    ----------
    plan : Plan
        What to do.
    pipe : multiprocessing.connection.Connection
        To the process that started this one. It hears what happens, as tuples:
        ``("ready",)``, ``("took", name, on a receipt)``, ``("gave", succeeded)``,
        ``("note", sentence)``, ``("ended", exit code, sentence)``. What it says
        means stop; when it has gone, this process ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    shift = _Shift(plan, pipe)
    signal.signal(signal.SIGTERM, lambda *_: shift.stopping.set())
    if hasattr(signal, "pthread_sigmask"):  # the parent held them back until here
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=shift.obey, daemon=True).start()
    shift.run()


class _Shift:
    def __init__(self, plan: Plan, pipe: "Connection") -> None:
        self.plan = plan
        self.pipe = pipe
        self.stopping = threading.Event()
        self.in_hand: str | None = None
        self.is_delivered = False

    def tell(self, *message: Any) -> None:
        try:
            self.pipe.send(message)
        except OSError:  # the parent has gone; see obey
            os._exit(1)

    def obey(self) -> None:
        """Wait for the order to stop, or for the end of the parent."""
        try:
            self.pipe.recv()
            self.stopping.set()
            while not self.pipe.poll(GRACE_S):
                if self.in_hand is None:  # its call hangs, in a frozen server
                    self.tell("ended", cli.Exit.DONE, "stopped")
                    os._exit(0)
        except (EOFError, OSError):
            pass
        # However the parent ended, the system has closed its end of the pipe. The
        # task in hand goes back to the queue when our connection ends.
        os._exit(1)

    def run(self) -> None:
        try:
            ending = self._work()
        except cli.GONE:
            ending = self._gone()
        except errors.WrongKeyError as error:  # another server than before
            ending = cli.Exit.NO_SERVER, str(error)
        except errors.LabkitError as error:
            ending = cli.Exit.BAD_INPUT, str(error)
        self.tell("ended", *ending)

    def _gone(self) -> tuple[int, str]:
        where = f"the server at {shown(self.plan.address)}"
        if self.in_hand is None:
            return cli.Exit.DONE, f"{where} has ended"
        if self.is_delivered:
            return (
                cli.Exit.DONE,
                f"{where} has ended; the result of {self.in_hand} was delivered before",
            )
        sentence = (
            f"{where} has ended; {self.in_hand} was in hand: its result is not "
            "delivered, and it is done again only if the server kept a journal"
        )
        return cli.Exit.NO_SERVER, sentence

    def _work(self) -> tuple[int, str]:
        plan = self.plan
        job = load_job(plan.job)
        manager = connect(plan.address, plan.authkey, plan.retry_for)
        intake = Intake(open_queue(manager, plan.queue), plan.visibility_s)
        results = open_queue(manager, plan.results)
        self.tell("ready")
        idle_since = time.monotonic()
        while not self.stopping.is_set():
            if self._one(intake, job, results):
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= plan.idle_s:
                return cli.Exit.DONE, f"no task came for {plan.idle_s:g} s"
        return cli.Exit.DONE, "stopped"

    def _one(self, intake: Intake, job: Job, results: QueueProxy) -> bool:
        """Do one task; False if none came."""
        retry_for = self.plan.retry_for
        try:
            receipt, item = patiently(
                lambda: intake.take(POLL_S), retry_for, again=True
            )
        except queue.Empty:
            return False
        self.in_hand, self.is_delivered = name_of(item), False
        self.tell("took", self.in_hand, intake.has_receipts)
        record = perform(job, item)
        # Delivered twice at worst: a master drops what it has by its id.
        patiently(lambda: results.put(record), retry_for, again=True)
        self.is_delivered = True
        self.tell("gave", "error" not in record)
        try:
            patiently(lambda: intake.done(receipt), retry_for, again=True)
        except errors.ReceiptError:
            # After a lost connection too: what it had received went back.
            self.tell("note", f"{self.in_hand} had been handed out again meanwhile")
        self.in_hand = None
        return True
