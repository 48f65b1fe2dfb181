"""05.6: task_master.py serves its workers until the last one has gone home."""

import contextlib
import queue

from labkit.grader.fixtures import START_METHODS, client_of, points, shown, until

KEY = b"beans"
NAMES = "get_task_queue", "get_result_queue"
TASKS = [*range(10), None, None]
TEXTS = [f"{n} * {n} = {n * n}" for n in range(10)]
GONE = (
    "The server of task_master.py was gone while its workers were still busy; "
    "expected shutdown() to wait until each worker has answered its None with None."
)


def _begin(script, method):
    """Be the workers: take all tasks; return the program and its queue of results."""
    program = script("task_master.py", method=method)
    tasks, results = program.queues(KEY, *NAMES)
    taken = []
    try:
        while len(taken) < len(TASKS):
            taken.append(tasks.get(timeout=2))
    except queue.Empty:
        pass
    except (EOFError, OSError):
        raise AssertionError(program.trouble() or GONE) from None
    assert taken, (
        f"The queue that {program} serves stayed empty; expected ten numbers. The queue "
        "of the master's own process is another one: put through the proxy that the "
        "manager returns."
    )
    assert taken == TASKS, (
        f"{program} put {shown(taken)}; expected 0 to 9, then None for each of the two "
        "workers."
    )
    return program, results


def _put(program, results, *items):
    try:
        for item in items:
            results.put(item)
    except (EOFError, OSError):
        raise AssertionError(program.trouble() or GONE) from None


def _last_goodbye(results):
    """Go home; a master that shuts down then may be quicker than its answer."""
    with contextlib.suppress(EOFError, OSError):
        results.put(None)


@points(3, "hands out ten tasks and prints ten results, on every start method")
def test_results(script):
    """The workers do what there is to do, and go home."""
    for method in START_METHODS:
        program, results = _begin(script, method)
        _put(program, results, *TEXTS, None)
        _last_goodbye(results)
        program.must_end("Both workers have gone home: shut the manager down.")
        lost = [text for text in TEXTS if text not in program.said()]
        assert not lost, (
            f"{program} did not print {shown(lost)}; expected a line for each result."
        )


@points(2, "shuts down when the last worker has gone home, and not before")
def test_waits_for_workers(script):
    """All results are there, and one worker of two has not gone home."""
    program, results = _begin(script, "spawn")
    _put(program, results, *TEXTS, None)
    until(lambda: not program.process.is_alive(), 0.4)
    assert program.process.is_alive(), program.trouble() or GONE
    _last_goodbye(results)
    program.must_end("Both workers have gone home: shut the manager down.")
    try:
        client_of(results._token.address, KEY)
    except OSError:
        return
    raise AssertionError(
        "task_master.py has ended, and its server still listens; expected shutdown()."
    )
