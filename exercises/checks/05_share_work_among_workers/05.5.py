"""05.5: whatever a task does, the worker answers for it and takes the next one."""

import sys

from labkit.grader.fixtures import points, shown

NO_END = "It must return when it gets None."
ADVICE = "Whatever a job raises or returns becomes a result; then comes the next task."


def _torn(page):
    raise ValueError(f"page {page} is torn")


def _exits(page):
    sys.exit(f"no paper for page {page}")


def _interrupted(_):
    raise KeyboardInterrupt


def _open(page):
    return (line for line in [page])  # a generator cannot be pickled


JOBS = {"copy": str, "tear": _torn, "quit": _exits, "open": _open, "stop": _interrupted}


def _work(answer, server, given):
    """Let the worker do these tasks; return the call, and what it put by id."""
    tasks, results = server.queue([*given, None]), server.queue()
    call = answer.call("work", tasks=tasks, results=results, jobs=JOBS)
    call.returns(NO_END, advice=ADVICE)
    got = [results.get(timeout=1) for _ in range(results.qsize())]
    for item in got:
        is_triple = isinstance(item, tuple | list) and len(item) == 3
        assert is_triple, (
            f"{call} put {shown(item)}; expected (id, 'done' or 'failed', value or text)."
        )
    return call, {number: (word, value) for number, word, value in got}


def _must_be(call, got, wanted):
    for number, (word, value) in wanted.items():
        assert number in got, (
            f"{call} put no result for task {number}; expected ({number}, {shown(word)}, "
            "...). A master that hears nothing waits for ever."
        )
        assert got[number] == (word, value), (
            f"{call} put {shown((number, *got[number]))}; expected "
            f"{(number, word, value)!r}."
        )


def _must_have_failed(call, got, number, raised, part):
    assert number in got, (
        f"{call} put no result for task {number}, whose job raised {raised}; expected "
        f"({number}, 'failed', text). A master that hears nothing waits for ever."
    )
    word, text = got[number]
    assert (word, type(text)) == ("failed", str), (
        f"{call} put {shown(word)} and {shown(text)} for task {number}, whose job raised "
        f"{raised}; expected 'failed' and a text. An exception that travels leaves its "
        "traceback behind, and some cannot be unpickled."
    )
    assert part in text, (
        f"{call} put the text {text.strip()[-60:]!r} for task {number}; expected the "
        f"whole traceback, with the line that failed ({part}): traceback.format_exc()."
    )


@points(1, "puts the id of the task with each result")
def test_results_have_ids(answer, server):
    """Two tasks, one of them with a false argument."""
    given = [("p1", "copy", 7), ("p2", "copy", 0)]
    call, got = _work(answer, server, given)
    _must_be(call, got, {"p1": ("done", "7"), "p2": ("done", "0")})


@points(2, "sends the traceback of a job that raises, and goes on")
def test_failure_is_a_result(answer, server):
    """The job of the first task raises ValueError."""
    given = [("p1", "tear", 7), ("p2", "copy", 8)]
    call, got = _work(answer, server, given)
    _must_have_failed(call, got, "p1", "ValueError", "in _torn")
    _must_be(call, got, {"p2": ("done", "8")})


@points(1, "outlives a job that calls sys.exit()")
def test_exit_is_a_failure(answer, server):
    """The job of the first task calls sys.exit()."""
    given = [("p1", "quit", 7), ("p2", "copy", 8)]
    tasks, results = server.queue([*given, None]), server.queue()
    call = answer.call("work", tasks=tasks, results=results, jobs=JOBS)
    assert not isinstance(call.ends(NO_END).error, SystemExit), (
        f"{call} was ended by a job that called sys.exit(); expected a result, and the "
        "next task. SystemExit is no Exception: name it, too."
    )
    call, got = _work(answer, server, given)
    _must_have_failed(call, got, "p1", "SystemExit", "in _exits")
    _must_be(call, got, {"p2": ("done", "8")})


@points(2, "outlives a job whose value cannot be sent")
def test_unsendable_value_is_a_failure(answer, server):
    """The job of the first task returns what cannot be pickled."""
    given = [("p1", "open", 7), ("p2", "copy", 8)]
    tasks, results = server.queue([*given, None]), server.queue()
    call = answer.call("work", tasks=tasks, results=results, jobs=JOBS)
    error = call.ends(NO_END).error
    assert "pickle" not in str(error), (
        f"{call} was ended by a job that returned a generator, which cannot be pickled "
        f"({shown(error)}); expected a result, and the next task. put() raises before anything "
        "is sent, so it can go below try, too."
    )
    call, got = _work(answer, server, given)
    _must_have_failed(call, got, "p1", "nothing, but cannot be pickled", "pickle")
    _must_be(call, got, {"p2": ("done", "8")})


@points(1, "lets Ctrl-C end it")
def test_ctrl_c_ends_it(answer, server):
    """KeyboardInterrupt comes in the middle of a job."""
    given = [("p1", "stop", 7), ("p2", "copy", 8)]
    tasks, results = server.queue([*given, None]), server.queue()
    call = answer.call("work", tasks=tasks, results=results, jobs=JOBS)
    error = call.ends(NO_END).error
    assert isinstance(error, KeyboardInterrupt), (
        f"{call} went on after a KeyboardInterrupt; expected it to propagate. Ctrl-C is "
        "meant for the worker, not for the task: do not catch BaseException."
    )
