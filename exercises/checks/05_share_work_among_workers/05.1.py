"""05.1: a worker does what comes, until its own sentinel comes."""

from labkit.grader.fixtures import points, shown

TASKS = list(range(1, 13))
NO_END = "It must return when it gets None."


def _square(n):
    return n * n


def _run(answer, server, holding, job):
    tasks, results = server.queue(holding), server.queue()
    call = answer.call("work", tasks=tasks, results=results, job=job)
    return call, tasks, results


def _took(results):
    return [results.get(timeout=1) for _ in range(results.qsize())]


def _must_not_do_none(call, seen):
    assert None not in seen, (
        f"{call} called job(None); expected tasks alone. None is the sentinel: look "
        "for it before you do the job."
    )


@points(2, "does all of twelve tasks, then ends")
def test_does_every_task(answer, server):
    """Twelve tasks wait, and a sentinel behind them."""
    seen = []

    def job(n):
        seen.append(n)
        return n and n * n

    call, _, results = _run(answer, server, [*TASKS, None], job)
    call.returns(NO_END)
    _must_not_do_none(call, seen)
    got = _took(results)
    assert len(got) == len(TASKS), (
        f"{call} did {len(got)} of 12 tasks; expected all 12. How many there are only "
        "the master knows: take tasks until None comes."
    )
    assert got == [n * n for n in TASKS], (
        f"{call} put {shown(got)}; expected what job() returned for each task."
    )


@points(1, "waits for tasks that come late")
def test_waits_for_late_tasks(answer, server):
    """The queue is empty for a while, as it is when the master comes last."""
    seen = []
    call, tasks, _ = _run(answer, server, [], seen.append)
    at_once = call.ended_within(0.05)
    call.ended_within(0.2)
    if isinstance(call.error, NameError):
        raise AssertionError(  # noqa: TRY004 - a check that fails, not a misuse
            f"{call} raised NameError ({call.error}) when the queue was empty for a "
            "moment; expected it to wait. Python looks the name up only when get() "
            "has raised something: as long as there are tasks, nobody sees it."
        ) from call.error
    assert not at_once, (
        f"{call} ended at once, on a queue that was empty when it came; expected it to "
        "wait. How much work there will be neither qsize() nor empty() says."
    )
    assert not call.ended_within(0), (
        f"{call} ended when the queue had been empty for a moment; expected it to "
        "wait. Silence does not say that the work is over: None does."
    )
    for task in (*TASKS[:3], None):
        tasks.put(task)
    call.returns(NO_END)
    _must_not_do_none(call, seen)
    assert seen == TASKS[:3], (
        f"{call} did {shown(seen)} of the tasks [1, 2, 3] that came late; expected all three."
    )


@points(1, "does tasks such as 0 and '' too")
def test_every_task_is_a_task(answer, server):
    """Some tasks are false in Python."""
    seen = []
    call, _, _ = _run(answer, server, [0, "", [], None], seen.append)
    call.returns(NO_END)
    _must_not_do_none(call, seen)
    assert seen == [0, "", []], (
        f"{call} did {shown(seen)} of the tasks [0, '', []]; expected all three. They are "
        "false, as None is: ask whether the task *is* None."
    )


@points(1, "takes one sentinel, and leaves the others theirs")
def test_leaves_the_others_their_sentinel(answer, server):
    """Two workers, a sentinel for each; the other one is slow to come."""
    seen = []
    call, tasks, _ = _run(answer, server, [7, None, None], seen.append)
    call.returns(NO_END)
    _must_not_do_none(call, seen)
    left = _took(tasks)
    assert left == [None], (
        f"{call} took its None out of two, and then the queue held {left}; expected "
        "[None], the other worker's. Take one, and put none back."
    )
