"""Sliders, a measurement in the background, and what is said of it."""

import threading
from dataclasses import replace

import pytest

from labkit import explorer
from labkit._dashboards import findings
from labkit._dashboards.experiments import Experiment
from labkit._dashboards.explorers import Explorer
from labkit._dashboards.setups import PICTURES, Setup, expected_per_s, found_for
from labkit._throughput.measurements import Measurement
from labkit.errors import (
    MeasurementCancelledError,
    MeasurementError,
    ViewTimeoutError,
)

DIRECT = Setup(("direct queue",))
# Seconds of an item in the tests' world: 10 µs, and 1 µs for each 100 bytes.
RATES = {size: 1 / (1e-5 + size * 1e-8) for size in (8, 512, 1024, 4096)}


def found(transport="direct queue", payload_bytes=8, batch_size=1, ends=(1, 1)):
    """Return a measurement in that world."""
    rate = RATES[payload_bytes]
    return Measurement(
        *(transport, payload_bytes, batch_size, *ends), (rate, rate * 1.1, rate * 0.9)
    )


def in_no_time(transports, *, payload_bytes, batch_size, **_):
    """Measure as that world would have it."""
    batches = {"labkit batched": batch_size}
    return [
        found(name, payload_bytes, batches.get(name, 1)) for name in sorted(transports)
    ]


@pytest.fixture
def make():
    """Return a function that makes an explorer with a measurement of one's own."""
    views = []

    def make(measure=in_no_time):
        views.append(Explorer(Experiment(measure)))
        return views[-1]

    yield make
    for view in views:
        view.close()
        view.wait()


def only(view, *names):
    """Tick these transports, and no others."""
    for name, box in view.transports.items():
        box.value = name in names


def test_measures_and_cancels_for_real():
    """A click measures in child processes; another one gives up, and none is left."""
    with explorer() as view:
        only(view, "direct queue")
        view.measure_button.click()
        assert view.measure_button.disabled
        assert not view.cancel_button.disabled
        (one,) = view.wait(30)
        assert one.rate_per_s > 0
        assert f"{one.rate_per_s:,.0f}" in str(view)
        assert '<img alt="Bar chart' in view.picture.value
        view.measure_button.click()
        view.cancel_button.click()
        view.wait(30)
        assert "cancelled; nothing is left running" in view.state.value


def test_before_the_first_measurement(make):
    """A new explorer asks for a prediction, and says that nothing is measured."""
    view = make()
    assert "say what you expect, then press Measure" in view.state.value
    assert str(view).count("not yet") == 4
    assert view.cancel_button.disabled
    assert view.picture.value == ""
    assert view.wait() == []


def test_click_does_not_wait(make):
    """Measuring happens in a thread, and its progress is shown."""
    begun, may_end = threading.Event(), threading.Event()

    def slow(*_, cancel, **__):
        assert not cancel.is_set()
        begun.set()
        may_end.wait(10)
        return []

    view = make(slow)
    view.measure_button.click()
    assert begun.wait(5)
    assert "measuring 4 transports, 10 s at most" in view.state.value
    assert view.progress.layout.visibility == "visible"
    with pytest.raises(ViewTimeoutError, match=r"still measuring after 0.01 s"):
        view.wait(0.01)
    view.measure_button.click()  # to no effect
    may_end.set()
    view.wait()
    assert view.progress.layout.visibility == "hidden"


def test_progress_is_told_as_time_goes_by(monkeypatch):
    """Each look at the cancel event moves the bar."""
    now = [0.0]
    monkeypatch.setattr("labkit._dashboards.experiments.time.monotonic", lambda: now[0])
    seen = []

    def measure(_, *, budget_s, cancel, **__):
        for part in (0, 0.25, 0.25, 0.5, 2):
            now[0] = part * budget_s
            cancel.is_set()
        return []

    experiment = Experiment(measure)
    experiment.listener = lambda: seen.append(experiment.progress)
    experiment.start(DIRECT)
    assert experiment.wait(5)
    assert [part for part in seen if part] == [0.25, 0.5, 0.99]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MeasurementError("dask is not installed; try pip"), "dask is not installed"),
        (MeasurementCancelledError("x"), "cancelled; nothing is left running"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    ],
)
def test_failure_is_told_in_words(make, error, words):
    """Whatever goes wrong is shown, and one can measure again."""

    def fail(*_, **__):
        raise error

    view = make(fail)
    view.measure()
    view.wait()
    assert words in view.state.value
    assert not view.measure_button.disabled


