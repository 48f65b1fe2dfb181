"""05.4: a master waits for the slow, does not wait for the dead, and loses nothing."""

import os
import time

import pytest

from labkit.grader.fixtures import points, shown

NO_END = (
    "Wait while a worker lives, and no longer: ask is_alive(), and name the timeout of "
    "get(), whose first argument is block."
)
ADVICE = "Return two things: a dictionary, and a set of ids."
SLOW_S = 0.3


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


@pytest.fixture
def results(crew):
    """Return the queue of results of a started manager."""
    crew.manager.start()
    return crew.manager.get_result_queue()


def _collect(answer, results, workers, ids):
    call = answer.call("collect", results=results, workers=workers, ids=ids)
    got = call.returns(NO_END, advice=ADVICE)
    shape = isinstance(got, tuple | list) and [type(part) for part in got] == [
        dict,
        set,
    ]
    assert shape, f"{call} returned {shown(got)}; expected a dictionary and a set."
    return call, *got


@points(2, "waits for a slow worker")
def test_slow_worker_is_waited_for(answer, crew, results):
    """The result comes after a while; then the worker waits for another task."""
    worker = crew.hire(deliver, 0, SLOW_S, True)
    call, found, missing = _collect(answer, results, [worker], [0])
    assert found == {0: "result 0"}, (
        f"{call} gave up task {missing}, which needed {SLOW_S} s, while its worker was "
        "alive; expected {0: 'result 0'}. Silence does not tell a slow worker from a "
        "dead one: ask is_alive()."
    )
    assert missing == set(), f"{call} missed {missing}; expected set()."


@points(2, "does not wait for a dead one, and names its task")
def test_dead_worker_is_not_waited_for(answer, crew, results):
    """Of two workers one dies with its task, and the other one is slow."""
    dead = crew.hire(die)
    slow = crew.hire(deliver, 1, SLOW_S, False)
    call, found, missing = _collect(answer, results, [dead, slow], [0, 1])
    assert found == {1: "result 1"}, (
        f"{call} returned {shown(found)}, with one worker dead and the other one at task 1 "
        f"for {SLOW_S} s; expected {{1: 'result 1'}}. Go on as long as any of them "
        "lives."
    )
    assert missing == {0}, (
        f"{call} said that {missing} is missing; expected {{0}}, the task that was in "
        "the dead worker's hands."
    )


class _LastWords:
    """A worker that puts its result, and ends, in the moment before it is looked at."""

    def __init__(self, results):
        self._results, self._said = results, False

    @property
    def exitcode(self):
        """What it ended with."""
        return int(self.is_alive())

    def is_alive(self):
        """Say no; what it had to put is in the queue by then."""
        if not self._said:
            self._said = True
            self._results.put((0, "result 0"))
        return False

    def join(self, _=None):
        """Wait for its end."""
        self.is_alive()


class _Counted:
    """A queue that counts the looks into it."""

    def __init__(self, results):
        self._results, self.looks = results, 0

    def __getattr__(self, name):
        self.looks += name.startswith("get")
        return getattr(self._results, name)


@points(2, "finds what a worker put in its last moment")
def test_last_result_is_found(answer, results):
    """Between two lines of the master a worker puts its result and ends."""
    counted = _Counted(results)
    call, found, missing = _collect(answer, counted, [_LastWords(results)], [0])
    assert counted.looks or found, (
        f"{call} missed {missing}: no worker was alive any more, and it did not look "
        "into the queue; expected {0: 'result 0'}, which was there. What a worker has "
        "put outlives it."
    )
    assert found == {0: "result 0"}, (
        f"{call} missed {missing}: the worker put its result and ended between a look "
        "into the queue and is_alive(); expected {0: 'result 0'}. Ask first who is "
        "alive, then look into the queue: what a dead worker has put is there by then."
    )
