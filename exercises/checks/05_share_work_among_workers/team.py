"""What the checks of this set share: a plain manager, and workers as processes.

A check imports it by ``importlib``, since the folder's name is no identifier. All of
it is standard library, as an answer is.
"""

import contextlib
import multiprocessing
import os
import queue
import sys
import threading
import time
from multiprocessing.managers import BaseManager, EventProxy

from labkit._checks.rig import until

# Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
CONTEXT = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
PATIENCE_S = 3.0
ENDED_BY = (EOFError, OSError, TypeError)  # what ends a worker of the stories

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


Team.register("get_task_queue", callable=get_tasks)
Team.register("get_result_queue", callable=get_results)
Team.register("get_gate", callable=get_gate, proxytype=EventProxy)


class LambdaTeam(BaseManager):
    """Registered as tutorials do it."""


LambdaTeam.register("get_task_queue", callable=lambda: tasks)


class Crew:
    """A manager, not started yet, and processes that work for it."""

    def __init__(self):
        self.manager = Team(("127.0.0.1", 0), authkey=os.urandom(16), ctx=CONTEXT)
        self.processes = []

    def hire(self, function, *args):
        """Run a function with the manager's queues, in a process of its own."""
        if not is_serving(self.manager):
            raise RuntimeError("a worker has no server to connect to: call start()")
        place = self.manager.address, bytes(self.manager._authkey)
        process = CONTEXT.Process(target=_run, args=(place, function, args))
        process.daemon = True
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


def is_serving(manager):
    """Tell whether the manager's process is there."""
    process = getattr(manager, "_process", None)
    return process is not None and process.is_alive()


def _run(place, function, args):
    address, key = place
    manager = Team(address, authkey=key)
    manager.connect()
    try:
        function(manager, *args)
    except ENDED_BY:
        sys.exit(1)  # as with a traceback, which nobody would read here


def tutorials_worker(manager, last=None):
    """Square what comes; a worker that is to be killed says so in its last task."""
    tasks, results = manager.get_task_queue(), manager.get_result_queue()
    while (n := tasks.get()) is not None:
        if n == last:
            results.put("begun")
            threading.Event().wait()
        results.put(n * n)


def in_turn(manager, number, count):
    """Put a result as soon as those of all later tasks have been put."""
    results = manager.get_result_queue()
    until(lambda: results.qsize() == count - 1 - number)
    results.put(number)


def slow_leaver(manager, jobs):
    """Do jobs in capitals; the first ends last, and after each comes a pause."""
    tasks, results = manager.get_task_queue(), manager.get_result_queue()
    others = manager.get_gate()
    while (task := tasks.get()) is not None:
        number, job = task
        if number == 0:
            others.wait(1)
        results.put((number, job.upper()))
        if number == len(jobs) - 1:
            others.set()
        time.sleep(0.1)  # it tidies up before it looks for more


def deliver(manager, number, after_s, stays):
    """Put the result of one task after a while; then stay, or end a little later."""
    results = manager.get_result_queue()
    time.sleep(after_s)  # the work
    results.put((number, f"result {number}"))
    if stays:
        manager.get_task_queue().get()
    time.sleep(after_s)  # who asks just then must not find a result and a dead worker


def die(_):
    """End in the middle of the work, without a word."""
    os._exit(9)
