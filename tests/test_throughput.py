"""measure() and compare(): the method, the budget, the ways out."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from itertools import chain

import psutil
import pytest
from adapters_for_tests import Absent, Broken, Silent, Stalling, Ticking
from programs import assert_gone

from labkit import errors, throughput
from labkit._throughput.catalog import TRANSPORTS
from labkit._throughput.lines import Line
from labkit._throughput.payloads import FIRST, batches, items, sent_at, stamped
from labkit._throughput.sessions import Conduct, Session
from labkit._throughput.trials import Budget
from labkit.throughput import compare, first_calls, measure


@pytest.fixture(autouse=True)
def quick_start(monkeypatch):
    """Keep the children from importing pytest, which spawn takes for the program."""
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)


def test_the_clock_of_the_consumer_counts():
    """With a clock that ticks 2 s, 100 items take 2 s, whatever they really take."""
    found = measure("direct queue", items=100, repeats=4, clock=Ticking(2.0))
    assert found.rates_per_s == (50.0,) * 4
    assert found.items_per_repeat == (100,) * 4
    assert (found.spread, found.warning, found.start_method) == (0, None, "spawn")


def test_transports_take_turns():
    """A B A B when interleaved, A A B B when not."""
    assert Conduct(2, interleaved=True).turns("AB") == ["A", "B", "A", "B"]
    assert Conduct(2, interleaved=False).turns("AB") == ["A", "A", "B", "B"]


def test_several_sizes_and_processes():
    """Each size with each batch; a transport without batches says 1."""
    found = compare(
        ["direct queue", "labkit batched"],
        payload_bytes=[8, 100],
        batch_size=[1, 5],
        producers=2,
        consumers=2,
        items=31,
        repeats=1,
    )
    shapes = [(one.transport, one.payload_bytes, one.batch_size) for one in found]
    assert shapes == [
        (name, size, batch if name == "labkit batched" else 1)
        for size in (8, 100)
        for batch in (1, 5)
        for name in ("direct queue", "labkit batched")
    ]
    assert {(one.producers, one.consumers) for one in found} == {(2, 2)}
    assert {one.items_per_repeat for one in found} == {(31,)}


def test_latency():
    """One item at a time; every sample is kept."""
    found = measure("pipe", items=10, repeats=2, latency_samples=20, repeat_s=2)
    assert len(found.latency_samples_s) == 40
    assert 0 < found.latency_s["p50"] <= found.latency_s["max"] < 2


def test_first_calls():
    """A connection, its proxy and its first call, several times."""
    (found,) = first_calls(["labkit tcp"], repeats=3)
    assert (found.kind, len(found.rates_per_s)) == ("first calls", 3)
    assert found.latency_samples_s == pytest.approx([1 / r for r in found.rates_per_s])


def test_a_line_that_was_stopped_makes_no_first_calls():
    """On a busy machine a run may be stopped; what follows goes on without it."""
    session = Session([], Budget(5, time.monotonic), time.perf_counter)
    session.lines = {"stopped": Line(TRANSPORTS["labkit tcp"])}
    assert session.first_calls(Conduct(2), session.budget) == []


def test_a_stalled_transport_keeps_the_budget():
    """44 ms for each message, and yet no more than a tenth above the budget."""
    begin = time.monotonic()
    stalled, quick = compare([Stalling, "simple queue"], repeats=5, budget_s=2.5)
    assert time.monotonic() - begin <= 2.5 * 1.1
    assert 1 < stalled.rate_per_s < 25 < quick.rate_per_s


def test_nothing_arrives():
    """The budget ends it, with a sentence; the other transport is measured."""
    said = []
    begin = time.monotonic()
    found = compare([Silent, "pipe"], repeats=1, budget_s=2.5, say=said.append)
    assert time.monotonic() - begin <= 2.5 * 1.1
    assert [one.transport for one in found] == ["pipe"]
    assert "silent did not move 1 items of 8 bytes" in said[0]


def test_a_budget_too_small_to_start():
    """No process is left of a measurement that had no time to begin."""
    with pytest.raises(errors.MeasurementError, match="longer budget_s"):
        measure("pipe", budget_s=0.01)


def test_cancel():
    """Set from another thread, it ends a measurement that waits for ever."""
    cancel = threading.Event()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()
    with pytest.raises(errors.MeasurementCancelledError):
        measure(Silent, cancel=cancel)
    timer.join()


def test_the_end_of_the_measuring_process(tmp_path):
    """Killed in the middle, it leaves no child, no server and no peer behind."""
    names = ["plain tcp", "labkit tcp", "redis"]
    names = [name for name in names if TRANSPORTS[name].missing() is None]
    code = f"""
        from labkit import throughput
        from labkit._throughput import sessions
        if __name__ == "__main__":
            repeat = sessions.Trial.repeat
            def noted(*args):
                print("here", flush=True)
                repeat(*args)
            sessions.Trial.repeat = noted
            throughput.compare({names}, repeats=1, repeat_s=60)
    """
    program = tmp_path / "measure.py"
    program.write_text(textwrap.dedent(code))
    with subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # of a killed process, files stay
    ) as parent:
        parent.stdout.readline()
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(family) > 2 * len(names)
    assert_gone([child.pid for child in family], within_s=2)


def test_interrupt(monkeypatch):
    """KeyboardInterrupt, in the middle of a run, leaves nothing running."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("labkit._throughput.trials.Trial.repeat", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure("plain tcp", items=5)


