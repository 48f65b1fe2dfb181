"""Measurement: its numbers, its warnings, its JSON."""

import json

import pytest

from labkit._throughput.measurements import Measurement, load, percentiles, save

STEADY = Measurement("pipe", 8, 1, 1, 1, (100.0, 110.0, 105.0), (10, 10, 10))
SHAKY = Measurement("pipe", 8, 1, 1, 1, (100.0, 130.0, 95.0))


def test_the_median_and_the_spread():
    """The spread goes from the slowest to the fastest."""
    assert STEADY.rate_per_s == 105.0
    assert STEADY.spread == pytest.approx(10 / 105)
    assert str(STEADY) == "pipe: 105 items/s, spread 10%"


def test_a_wide_spread_is_said_in_words():
    """Above 20 % there is a sentence that says what to do; below there is none."""
    assert STEADY.warning is None
    assert SHAKY.warning == (
        "the repeats of pipe differ by 35%, from 95 to 130 a second: close other "
        "programs, or measure longer with more repeats"
    )


def test_a_problem_comes_first():
    """What kept it from being made as asked is part of the warning."""
    found = Measurement("pipe", 8, 1, 1, 1, (1.0,), problem="the budget was over")
    assert found.warning == "the budget was over"


def test_percentiles():
    """Each is a sample; 99 % of 1..100 are not above 99."""
    samples = [*range(100, 0, -1)]
    assert percentiles(samples) == {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    assert percentiles([7]) == {"p50": 7, "p90": 7, "p99": 7, "max": 7}
    assert percentiles([]) == {}


def test_json_and_back():
    """Every raw value survives; what follows from them is in the JSON too."""
    found = Measurement(
        *("labkit tcp", 1024, 1, 2, 3, (1.5, 2.5)), latency_samples_s=(0.1, 0.2)
    )
    assert Measurement.from_json(found.to_json()) == found
    data = json.loads(found.to_json())
    assert (data["rate_per_s"], data["spread"], data["cpus"]) == (2, 0.5, found.cpus)
    assert data["latency_s"]["p50"] == 0.1
    assert "differ by 50%" in data["warning"]


def test_files(tmp_path):
    """save() and load() are each other's inverse."""
    assert load(save([STEADY, SHAKY], tmp_path / "found.json")) == [STEADY, SHAKY]
