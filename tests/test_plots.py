"""Pictures: the right marks and units, and words that say the same."""

import itertools
import math
import re
from xml.etree import ElementTree as ET

import pytest

from labkit import plots
from labkit.errors import MeasurementError
from labkit.plots import styles
from labkit.throughput import Measurement
from labkit.throughput.costs import fit


def found(name, rate, payload=8, batch=1):
    """Return a measurement of three repeats around a rate."""
    rates = (rate * 0.9, rate, rate * 1.2)
    samples = tuple(n / rate for n in range(1, 101))
    return Measurement(*(name, payload, batch, rates), latency_samples_s=samples)


SWEEP = [
    found(name, rate / size, payload=size)
    for size in (8, 1024, 1 << 20)
    for name, rate in (("direct queue", 8e5), ("labkit tcp", 8e4))
]
BATCHES = [found("labkit batched tcp", 1e4 * n, batch=n) for n in (1, 10, 1000)]
MODEL = fit([(8, 1e-4), (1024, 2e-4), (20_000, 4e-2), (131_072, 9e-3)])
SECONDS = {"waiting": {1: 1.2, 2: 0.6, 4: 0.4}, "computing": {4: 0.5, 1: 1.0}}
DRAWN = {
    "throughput": lambda: plots.plot_throughput([*SWEEP[:2], *BATCHES[2:]]),
    "payload": lambda: plots.plot_payload(SWEEP),
    "batches": lambda: plots.plot_batches([*BATCHES, found("direct queue", 5e4)]),
    "latency": lambda: plots.plot_latency(SWEEP[:2]),
    "costs": lambda: plots.plot_costs({"plain tcp": MODEL}, [(65_536, 5e-3)]),
    "speedup": lambda: plots.plot_speedup(SECONDS, cores=2),
}
ALT = {
    "throughput": "Bar chart of items per second, medians. direct queue: 100,000; "
    "labkit tcp: 10,000; labkit batched tcp, lists of 1,000: 10 million. The fastest "
    "is 1,000 times the slowest.",
    "payload": "labkit tcp 10,000 at 8 bytes and 0.0763 at 1 MiB.",
    "batches": "direct queue 50,000 at 1.",
    "latency": "direct queue: half within 500 µs, 99 % within 990 µs, all in 1 ms",
    "costs": "64 KiB 4.73 ms was predicted (cross) and 5 ms measured (ring)",
    "speedup": "waiting: 1 with 1, 2 with 2, 3 with 4; computing: 1 with 1, 2 with 4. "
    "This machine has 2 cores.",
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_is_a_picture_with_its_words(name, tmp_path):
    """A PNG on white; in a notebook an SVG whose name has the numbers."""
    from matplotlib import _pylab_helpers  # slow: not in every process that collects
    from PIL import Image

    plot = DRAWN[name]()
    assert ALT[name] in plot.alt
    assert repr(plot) == plot.alt
    for axis in plot.figure.axes:
        assert axis.get_xlabel()
        assert axis.get_ylabel() or name == "throughput"
    assert _pylab_helpers.Gcf.figs == {}  # pictures may be made in threads
    with Image.open(plot.save(tmp_path / "plot.png")) as image:
        assert image.size[0] > 800
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    page = f"<div>{plot._repr_html_()}</div>"
    drawn = ET.fromstring(page)[0]
    assert (drawn.get("role"), drawn.get("aria-label")) == ("img", plot.alt)


def test_it_has_the_colours_of_the_page():
    """No background, text in the page's colour, nothing that leaks into the page."""
    page = DRAWN["payload"]()._repr_html_()
    assert "currentColor" in page
    assert not re.search("<style|#ffffff|#000000", page)


def spread_out(low, high):
    """Return measurements of which everything lies between two numbers."""
    rates = tuple(low + (high - low) * n / 4 for n in range(5))
    sizes = [int(low), int((low * high) ** 0.5), int(high)]
    return [
        Measurement("pipe", size, 1, rates, latency_samples_s=rates) for size in sizes
    ]


RANGES = [(20, 7e7)]
LATER = [(480, 560), (1e-4, 1.1e-4), (5e-5, 9e-4), (1, 3), (1e6, 1.02e6)]
RANGES += [pytest.param(*ends, marks=pytest.mark.long) for ends in LATER]


@pytest.mark.parametrize("draw", ["throughput", "payload", "latency"])
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_tick_labels_never_overprint(draw, low, high):
    """In narrow and wide ranges no label of an axis touches another, nor is alone."""
    figure = getattr(plots, f"plot_{draw}")(spread_out(low, high)).figure
    figure.draw_without_rendering()
    for side in (side for axis in figure.axes for side in (axis.xaxis, axis.yaxis)):
        labels = [one for one in side.get_ticklabels() if one.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert len(labels) > 1 or low < 1  # sizes below a byte are all one


def test_all_repeats_are_drawn():
    """Three points for each bar, in order from above, so that none hides another."""
    (axis,) = plots.plot_throughput(SWEEP[:2]).figure.axes
    assert [list(line.get_xdata()) for line in axis.lines] == [
        list(one.rates_per_s) for one in SWEEP[:2]
    ]
    assert list(axis.lines[0].get_ydata()) == [-0.25, 0, 0.25]


def test_no_line_across_a_cliff():
    """Where no cost per byte explains the next point, the line has a gap."""
    rates = {8192: 8000, 20_480: 23, 61_440: 15, 204_800: 2000}
    sweep = [found("plain tcp", rate, payload=size) for size, rate in rates.items()]
    line = plots.plot_payload(sweep).figure.axes[0].lines[-1]
    gaps = [place for place, y in enumerate(line.get_ydata()) if math.isnan(y)]
    assert gaps == [1, 4]


def test_no_two_styles_are_alike():
    """Never colour alone; and the first ones are Okabe and Ito's."""
    looks = styles(f"transport {n}" for n in range(15))
    assert len({tuple(look.values()) for look in looks.values()}) == 15
    assert {look["color"] for look in looks.values()} >= {"#0072B2", "#D55E00"}


def test_an_attribute_cannot_break_the_page():
    """What a transport of one's own is called is escaped."""
    html = plots.plot_throughput([found('"><script>', 5)])._repr_html_()
    assert "<script>" not in html


def test_nothing_to_draw():
    """The sentence says what to do."""
    with pytest.raises(MeasurementError, match="measure something first"):
        plots.plot_throughput([])


def test_every_colour_is_seen():
    """3:1 on white and in the dark, as WCAG 2.2 asks of a picture's parts."""
    for look in styles("abcdefg").values():
        parts = [int(look["color"][at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (light + 0.05) >= 3
        assert (light + 0.05) / 0.0556 >= 3  # JupyterLab's dark: #111111
