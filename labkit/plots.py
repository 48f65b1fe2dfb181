"""Measurements to pictures, each with a sentence that says the same.

Every function returns a :class:`Plot`: show it as the last line of a cell, or save
it. Points are the repeats, lines and bars their medians. Axes are logarithmic where
a range passes 100 times.
"""

import html
import io
import math
import re
import secrets
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.errors import MeasurementError
from labkit.throughput import Measurement
from labkit.throughput.costs import CostModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Plot",
    "bytes_text",
    "number_text",
    "plot_batches",
    "plot_costs",
    "plot_latency",
    "plot_payload",
    "plot_scaling",
    "plot_speedup",
    "plot_throughput",
    "seconds_text",
]

# Okabe and Ito's colours, which colour-blind people tell apart; yellow left out, and
# others darkened, so that each has 3:1 on white and on the dark theme's #111111.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07A00", "#3A97D3", "#808080")
_MARKERS = "osD^vPX*<>"
_LINES = ("-", "--", "-.", ":")
_PER_SECOND = "items per second"
_SIZE = "size of an item"
_ROLES = ("producers", "consumers")

# Of each transport, by name: where on the x axis, and the repeats found there.
_Series = dict[str, dict[float, tuple[float, ...]]]


@dataclass(frozen=True, slots=True)
class Style:
    """How one transport looks: never by colour alone."""

    color: str
    marker: str
    linestyle: str

    def line(self) -> dict[str, str]:
        """Return it as matplotlib's keywords for a line with marks."""
        return {
            "color": self.color,
            "marker": self.marker,
            "linestyle": self.linestyle,
        }


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Return a style for each name, in order, no two alike."""
    return {
        name: Style(
            _COLOURS[place % len(_COLOURS)],
            _MARKERS[place % len(_MARKERS)],
            _LINES[place % len(_LINES)],
        )
        for place, name in enumerate(dict.fromkeys(names))
    }


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, and the sentence that says the same.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Not known to pyplot, so it may be made in any thread and needs no closing.
    alt : str
        What the picture shows, in words, with the numbers.
    """

    figure: "Figure"
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def png(self) -> bytes:
        """Return the picture as a PNG, on white."""
        target = io.BytesIO()
        about = {"Description": self.alt}
        self.figure.savefig(target, format="png", facecolor="white", metadata=about)
        return target.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the PNG to a file; return its path."""
        path = Path(path)
        path.write_bytes(self.png())
        return path

    def _repr_html_(self) -> str:
        """Return an SVG without a background, whose text has the colour of the page."""
        target = io.StringIO()
        self.figure.savefig(target, format="svg", facecolor="none")
        _, _, drawn = target.getvalue().partition("<svg ")
        size = re.search(r'viewBox="[^"]*"', drawn)
        body = re.sub(
            r"(?s)^.*?>|<metadata>.*?</metadata>|<style.*?</style>", "", drawn
        )
        body = re.sub(r'<g id="[^"]*">', "<g>", body).replace("#000000", "currentColor")
        mine = f"p{secrets.token_hex(4)}-"  # or else a page's pictures share their ids
        body = re.sub(r'(?<= id=")|(?<=href="#)|(?<=url\(#)', mine, body)
        alt = html.escape(self.alt, quote=True)
        return (
            f'<svg role="img" aria-label="{alt}" {size[0] if size else ""} '
            'xmlns="http://www.w3.org/2000/svg" '
            'xmlns:xlink="http://www.w3.org/1999/xlink" fill="currentColor" '
            'stroke-linejoin="round" '
            f'style="width:100%;max-width:680px;height:auto">{body}'
        )


# --- the pictures -----------------------------------------------------------------


def plot_throughput(
    measurements: Iterable[Measurement] | Mapping[str, Sequence[Measurement]],
    title: str = "",
) -> Plot:
    """Draw a bar for each measurement, with every repeat as a point, the first above.

    Parameters
    ----------
    measurements : iterable of Measurement, or mapping of str to sequence of them
        At least one; the picture keeps their order, from above. Of a mapping, each
        value has axes of its own, under its key.
    title : str, optional

    Returns
    -------
    Plot

    Raises
    ------
    MeasurementError
        There is none. So for all functions of this module.
    """
    if isinstance(measurements, Mapping):
        groups = {name: list(found) for name, found in measurements.items() if found}
    else:
        groups = {"": list(measurements)}
    everything = _some(one for found in groups.values() for one in found)
    looks = styles(one.transport for one in everything)
    heights = [len(found) + 2.2 for found in groups.values()]
    figure, axes = canvas(title or "Throughput", heights, 0.38 * sum(heights) + 0.6)
    told = []
    for axis, (name, found) in zip(axes, groups.items(), strict=True):
        _bars(axis, found, looks)
        unit = "connections" if found[0].kind == "first calls" else "items"
        axis.set_title(name, fontsize=10, loc="left")
        axis.set_xlabel(f"{unit} per second; points: repeats, in order", loc="right")
        lead = f"{name}: " if name else ""
        told.append(f"{lead}{unit} per second, {_bars_text(found)}")
    return _plot(figure, f"Bar chart of medians. {' '.join(told)}")


def plot_payload(
    measurements: Iterable[Measurement],
    title: str = "",
    reference: str | None = None,
) -> Plot:
    """Draw items per second against the size of an item; below it, the ratio to one.

    Parameters
    ----------
    measurements : iterable of Measurement
        Of several ``payload_bytes``.
    title : str, optional
    reference : str or None, default None
        The transport that the ratio divides by; None for the first one.
    """
    found = _some(measurements)
    title = title or "Throughput and size of an item"
    figure, (upper, lower) = canvas(title, (3, 2), 6.0)
    series = _series(found, lambda one: one.payload_bytes)
    reference = reference or next(iter(series))
    _lines(upper, series, broken=True)
    _lines(lower, _over(series, reference), points=False, broken=True)
    for axis, what in ((upper, _PER_SECOND), (lower, f"times {reference}")):
        sizes = sorted({one.payload_bytes for one in found})
        scale(axis, "x", sizes, bytes_text, log_from=10)
        axis.set_xticks(sizes)
        axis.set_xlabel(_SIZE)
        axis.set_ylabel(what)
    _legend(figure, upper)
    alt = "Line chart of items per second against the size of an item. "
    return _plot(figure, alt + _ends(series, bytes_text))


def plot_batches(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw items per second against the items in one call.

    A transport that was measured with one ``batch_size`` alone is drawn as a level.
    """
    found = _some(measurements)
    figure, (axis,) = canvas(title or "Throughput and length of the lists")
    series = _series(found, lambda one: one.batch_size)
    _lines(axis, series, level=True)
    scale(axis, "x", [one.batch_size for one in found])
    axis.set_xlabel("items in one call")
    axis.set_ylabel(_PER_SECOND)
    _legend(figure, axis)
    alt = "Line chart of items per second against the items in one call. "
    return _plot(figure, alt + _ends(series, lambda size: f"{size:,.0f} a call"))


