"""11.2: the rate of a closed network, at its ends and between them."""

import math

from labkit.grader.fixtures import points, shown

NO_WAIT = "The loop goes through the numbers of workers, and nothing in it waits."


def _rate(workers, task_s, server_s):
    """Return the exact rate, by mean value analysis, as lesson 11 has it."""
    queue = per_second = 0.0
    for count in range(1, workers + 1):
        at_server_s = server_s * (1 + queue)
        per_second = count / (task_s + at_server_s)
        queue = per_second * at_server_s
    return per_second


def _must_be(answer, workers, task_s, server_s, why):
    call = answer.call("rate", workers=workers, task_s=task_s, server_s=server_s)
    got = call.returns(NO_WAIT, advice="Divide by a sum that is above 0.")
    assert isinstance(got, int | float), (
        f"{call} returned {shown(got)}; expected a number."
    )
    wanted = _rate(workers, task_s, server_s)
    assert math.isclose(got, wanted, rel_tol=0.005), (
        f"{call} returned {got:,.1f} tasks a second; expected {wanted:,.1f}. {why}"
    )


@points(1, "is right for one worker")
def test_one_worker(answer):
    """Nobody is in its way."""
    why = "One worker needs task_s and server_s for each task."
    _must_be(answer, 1, 0.009, 0.001, why)


@points(2, "is right when the server is full")
def test_many_workers(answer):
    """The server works without a pause."""
    why = "However many come, the server does one task in server_s."
    _must_be(answer, 200, 0.009, 0.001, why)


@points(2, "is right between the two")
def test_some_workers(answer):
    """Between the two, some wait now and then."""
    why = (
        "Before the server is full workers already meet there, by chance: each stays "
        "for server_s * (1 + queue), with the queue of one worker less."
    )
    _must_be(answer, 2, 0.001, 0.001, why)
    _must_be(answer, 10, 0.009, 0.001, why)
