"""Pictures: the right marks and units, and words that say the same."""

import io
import re

import pytest
from PIL import Image

from labkit import plots
from labkit._plots.pictures import bytes_text, number_text, seconds_text, styles
from labkit._throughput.measurements import Measurement
from labkit.costs import fit
from labkit.errors import MeasurementError


def found(name, rate, payload=8, batch=1, makers=1, takers=1):
    """Return a measurement of three repeats around a rate."""
    rates = (rate * 0.9, rate, rate * 1.2)
    samples = tuple(n / rate for n in range(1, 101))
    return Measurement(
        *(name, payload, batch, makers, takers, rates), latency_samples_s=samples
    )


SWEEP = [
    found(name, rate / size, payload=size)
    for size in (8, 1024, 1 << 20)
    for name, rate in (("direct queue", 8e5), ("labkit tcp", 8e4))
]
BATCHES = [found("labkit batched", 1e4 * n, batch=n) for n in (1, 10, 1000)]
MODEL = fit([(8, 1e-4), (1024, 2e-4), (20_000, 4e-2), (131_072, 9e-3)])
SECONDS = {"waiting": {1: 1.2, 2: 0.6, 4: 0.4}, "computing": {4: 0.5, 1: 1.0}}
DRAWN = {
    "throughput": lambda: plots.plot_throughput(SWEEP[:2]),
    "payload": lambda: plots.plot_payload(SWEEP),
    "batches": lambda: plots.plot_batches([*BATCHES, found("direct queue", 5e4)]),
    "scaling": lambda: plots.plot_scaling(
        [found("pipe", 100 * n, takers=n) for n in (1, 2, 3)]
    ),
    "latency": lambda: plots.plot_latency(SWEEP[:2]),
    "costs": lambda: plots.plot_costs({"plain tcp": MODEL}, [(65_536, 5e-3)]),
    "contests": lambda: plots.plot_contests({"ints": SWEEP[:2], "big": SWEEP[4:]}),
    "speedup": lambda: plots.plot_speedup(SECONDS, cores=2),
}
ALT = {
    "throughput": "Bar chart of items per second, median of the repeats: direct queue "
    "100,000, labkit tcp 10,000. The fastest is 10 times the slowest.",
    "payload": "labkit tcp 10,000 at 8 bytes and 0.0763 at 1 MiB.",
    "batches": "direct queue 50,000 at 1 a call.",
    "scaling": "number of consumers. Median rates: pipe 100 at 1 and 300 at 3.",
    "latency": "direct queue: half within 500 µs, 99 % within 990 µs, slowest 1 ms",
    "costs": "for 64 KiB 4.73 ms was predicted and 5 ms measured",
    "contests": "ints: direct queue 100,000, labkit tcp 10,000. The fastest is 10",
    "speedup": "waiting: 1 with 1, 2 with 2, 3 with 4; computing: 1 with 1, 2 with 4. "
    "This machine has 2 cores.",
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_is_a_picture_with_its_words(name):
    """A PNG that opens, in a tag whose alternative text has the numbers."""
    plot = DRAWN[name]()
    assert ALT[name] in plot.alt
    with Image.open(io.BytesIO(plot.png())) as image:
        assert image.size[0] > 800
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    assert re.match(r'<img alt="[^"]{40,}" src="data:image/png;', plot._repr_html_())


@pytest.mark.parametrize("name", DRAWN)
def test_each_axis_has_its_unit(name):
    """No axis without a label, but for those with names on it."""
    axes = DRAWN[name]().figure.axes
    assert all(axis.get_xlabel() or axis.get_title(loc="left") for axis in axes)
    named = name in {"throughput", "contests"}
    assert all(axis.get_ylabel() or named for axis in axes)


def test_wide_ranges_are_logarithmic():
    """From 100 times on; the bars of two rates near each other are not."""
    left, right = DRAWN["payload"]().figure.axes
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    assert right.get_yscale() == "linear"
    assert DRAWN["throughput"]().figure.axes[0].get_xscale() == "linear"


def test_all_repeats_are_drawn():
    """Three points for each bar."""
    (axis,) = DRAWN["throughput"]().figure.axes
    assert [list(line.get_xdata()) for line in axis.lines] == [
        list(one.rates_per_s) for one in SWEEP[:2]
    ]


def test_no_two_styles_are_alike():
    """Never colour alone; and the first ones are Okabe and Ito's."""
    looks = styles(f"transport {n}" for n in range(15))
    assert len(set(looks.values())) == 15
    assert {look.color for look in looks.values()} >= {"#0072B2", "#D55E00"}


def test_pyplot_is_not_touched():
    """Pictures may be made in threads, and need no closing."""
    from matplotlib import _pylab_helpers

    DRAWN["throughput"]()
    assert _pylab_helpers.Gcf.figs == {}


def test_an_attribute_cannot_break_the_page():
    """What a transport of one's own is called is escaped."""
    html = plots.plot_throughput([found('"><script>', 5)])._repr_html_()
    assert "<script>" not in html


def test_nothing_to_draw():
    """The sentence says what to do."""
    with pytest.raises(MeasurementError, match="measure something first"):
        plots.plot_throughput([])
    with pytest.raises(MeasurementError, match="'redis' was not measured; there is"):
        plots.plot_payload(SWEEP, reference="redis")
    with pytest.raises(MeasurementError, match="'computing' was not measured with 1"):
        plots.plot_speedup({"computing": {2: 0.5}})


def test_numbers_in_words():
    """Sizes, times and counts as people write them."""
    assert [bytes_text(n) for n in (8, 10_240, 1 << 20)] == [
        "8 bytes",
        "10 KiB",
        "1 MiB",
    ]
    times = [seconds_text(t) for t in (9e-5, 0.044, 1.25)]
    assert times == ["90 µs", "44 ms", "1.25 s"]
    assert [number_text(n) for n in (20_000, 0.5, 3.68)] == ["20,000", "0.5", "3.68"]


def test_every_colour_is_seen_on_white():
    """A line or a bar has at least 3:1, as WCAG 2.2 asks of a picture's parts."""
    for look in styles("abcdefg").values():
        parts = [int(look.color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (light + 0.05) >= 3, look.color
