"""11.4: measurements that are disturbed now and then, and a limit to be found."""

import collections

from labkit.grader.fixtures import points, shown

NO_WAIT = "busy() returns at once: nothing here waits."


class _Busy:
    """Runs of tasks by length; each gives its next value, then the first again."""

    def __init__(self, runs):
        self.runs = runs
        self.calls = collections.Counter()

    def __call__(self, task_s):
        values = self.runs[task_s]
        self.calls[task_s] += 1
        return values[(self.calls[task_s] - 1) % len(values)]


def _must_be(answer, runs, wanted, why, repeats=1):
    busy = _Busy(runs)
    call = answer.call("shortest", busy=busy, lengths=list(runs), repeats=repeats)
    got = call.returns(NO_WAIT)
    assert set(busy.calls.values()) == {repeats}, (
        f"{call} measured each length {max(busy.calls.values(), default=0)} times; "
        f"expected {repeats}, as repeats says. One run may be the disturbed one."
    )
    assert got == wanted, f"{call} returned {shown(got)}; expected {wanted}. {why}"


@points(1, "finds the length among steady measurements")
def test_finds_the_length(answer):
    """Steady runs, the lengths in no order."""
    runs = {0.01: [0.97], 0.001: [0.7], 0.1: [0.99], 0.003: [0.9]}
    why = (
        "At 0.001 the workers were busy for 0.7 of their time, at 0.003, 0.01 and 0.1 "
        "for 0.9 or more. The lengths come in any order."
    )
    _must_be(answer, runs, 0.003, why)


@points(2, "is not misled by a disturbed run")
def test_is_not_disturbed(answer):
    """One run of five is far too low, or too high."""
    runs = {
        0.001: [0.6, 0.6, 1.0, 0.6, 0.6],
        0.003: [0.93, 0.1, 0.92, 0.93, 0.94],
        0.01: [0.98] * 5,
    }
    why = (
        "One run of five was disturbed: a mean follows it, and so does the best or the "
        "worst; the median does not."
    )
    _must_be(answer, runs, 0.003, why, repeats=5)


@points(1, "holds for each longer task, too")
def test_from_there_on(answer):
    """A short length looks good, a longer one is not."""
    runs = {0.001: [0.91], 0.003: [0.8], 0.01: [0.95], 0.03: [0.99]}
    why = (
        "Tasks of 0.003 kept the workers busy for 0.8 of their time: what holds from a "
        "length on holds at each longer one."
    )
    _must_be(answer, runs, 0.01, why)


@points(1, "returns None where no task is long enough")
def test_there_may_be_none(answer):
    """One length is long enough, or none is."""
    _must_be(answer, {0.001: [0.9]}, 0.001, "That is enough.")
    why = "No length kept the workers busy."
    _must_be(answer, {0.001: [0.3], 0.003: [0.5]}, None, why)
