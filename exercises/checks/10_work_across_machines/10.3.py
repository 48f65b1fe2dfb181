"""10.3: patience with a network, none with a wrong key."""

import itertools
import math
import time
from multiprocessing import AuthenticationError

from labkit.grader.fixtures import points, shown

FAILURES = [
    ConnectionRefusedError("nobody listens"),
    OSError(113, "No route to host"),
    TimeoutError("timed out"),
    ConnectionResetError("reset"),
]
NO_END = "Nothing in it waits for a server; connect() is a function of the check."
TOO_LONG_S = 60


class _TimeIsUpError(BaseException):
    """The made-up clock shows a minute."""


class _World:
    """A network, and a clock that goes on only when somebody waits."""

    def __init__(self, failures, comes_after=math.inf):
        self.now, self.tries, self.manager = 0.0, [], object()
        self.failures, self.comes_after = itertools.cycle(failures), comes_after

    def connect(self):
        self.tries.append(self.now)
        self.now += 0.1
        if self.now > TOO_LONG_S:
            raise _TimeIsUpError
        if len(self.tries) > self.comes_after:
            return self.manager
        raise next(self.failures)

    def sleep(self, seconds):
        self.now += max(seconds, 0.001)

    def monotonic(self):
        self.now += 0.0001
        return self.now


def _reach(answer, world, monkeypatch, give_up_s=10):
    for name in ("monotonic", "time", "perf_counter"):
        monkeypatch.setattr(time, name, world.monotonic)
    monkeypatch.setattr(time, "sleep", world.sleep)
    for name, made_up in (("sleep", world.sleep), ("monotonic", world.monotonic)):
        if hasattr(answer.module, name):  # from time import sleep
            monkeypatch.setattr(answer.module, name, made_up)
    call = answer.call("reach", connect=world.connect, give_up_s=give_up_s, pause_s=0.5)
    call.ended_within(3)
    monkeypatch.undo()
    return call


@points(2, "returns the manager of the first try that works")
def test_comes_back(answer, monkeypatch):
    """Four tries fail, each in another way; the fifth works."""
    world = _World(FAILURES, comes_after=4)
    call = _reach(answer, world, monkeypatch)
    if isinstance(call.error, OSError) and world.now > 9:
        raise AssertionError(_not_in_time(call, world))
    got = call.returns(
        NO_END,
        advice="While the server cannot be reached, any OSError may come: catch that "
        "class.",
    )
    assert got is world.manager, (
        f"{call} returned {shown(got)}; expected what connect() returned, the manager."
    )
    waits = _World(FAILURES[:1], comes_after=14)
    call = _reach(answer, waits, monkeypatch)
    assert not isinstance(call.error, OSError), _not_in_time(call, waits)


def _not_in_time(call, world):
    return (
        f"{call} gave up after {world.now:.1f} s and {len(world.tries)} tries; "
        "expected it to go on for 10 s. Ask time.monotonic() whether the time is over."
    )


@points(1, "lets the error of a wrong key out at once")
def test_wrong_key(answer, monkeypatch):
    """The server is there, and has another key."""
    world = _World([AuthenticationError("digest sent was rejected")], comes_after=1)
    call = _reach(answer, world, monkeypatch)
    tried = len(world.tries)
    assert tried == 1, (
        f"{call} tried {tried} times with a wrong key; expected one try. The key does "
        "not become right: catch OSError, and nothing else."
    )
    error = call.ends(NO_END).error
    assert isinstance(error, AuthenticationError), (
        f"{call} ended with {shown(error)} when the key was wrong; expected AuthenticationError to propagate."
    )


@points(1, "waits between two tries, and not before the first")
def test_pauses(answer, monkeypatch):
    """Three tries fail; the time between them is looked at."""
    world = _World(FAILURES[:1], comes_after=3)
    call = _reach(answer, world, monkeypatch)
    call.ends(NO_END)
    assert len(world.tries) > 1, (
        f"{call} tried {len(world.tries)} times to reach a server that comes after "
        "three; expected more."
    )
    first = world.tries[0]
    assert first < 0.4, (
        f"{call} waited {first:.1f} s before the first try; expected it to try at "
        "once. The pause comes after a failure."
    )
    gaps = [b - a for a, b in zip(world.tries, world.tries[1:], strict=False)]
    assert min(gaps, default=1) >= 0.5, (
        f"{call} made no pause between two tries; expected 0.5 s: many workers that "
        "try without a pause keep a server from coming up. Call time.sleep(pause_s)."
    )


@points(2, "gives up in time, with the last error")
def test_gives_up(answer, monkeypatch):
    """Nobody ever answers."""
    world = _World(FAILURES[2:3])
    call = _reach(answer, world, monkeypatch, give_up_s=2)
    error = call.ends(NO_END).error
    assert not isinstance(error, _TimeIsUpError), (
        f"{call} still tried after 60 s; expected it to give up after 2 s, with the "
        "error of its last try."
    )
    assert isinstance(error, TimeoutError), (
        f"{call} {call.outcome} when nobody answered"
        if error is None
        else f"{call} raised {shown(error)} when nobody answered"
    ) + "; expected the error of the last try to propagate: a bare raise does that."
    assert 2 <= world.now < 4, (
        f"{call} gave up after {world.now:.1f} s; expected 2 s, or a little more."
    )
