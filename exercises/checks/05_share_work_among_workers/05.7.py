"""05.7: task_worker.py squares what comes, and goes home when it is sent there."""

import pytest

from labkit.grader.fixtures import START_METHODS, Plain, points, shown, until

KEY = b"beans"
TEXTS = ["3 * 3 = 9", "0 * 0 = 0"]


@pytest.fixture
def work(script, serve):
    """Give a worker two tasks and two None; return what it put, and what it left."""

    def work(method):
        server = serve(Plain, ("127.0.0.1", 0), KEY)
        tasks, results = (
            server.manager.get_task_queue(),
            server.manager.get_result_queue(),
        )
        program = script("task_worker.py", server.address[1], method)
        tasks.put(3)
        until(lambda: results.qsize() or not program.process.is_alive(), 2)
        for task in (0, None, None):
            tasks.put(task)
        program.must_end("None sends a worker home.")
        return program, [results.get() for _ in range(results.qsize())], tasks.qsize()

    return work


@points(2, "squares every number, on every start method")
def test_squares(work):
    """Two numbers come, the second one late."""
    for method in START_METHODS:
        program, texts, _ = work(method)
        assert texts, (
            f"{program} has ended, and the server's queue of results is empty; expected "
            f"{TEXTS}. Both queues are the server's: ask the manager for them."
        )
        assert texts[:2] == TEXTS, (
            f"{program} put {shown(texts)} for 3 and 0; expected {TEXTS}. Only None "
            "is no task."
        )


@points(1, "takes one None, and answers it with one")
def test_goes_home(work):
    """There is a None for another worker, too."""
    program, texts, left = work("spawn")
    assert texts[2:] == [None], (
        f"{program} put {shown(texts[2:])} when it got its None; expected one None. The "
        "master counts who has gone home."
    )
    assert left == 1, (
        f"{program} left {left} items in the queue of tasks; expected 1, the None of the "
        "other worker."
    )