def test_unstable_repeats_are_told_once(make):
    """All transports whose repeats differ stand in one sentence."""

    def shaky(transports, **_):
        return [replace(found(name), rates_per_s=(1, 2, 3)) for name in transports]

    view = make(shaky)
    only(view, "pipe", "plain tcp")
    view.measure()
    view.wait()
    assert "the repeats of pipe, plain tcp differ by up to 100%" in view.state.value


def test_other_settings_make_the_picture_old(make):
    """A moved slider measures nothing: it fades the picture and asks for a click."""
    view = make()
    only(view, "direct queue")
    view.measure()
    view.wait()
    assert '"labkit-picture"' in view.picture.value
    view.payload.value = 512
    assert "The picture is of earlier settings" in view.picture.value
    assert "not measured yet" in view.state.value
    assert len(view.measurements) == 1
    view.payload.value = 8
    assert '"labkit-picture"' in view.picture.value
    assert "not yet" not in str(view)


def test_two_payloads_predict_a_third(make):
    """The cost model says what to expect before it is measured."""
    view = make()
    only(view, "direct queue")
    for size in (8, 4096):
        view.payload.value = size
        view.measure()
        view.wait()
    view.payload.value = 512
    assert "about 66,000" in str(view)
    assert "not yet" in view.table.value


def test_prediction_needs_like_measurements():
    """Another transport, other batches or other processes predict nothing."""
    setup = replace(DIRECT, payload_bytes=512)
    like = [found(payload_bytes=8), found(payload_bytes=4096)]
    rate = expected_per_s(setup, "direct queue", like)
    assert rate == pytest.approx(RATES[512])
    assert expected_per_s(setup, "direct queue", like[:1]) is None
    assert expected_per_s(setup, "plain tcp", like) is None
    two = [found(payload_bytes=size, ends=(1, 2)) for size in (8, 4096)]
    assert expected_per_s(setup, "direct queue", two) is None


@pytest.mark.parametrize("what", PICTURES)
def test_every_picture_can_be_drawn(what):
    """Each choice has its picture, with words for those who cannot see it."""
    setup = Setup(("direct queue", "labkit batched"))
    everything = [
        found(name, size, batch, ends)
        for name, batches in (("direct queue", [1]), ("labkit batched", [10, 1000]))
        for size in (8, 4096)
        for batch in batches
        for ends in ((1, 1), (2, 1), (1, 2))
    ]
    chosen = found_for(setup, everything, PICTURES[what])
    assert {one.transport for one in chosen} == {*setup.transports}
    if PICTURES[what]:
        assert len({getattr(one, PICTURES[what]) for one in chosen}) > 1
    assert findings.picture(chosen, what).startswith('<img alt="')


def test_picture_that_fails_says_why():
    """A picture that cannot be drawn leaves a sentence."""
    assert "cannot be drawn: there is nothing to draw" in (
        findings.picture([], "by payload")
    )


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (Setup(()), "tick at least one transport"),
        (Setup(("pipe", "plain tcp"), producers=8, consumers=5), "26 processes"),
        (Setup(("labkit batched",), 1 << 20, 10_000), "would carry 10,000 MiB"),
    ],
)
def test_too_much_is_refused_in_words(setup, words):
    """What would harm the machine cannot be measured, and the sentence says why."""
    assert words in setup.objection
    assert replace(setup, transports=("pipe",), producers=1).objection is None


def test_refused_setup_disables_the_button(make):
    """Without a transport there is nothing to press."""
    view = make()
    only(view)
    assert view.measure_button.disabled
    assert "tick at least one transport" in view.state.value
    view.measure()
    assert view.wait() == []


def test_table_has_heads_and_a_caption(make):
    """The HTML table says what its numbers are."""
    view = make()
    only(view, "direct queue")
    assert "<caption>Items per second: items of 8 bytes, 1,000 in one call" in (
        view.table.value
    )
    assert '<th scope="row">direct queue</th>' in view.table.value
    assert '<th scope="col">measured/s</th>' in view.table.value


def test_closed_explorer_leaves_nothing(make):
    """Closing cancels what is being measured, and ends the widgets."""
    from ipywidgets.widgets.widget import _instances

    before = set(_instances)
    cancelled = threading.Event()

    def until_cancelled(*_, cancel, **__):
        while not cancel.is_set():
            threading.Event().wait(0.01)
        cancelled.set()
        raise MeasurementCancelledError("cancelled")

    view = make(until_cancelled)
    view.measure()
    view.close()
    assert cancelled.is_set()
    assert set(_instances) == before
    view.measure()
    assert view.wait() == []


def test_second_explorer_replaces_the_first(make):
    """Two at a time would disturb each other's measurements."""
    first = make()
    second = make()
    assert first.closed
    assert not second.closed
