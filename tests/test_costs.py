"""The cost model: exact where the points are, honest about the cliff."""

import pytest

from labkit.errors import MeasurementError
from labkit.throughput import Measurement
from labkit.throughput.costs import fit

SIZES = [8, 1024, 4096, 16_000, 20_000, 32_768, 131_072, 1 << 20]


def line(size):
    """Return 100 µs, and 1 ns for each byte."""
    return 1e-4 + 1e-9 * size


def test_a_line_is_found_exactly():
    """Of points on a line the fit returns the line, and predicts what is between."""
    model = fit([(size, line(size)) for size in SIZES])
    assert (model.a_s, model.b_s_per_byte) == pytest.approx((1e-4, 1e-9))
    assert model.cliff is None
    assert model.predict(65_536) == pytest.approx(line(65_536))
    assert str(model) == "a call costs 100.0 µs, and 1.02 µs more for each KiB"


def test_the_median_of_each_size_counts():
    """One wild repeat in three changes nothing."""
    points = [(size, line(size) * factor) for size in SIZES for factor in (1, 1, 50)]
    model = fit(points)
    assert (model.a_s, model.b_s_per_byte) == pytest.approx((1e-4, 1e-9))


def test_the_cliff_is_found_and_left_out():
    """44 ms from 20,000 to 32,768 bytes, the line untouched."""
    model = fit([(s, line(s) + 0.044 * (16_384 < s < 65_536)) for s in SIZES])
    assert (model.a_s, model.b_s_per_byte) == pytest.approx((1e-4, 1e-9))
    cliff = model.cliff
    assert (cliff.from_bytes, cliff.to_bytes) == (20_000, 32_768)
    assert cliff.extra_s == pytest.approx(0.044)
    assert model.predict(25_000) == pytest.approx(0.044 + line(25_000))
    assert str(model).endswith("from 20,000 bytes to 32,768 it costs 44.0 ms more")


def test_a_cliff_that_does_not_end():
    """The sweep stops on it: the sentence says from where on."""
    model = fit([(s, line(s) + 0.044 * (s > 16_384)) for s in SIZES[:6]])
    assert model.cliff.to_bytes is None
    assert "from 20,000 bytes on it costs" in str(model)


def test_measurements_are_points():
    """The time of an item is one by its rate."""
    found = [Measurement("pipe", s, 1, (1 / line(s),)) for s in SIZES]
    assert fit(found).points[0] == (8, pytest.approx(line(8)))
    assert fit(found).a_s == pytest.approx(1e-4)


def test_one_size_is_no_line():
    """The message says how many there are, and what to measure."""
    with pytest.raises(MeasurementError, match="needs 2 sizes or more, and there is 1"):
        fit([(8, 1.0), (8, 2.0)])