def test_what_goes_wrong_in_a_child_is_told():
    """The error names the transport and the reason; the trace is a note."""
    with pytest.raises(errors.MeasurementError, match="harbour is closed") as caught:
        measure(Broken)
    assert "Traceback" in caught.value.__notes__[0]


def test_an_absent_transport_is_left_out():
    """compare() says so and goes on, measure() raises the same sentence."""
    said = []
    found = compare([Absent, "pipe"], items=5, repeats=1, say=said.append)
    assert [one.transport for one in found] == ["pipe"]
    assert said == ["Absent is not measured: it is an example"]
    with pytest.raises(errors.MeasurementError, match="it is an example"):
        measure(Absent)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"repeats": 0}, "repeats is 0; give 1 to"),
        ({"producers": 65}, "producers is 65; give 1 to 64"),
        ({"consumers": 2}, "pipe is not measured: it serves one producer and one"),
        ({"payload_bytes": -1}, "payload_bytes is -1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"items": 0}, "items is 0"),
        ({"budget_s": 0}, "budget_s is 0; give seconds above 0"),
    ],
)
def test_settings_out_of_range(settings, sentence):
    """Refused before any process starts."""
    with pytest.raises(errors.MeasurementError, match=sentence):
        measure("pipe", **settings)


def test_an_unknown_transport():
    """The message knows the name that was meant."""
    with pytest.raises(errors.MeasurementError, match="did you mean 'labkit tcp'"):
        measure("labkit tpc")


@pytest.mark.parametrize("payload_bytes", [8, 9, 1000])
def test_items_are_distinct(payload_bytes):
    """Ints up to 8 bytes, then bytes of that length; no two alike."""
    made = list(items(FIRST, 50, payload_bytes))
    assert len(set(made)) == len({id(item) for item in made}) == 50
    kind, size = (int, None) if payload_bytes == 8 else (bytes, payload_bytes)
    assert {type(item) for item in made} == {kind}
    assert size is None or {len(item) for item in made} == {size}
    assert [*chain(*batches(FIRST, 50, payload_bytes, 7))] == made
    assert sent_at(stamped(1.5, payload_bytes)) == 1.5


def test_names():
    """The names that lessons use."""
    assert {"direct queue", "plain tcp", "labkit batched", "redis"} <= {*TRANSPORTS}
    assert {*throughput.PEERS} <= {*TRANSPORTS}
