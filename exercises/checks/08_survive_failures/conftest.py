"""What the tasks of this set share: a depot of orders, and packers that get killed."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from labkit import connect
from labkit.grader.fixtures import Program, load, until


class Depot:
    """A queue server, whose queues hold orders."""

    def __init__(self, server):
        self.server, self.manager = server, server.manager
        self.queue, self.kill = server.queue, server.kill
        self.stop = server.manager.shutdown  # as SIGTERM does: its clients are told

    def packer(self, answer, function, orders, *args, **job):
        """Run a function of the answer on a queue, in its own process.

        Parameters
        ----------
        *args
            What the function takes after the queue and the work.
        **job
            ``free``: so many orders are packed at once, the others when the packer is
            told to go on; ``dies_at``: the method of the queue at which it is killed;
            ``error``: what the work raises; ``code``: a program in the answer's place.
        """
        if "code" in job:
            path = Path("packer_of_the_story.py").resolve()
            path.write_text(job["code"], encoding="utf-8")
        else:
            path = answer.path
        place = self.server.address, self.server.authkey, orders.name
        return Packer(_pack, str(path), function, place, args, job)

    @staticmethod
    def open_orders(orders):
        """Count what is not acknowledged: on a receipt, or back since a thread ended."""
        numbers = orders.stats()
        return numbers.unacked + numbers.depth


class Packer(Program):
    """The answer in its own process, until it is killed."""

    def calls(self):
        """Return what it has called on the queue so far."""
        return [name for what, name in self.heard() if what == "call"]

    def did(self, what, order=""):
        """Wait until it has begun or ended an order; False if it has ended before."""

        def done():
            return any(w == what and order in o for w, o in self.heard())

        until(lambda: done() or not self.process.is_alive())
        return done()

    def go_on(self):
        """Let the work at hand come to its end."""
        self.tell("go on")

    def terminate(self):
        """Send SIGTERM."""
        self.signal("SIGTERM")


class _Spied:
    """A queue that tells what is called on it, and may die of it."""

    def __init__(self, orders, tell, dies_at):
        self._orders, self._tell, self._dies_at = orders, tell, dies_at

    def __getattr__(self, name):
        method = getattr(self._orders, name)

        def call(*args, **kwds):
            self._tell("call", name)
            if name == self._dies_at:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
            return method(*args, **kwds)

        return call


def _pack(wire, path, function, place, args, job):
    """Be a packer."""
    address, key, name = place
    answer = load(path)
    lock = threading.Lock()
    may_end = threading.Semaphore(job.get("free", 0))

    def tell(what, about):
        with lock:
            wire.send((what, str(about)))

    def obey():
        while (word := wire.recv()) == "go on":
            may_end.release()
        signal.raise_signal(getattr(signal, word))

    def work(order):
        tell("begin", order)
        may_end.acquire()
        if "error" in job:
            raise job["error"]
        tell("end", order)

    threading.Thread(target=obey, daemon=True).start()
    orders = _Spied(connect(address, key).get_queue(name), tell, job.get("dies_at"))
    sys.exit(getattr(answer, function)(orders, work, *args))


@pytest.fixture
def depot(queue_server):
    """Lend a depot."""
    return Depot(queue_server)
