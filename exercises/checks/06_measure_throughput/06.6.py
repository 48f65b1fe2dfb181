"""06.6: each story is played by real threads, then compared with the prediction."""

import sys
import threading
import time

from labkit.grader.fixtures import points

PREDICTS = "together"
THREADS = 4
PATIENCE_S = 2.0
COMPUTING_S = 0.02


def _run(job):
    crew = [threading.Thread(target=job) for _ in range(THREADS)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def _waiting_together():
    """Let each thread wait until all wait, or for two seconds; count them."""
    here, all_here, most = [], threading.Event(), []

    def wait():
        here.append(1)
        if len(here) == THREADS:
            all_here.set()
        all_here.wait(PATIENCE_S)
        most.append(len(here))
        here.pop()

    _run(wait)
    return max(most)


def _computing_together():
    """Compare the seconds that went by with those that all threads computed."""

    def compute():
        end = time.thread_time() + COMPUTING_S
        while time.thread_time() < end:
            sum(range(100))

    began, computed = time.perf_counter(), time.process_time()
    _run(compute)
    took, computed = time.perf_counter() - began, time.process_time() - computed
    # In turns, 80 ms of computing take 80 ms at least, on a busy machine more. A
    # Python without a GIL may do them in fewer.
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return 1 if gil and computed < 1.2 * took else THREADS


@points(2, "knows how many threads wait and compute at the same time")
def test_threads(prediction):
    """Four threads wait for an answer that never comes; then all do sums."""
    why = "A thread that waits runs no Python, so the lock is free for the others."
    prediction.must_be("wait for an answer", _waiting_together(), why)
    why = "One thread at a time holds the interpreter's lock, so they compute in turns."
    prediction.must_be("compute", _computing_together(), why)
