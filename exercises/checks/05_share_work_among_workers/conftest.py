"""What the tasks of this set share: a manager of two queues, and processes that work."""

import contextlib
import os
import queue
import sys
import threading
from multiprocessing.managers import BaseManager, EventProxy

import pytest

from labkit.grader.fixtures import CONTEXT, there

ENDED_BY = (EOFError, OSError, TypeError)  # what ends a worker whose server has gone

tasks, results, gate = queue.Queue(), queue.Queue(), threading.Event()


def get_tasks():
    """Hand out the server's queue of tasks."""
    return tasks


def get_results():
    """Hand out the server's queue of results."""
    return results


def get_gate():
    """Hand out the server's event, by which one worker waits for another."""
    return gate


class Team(BaseManager):
    """Offers two queues, and an event."""


Team.register("get_task_queue", callable=there(get_tasks))
Team.register("get_result_queue", callable=there(get_results))
Team.register("get_gate", callable=there(get_gate), proxytype=EventProxy)


class Crew:
    """A manager, not started yet, and processes that work for it."""

    def __init__(self):
        self.manager = Team(("127.0.0.1", 0), authkey=os.urandom(16), ctx=CONTEXT)
        self.original = tasks
        self.processes = []

    @property
    def is_serving(self):
        """Whether the manager's process is there."""
        process = getattr(self.manager, "_process", None)
        return process is not None and process.is_alive()

    def hire(self, function, *args):
        """Run a function with a connected manager, in its own process."""
        if not self.is_serving:
            raise RuntimeError("a worker has no server to connect to: call start()")
        place = self.manager.address, bytes(self.manager._authkey)
        process = CONTEXT.Process(
            target=there(_run), args=(place, there(function), args), daemon=True
        )
        process.start()
        self.processes.append(process)
        return process

    def lend_a_thread(self, function, *args):
        """Run such a function in a thread of this process, which costs less."""

        def run():
            with contextlib.suppress(*ENDED_BY):
                function(self.manager, *args)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def end(self):
        """End whatever is left."""
        server = getattr(self.manager, "_process", None)
        for process in [*self.processes, server]:
            if process is not None and process.is_alive():
                process.kill()
                process.join()


def _run(place, function, args):
    address, key = place
    manager = Team(address, authkey=key)
    manager.connect()
    try:
        function(manager, *args)
    except ENDED_BY:
        sys.exit(1)  # as with a traceback, which nobody would read here


@pytest.fixture
def crew():
    """Lend a crew whose manager is not started."""
    crew = Crew()
    yield crew
    crew.end()