def plot_scaling(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw items per second against how many producers, consumers or both there are."""
    found = _some(measurements)
    ends = sorted({(one.producers, one.consumers) for one in found})
    vary = [len(set(side)) > 1 for side in zip(*ends, strict=True)]
    roles = [one for one, varies in zip(_ROLES, vary, strict=True) if varies]
    role = " and ".join(roles or ["consumers"])
    names = [
        " and ".join(str(n) for n, varies in zip(end, vary, strict=True) if varies)
        or str(end[1])
        for end in ends
    ]
    figure, (axis,) = canvas(title or f"How many {role}")
    series = _series(found, lambda one: ends.index((one.producers, one.consumers)))
    _lines(axis, series)
    axis.set_xticks(range(len(names)), names)
    axis.set_xlabel(f"number of {role}")
    axis.set_ylabel(_PER_SECOND)
    if axis.get_yscale() == "linear":
        axis.set_ylim(bottom=0)
    _legend(figure, axis)
    alt = f"Line chart of items per second against the number of {role}. "
    return _plot(figure, alt + _ends(series, lambda place: names[int(place)]))


def plot_latency(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw which part of the items arrived within which time.

    Measurements without ``latency_samples_s`` are left out.
    """
    found = _some(one for one in measurements if one.latency_samples_s)
    names = _names(found)
    figure, (axis,) = canvas(title or "Latency")
    told = []
    looks = styles(names)
    for name, one in zip(names, found, strict=True):
        look = looks[name]
        ranked = sorted(one.latency_samples_s)
        parts = [100 * (place + 1) / len(ranked) for place in range(len(ranked))]
        marks = max(len(ranked) // 8, 1)
        axis.step(
            *(ranked, parts), where="post", markevery=marks, label=name, **look.line()
        )
        text = {part: seconds_text(value) for part, value in one.latency_s.items()}
        told.append(
            f"{name}: half within {text['p50']}, 99 % within {text['p99']}, slowest "
            f"{text['max']}"
        )
    samples = [sample for one in found for sample in one.latency_samples_s]
    scale(axis, "x", samples, seconds_text, log_from=10)
    axis.set_xlabel("time from put to get, one item at a time")
    axis.set_ylabel("per cent that took no longer")
    _legend(figure, axis)
    alt = "Distribution of the time from put to get."
    return _plot(figure, f"{alt} {'; '.join(told)}.")


def plot_costs(
    models: CostModel | Mapping[str, CostModel],
    checked: Iterable[tuple[int, float]] = (),
    title: str = "",
) -> Plot:
    """Draw measured times, the line fitted to them, and sizes kept for a check.

    Parameters
    ----------
    models : CostModel or mapping of str to CostModel
        Of :func:`labkit.throughput.costs.fit`; by transport, if several.
    checked : iterable of (int, float)
        Bytes and seconds that were kept from the fit; the first model predicts them.
    title : str, optional
    """
    named = models if isinstance(models, Mapping) else {"measured": models}
    checks = list(checked)
    figure, (axis,) = canvas(title or "What a call costs: t(n) = a + b·n")
    sizes = sorted({size for model in named.values() for size, _ in model.points})
    ceiling = 1.25 * max(
        model.a_s + model.b_s_per_byte * sizes[-1] for model in named.values()
    )
    told = []
    for (name, model), look in zip(named.items(), styles(named).values(), strict=True):
        told.append(f"{name}: {model}")
        ends = [0, sizes[-1]]
        line = [model.a_s + model.b_s_per_byte * size for size in ends]
        style = {"color": look.color, "linestyle": look.linestyle}
        axis.plot(ends, line, label=f"{name}, a + b·n", **style)
        axis.plot([], [], look.marker, color=look.color, label=f"{name}, measured")
        for size, seconds in model.points:
            if seconds <= ceiling:
                axis.plot(size, seconds, look.marker, color=look.color)
            else:  # on a cliff: the axis would show nothing else
                axis.plot(size, ceiling, "^", color=look.color, clip_on=False)
                _note(axis, size, ceiling, seconds_text(seconds))
    for size, seconds in checks:
        expected = next(iter(named.values())).predict(size)
        axis.plot(size, expected, "x", color="#000000", markersize=11)
        axis.plot(size, seconds, "o", color="#000000", markersize=11, fillstyle="none")
        told.append(
            f"for {bytes_text(size)} {seconds_text(expected)} was predicted (cross) "
            f"and {seconds_text(seconds)} measured (ring)"
        )
    scale(axis, "x", [1], bytes_text)
    axis.set_xticks(sizes)
    scale(axis, "y", [1], seconds_text)
    axis.set_ylim(0, ceiling)
    axis.set_xlabel(_SIZE)
    axis.set_ylabel("time for each item")
    _legend(figure, axis)
    return _plot(figure, f"Time for an item against its size. {'; '.join(told)}.")


def plot_speedup(
    seconds: Mapping[str, Mapping[int, float]],
    cores: int | None = None,
    title: str = "",
) -> Plot:
    """Draw how many times as fast several workers are as one, and the ideal line.

    Parameters
    ----------
    seconds : mapping of str to mapping of int to float
        Of each kind of task: by the number of workers, 1 among them, the seconds
        that the same tasks took; above 0.
    cores : int, optional
        How many of them can compute at once; marked when given.
    title : str, optional

    Raises
    ------
    MeasurementError
        There is nothing to draw, or some kind was not measured with one worker.
    """
    gains: dict[str, dict[int, float]] = {}
    for name, measured in seconds.items():
        if 1 not in measured:
            raise MeasurementError(
                f"{name!r} was not measured with 1 worker, which the others are "
                f"compared with; there is {', '.join(map(str, measured)) or 'nothing'}"
            )
        gains[name] = {n: measured[1] / measured[n] for n in sorted(measured)}
    sizes = sorted({size for gain in gains.values() for size in gain})
    figure, (axis,) = canvas(title or "Speed-up and workers")
    ends = [1, *_some(sizes)[-1:]]
    axis.plot(ends, ends, color="#808080", label="ideal: n workers, n times")
    told = []
    for (name, gain), look in zip(gains.items(), styles(gains).values(), strict=True):
        axis.plot(list(gain), list(gain.values()), label=name, **look.line())
        times = (f"{number_text(one)} with {size}" for size, one in gain.items())
        told.append(f"{name}: {', '.join(times)}")
    if cores is not None and cores <= sizes[-1]:
        label = f"cores of this machine: {cores}"
        axis.axhline(cores, color="#808080", linestyle=":", label=label)
    axis.set_xticks(sizes)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("number of workers")
    axis.set_ylabel("times as fast as one worker")
    _legend(figure, axis)
    there = f" This machine has {cores} cores." if cores is not None else ""
    alt = "Line chart of how many times as fast several workers are as one"
    return _plot(figure, f"{alt}, beside n times with n. {'; '.join(told)}.{there}")


# --- words ------------------------------------------------------------------------


def bytes_text(size: float) -> str:
    """Return a size as people say it: ``8 bytes``, ``10 KiB``, ``1 MiB``."""
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"


def number_text(value: float) -> str:
    """Return a number as people write it: ``20,000``, ``0.5``, ``12 million``."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} million"
    return (
        f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"
    )


def seconds_text(seconds: float) -> str:
    """Return a duration as people say it: ``90 µs``, ``44 ms``, ``1.2 s``."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _names(found: Sequence[Measurement]) -> list[str]:
    """Return a name for each, as short as identifies it among the others."""
    details: list[Callable[[Measurement], str]] = [
        lambda one: bytes_text(one.payload_bytes),
        lambda one: f"{one.producers} and {one.consumers} processes",
    ]
    told = [detail for detail in details if len({detail(one) for one in found}) > 1]
    return [", ".join([one.label, *(d(one) for d in told)]) for one in found]


def _bars_text(found: Sequence[Measurement]) -> str:
    """Return the medians in words, and how far they are apart."""
    pairs = zip(_names(found), found, strict=True)
    text = "; ".join(f"{name}: {number_text(one.rate_per_s)}" for name, one in pairs)
    if len(found) == 1:
        return f"{text}."
    rates = [one.rate_per_s for one in found]
    factor = max(rates) / min(rates)
    times = f"{factor:.2g}" if factor < 100 else f"{factor:,.0f}"
    return f"{text}. The fastest is {times} times the slowest."


def _ends(series: _Series, place_text: Callable[[float], str]) -> str:
    """Say where the line of each transport begins and ends."""
    told = []
    for name, places in series.items():
        ends = dict.fromkeys([next(iter(places)), list(places)[-1]])
        told.append(
            f"{name} "
            + " and ".join(
                f"{number_text(statistics.median(places[end]))} at {place_text(end)}"
                for end in ends
            )
        )
    return f"Median rates: {'; '.join(told)}."


# --- drawing ----------------------------------------------------------------------


def canvas(
    title: str, rows: Sequence[float] = (1,), height: float = 3.8
) -> "tuple[Figure, Any]":
    """Return a figure and its axes, one below the other, heights in proportion."""
    from matplotlib.figure import Figure

    # Narrow, so that a phone shows letters that can be read.
    figure = Figure(figsize=(5.8, height), dpi=150, layout="constrained")
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots(len(rows), height_ratios=rows, squeeze=False)[:, 0]
    for axis in axes:
        axis.set_facecolor("none")
        axis.grid(visible=True, which="major", color="#80808050", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def scale(
    axis: Any,
    which: str,
    values: Iterable[float],
    text: Callable[[float], str] = number_text,
    log_from: float = 100,
) -> None:
    """Make an axis logarithmic if its values span so much; write it in words."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    positive = [value for value in values if value > 0]
    wide = bool(positive) and max(positive) / min(positive) >= log_from
    getattr(axis, f"set_{which}scale")("log" if wide else "linear")
    side = getattr(axis, f"{which}axis")
    words = FuncFormatter(lambda value, _: text(value))
    side.set_major_formatter(words)
    if wide:
        side.set_minor_locator(LogLocator(subs=(2, 5)))
        side.set_minor_formatter(words)
    else:
        side.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _plot(figure: "Figure", alt: str) -> Plot:
    """Leave out the labels of ticks that would overprint others; return the plot."""
    from matplotlib.ticker import NullLocator

    figure.draw_without_rendering()
    for side in (side for axis in figure.axes for side in (axis.xaxis, axis.yaxis)):
        low, high = sorted(side.get_view_interval())
        kept: list[tuple[float, str, Any]] = []
        for minor in (False, True):
            labels = side.get_ticklabels(minor=minor)
            for place, label in zip(
                side.get_ticklocs(minor=minor), labels, strict=False
            ):
                box = label.get_window_extent().padded(6)
                apart = not any(box.overlaps(other) for _, _, other in kept)
                if apart and low <= place <= high and label.get_text():
                    kept.append((place, label.get_text(), box))
        side.set_ticks([place for place, _, _ in kept], [text for _, text, _ in kept])
        side.set_minor_locator(NullLocator())
    return Plot(figure, alt)


def _legend(figure: "Figure", axis: Any) -> None:
    """Name the lines below the axes, where nothing lies behind the names."""
    handles, labels = axis.get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) < 32 else 1
    where: Any = "outside lower center"
    figure.legend(handles, labels, loc=where, ncols=columns, fontsize=8, frameon=False)


def _bars(axis: Any, found: Sequence[Measurement], looks: dict[str, Style]) -> None:
    """Draw a bar for each measurement, from above, its repeats from above to below."""
    for place, one in enumerate(found):
        look, rates = looks[one.transport], one.rates_per_s
        axis.barh(place, one.rate_per_s, height=0.66, color=look.color, alpha=0.5)
        step = 0.5 / max(len(rates) - 1, 1)
        heights = [place - 0.25 + step * number for number in range(len(rates))]
        _dots(axis, rates, heights if len(rates) > 1 else [place], look)
        _note(axis, max(rates), place, number_text(one.rate_per_s), (8, 0))
    axis.set_yticks(range(len(found)), _names(found))
    axis.invert_yaxis()
    scale(axis, "x", [rate for one in found for rate in one.rates_per_s])
    axis.margins(x=0.16)
    axis.grid(visible=False, axis="y")


def _note(
    axis: Any, x: float, y: float, text: str, offset: tuple[int, int] = (6, 0)
) -> None:
    where = {"textcoords": "offset points", "va": "center", "fontsize": 9}
    axis.annotate(text, (x, y), offset, annotation_clip=False, **where)


def _dots(axis: Any, x: Sequence[float], y: Sequence[float], look: Style) -> None:
    """Draw single repeats, small and with a rim, so that none hides another."""
    face = {"fillstyle": "none", "color": look.color, "clip_on": False}
    axis.plot(x, y, look.marker, markersize=4, **face)


def _lines(
    axis: Any,
    series: _Series,
    *,
    points: bool = True,
    level: bool = False,
    broken: bool = False,
) -> None:
    """Draw a line through the medians of each transport, with its repeats.

    A transport with a single place may be a level across the axis; a line over sizes
    is broken where no cost per byte explains its next point.
    """
    for name, look in styles(series).items():
        places = series[name]
        middle = {place: statistics.median(rates) for place, rates in places.items()}
        if level and len(places) == 1 and len(series) > 1:
            style = {"color": look.color, "linestyle": look.linestyle}
            axis.axhline(*middle.values(), label=f"{name} (one at a time)", **style)
            continue
        x: list[float] = []
        y: list[float] = []
        for place, rate in middle.items():
            if broken and y and _jumps(rate / y[-1], place / max(x[-1], 1024)):
                x.append(place)
                y.append(math.nan)
            x.append(place)
            y.append(rate)
        axis.plot(x, y, label=name, **look.line())
        if points:
            for place, rates in places.items():
                _dots(axis, [place] * len(rates), rates, look)
    everything = [r for p in series.values() for rates in p.values() for r in rates]
    scale(axis, "y", everything)


def _jumps(rates: float, sizes: float) -> bool:
    """Tell whether no cost per byte explains two rates, from the one to the other."""
    return rates > 2 or rates * 4 * max(sizes, 1) < 1


def _series(
    found: Sequence[Measurement], axis: Callable[[Measurement], float]
) -> _Series:
    """Sort measurements by transport, then by their place on an axis."""
    series: _Series = {one.transport: {} for one in found}
    for one in sorted(found, key=axis):
        places = series[one.transport]
        places[axis(one)] = places.get(axis(one), ()) + one.rates_per_s
    return series


def _over(series: _Series, reference: str) -> _Series:
    """Divide each median by the reference's at the same place."""
    if reference not in series:
        raise MeasurementError(
            f"{reference!r} was not measured; there is {', '.join(series)}"
        )
    base = {place: statistics.median(r) for place, r in series[reference].items()}
    return {
        name: {
            place: (statistics.median(rates) / base[place],)
            for place, rates in places.items()
            if place in base
        }
        for name, places in series.items()
    }


def _some(things: Iterable[Any]) -> list[Any]:
    """Return them as a list; MeasurementError if there is none."""
    found = list(things)
    if not found:
        raise MeasurementError("there is nothing to draw; measure something first")
    return found
