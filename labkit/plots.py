"""Measurements to pictures, each with a sentence that says the same.

Every function returns a :class:`Plot`: show it as the last line of a cell, or save it.
Points are the repeats, lines and bars their medians. Axes are logarithmic where a
range passes 100 times. With nothing to draw there is a MeasurementError.
"""

import html
import io
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.errors import MeasurementError
from labkit.throughput import Measurement
from labkit.throughput.costs import CostModel, on_cliff

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people tell apart; yellow left out, and
# others darkened, so that each has 3:1 on white and on the dark theme's #111111.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07A00", "#3A97D3", "#808080")
_LOOKS = {"color": _COLOURS, "marker": "osD^vPX*<>"}
_LOOKS |= {"linestyle": ("-", "--", "-.", ":")}
_GREY = "#808080"

_Text = Callable[[float], str]


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

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, as a PNG on white; return its path."""
        about = {"Description": self.alt}
        self.figure.savefig(path, format="png", facecolor="white", metadata=about)
        return Path(path)

    def _repr_html_(self) -> str:
        """Return an SVG without a background, whose text has the colour of the page."""
        target = io.StringIO()
        self.figure.savefig(target, format="svg", facecolor="none")
        look = (
            f'role="img" aria-label="{html.escape(self.alt)}" fill="currentColor" '
            'stroke-linejoin="round" style="width:100%;max-width:680px;height:auto"'
        )
        foreign = r"(?s)<metadata>.*?</metadata>|<style.*?</style>"
        drawn = re.sub(foreign, "", target.getvalue().partition("<svg ")[2])
        return f"<svg {look} {drawn.replace('#000000', 'currentColor')}"


def plot_throughput(
    measurements: Iterable[Measurement], title: str = "Throughput"
) -> Plot:
    """Draw a bar for each measurement, the first above, and its repeats in order."""
    found = list(measurements)
    figure, axis = canvas(title, found, 1.3 + 0.38 * len(found))
    names, looks = _names(found), styles(one.transport for one in found)
    for place, one in enumerate(found):
        look, rates = looks[one.transport], one.rates_per_s
        axis.barh(place, one.rate_per_s, 0.66, color=look["color"], alpha=0.5)
        gaps = max(len(rates) - 1, 1)
        heights = [place + 0.5 * number / gaps - 0.25 for number in range(len(rates))]
        _dots(axis, rates, heights, look)
        _note(axis, max(rates), place, number_text(one.rate_per_s))
    axis.set_yticks(range(len(found)), names)
    axis.invert_yaxis()
    scale(axis.xaxis, [rate for one in found for rate in one.rates_per_s])
    axis.margins(x=0.16)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("items per second; points: repeats, in order", loc="right")
    medians = [one.rate_per_s for one in found]
    told = [f"{n}: {number_text(r)}" for n, r in zip(names, medians, strict=True)]
    times = number_text(max(medians) / min(medians))
    alt = f"Bar chart of items per second, medians. {'; '.join(told)}. The fastest is"
    return _plot(figure, f"{alt} {times} times the slowest.")


def plot_payload(
    measurements: Iterable[Measurement], title: str = "Throughput and size of an item"
) -> Plot:
    """Draw items per second against the size of an item.

    A line is broken at the edges of a cliff, which no cost per byte explains.
    """
    return _curves(measurements, title, "payload_bytes", "size of an item", bytes_text)


def plot_batches(measurements: Iterable[Measurement]) -> Plot:
    """Draw items per second against the items in one call.

    A transport that was measured with one ``batch_size`` alone is drawn as a level.
    """
    title = "Throughput and length of lists"
    return _curves(measurements, title, "batch_size", "items in one call", number_text)


def plot_latency(measurements: Iterable[Measurement]) -> Plot:
    """Draw which part of the items arrived within which time.

    Measurements without ``latency_samples_s`` are left out.
    """
    found = [one for one in measurements if one.latency_samples_s]
    figure, axis = canvas("Latency", found)
    told, names = [], _names(found)
    looks = styles(names)
    for name, one in zip(names, found, strict=True):
        axis.ecdf(one.latency_samples_s, label=name, markevery=0.1, **looks[name])
        half, _, most, slowest = map(seconds_text, one.latency_s.values())
        told.append(f"{name}: half within {half}, 99 % within {most}, all in {slowest}")
    samples = [sample for one in found for sample in one.latency_samples_s]
    scale(axis.xaxis, samples, seconds_text, log_from=10)
    scale(axis.yaxis, [], lambda part: f"{part:.0%}")
    axis.set(xlabel="time from put to get, one item at a time")
    axis.set(ylabel="items that took no longer")
    return _plot(figure, f"Distribution of the time to arrive. {'; '.join(told)}.")


def plot_costs(
    models: Mapping[str, CostModel], checked: Iterable[tuple[int, float]]
) -> Plot:
    """Draw measured times, the line fitted to them, and sizes kept for a check.

    ``models`` are those of :func:`labkit.throughput.costs.fit`, by transport;
    ``checked`` are bytes and seconds, which the first of them predicts.
    """
    figure, axis = canvas("What a call costs: t(n) = a + b·n", models)
    sizes = sorted({size for model in models.values() for size, _ in model.points})
    lines = {n: [m.a_s, m.a_s + m.b_s_per_byte * sizes[-1]] for n, m in models.items()}
    ceiling = 1.25 * max(line[1] for line in lines.values())
    told = [f"{name}: {model}" for name, model in models.items()]
    for name, look in styles(models).items():
        axis.plot([0, sizes[-1]], lines[name], label=name, markevery=[], **look)
        for size, seconds in models[name].points:
            if seconds <= ceiling:
                axis.plot(size, seconds, look["marker"], color=look["color"])
            else:  # on a cliff: the axis would show nothing else
                axis.plot(size, ceiling, "^", color=look["color"], clip_on=False)
                _note(axis, size, ceiling, seconds_text(seconds))
    for size, seconds in checked:
        expected = next(iter(models.values())).predict(size)
        axis.plot(size, expected, "x", color="#000000", markersize=11)
        axis.plot(size, seconds, "o", color="#000000", markersize=11, fillstyle="none")
        told.append(
            f"for {bytes_text(size)} {seconds_text(expected)} was predicted (cross) "
            f"and {seconds_text(seconds)} measured (ring)"
        )
    scale(axis.xaxis, [], bytes_text)
    scale(axis.yaxis, [], seconds_text)
    axis.set(xlabel="size of an item", ylabel="time for each item")
    axis.set(xticks=sizes, ylim=(0, ceiling))
    return _plot(figure, f"Time for an item against its size. {'; '.join(told)}.")


def plot_speedup(seconds: Mapping[str, Mapping[int, float]], cores: int) -> Plot:
    """Draw how many times as fast several workers are as one, and the ideal line.

    ``seconds`` says, for each kind of task and number of workers, 1 among them, how
    long the same tasks took; ``cores``, how many workers can compute at once.
    """
    figure, axis = canvas("Speed-up and workers", seconds)
    told, sizes = [], sorted({1, *(n for took in seconds.values() for n in took)})
    axis.plot(sizes, sizes, color=_GREY, label="ideal: n workers, n times")
    for name, look in styles(seconds).items():
        took = seconds[name]
        gain = {n: took[1] / took[n] for n in sorted(took)}
        axis.plot(list(gain), list(gain.values()), label=name, **look)
        times = (f"{number_text(one)} with {n}" for n, one in gain.items())
        told.append(f"{name}: {', '.join(times)}")
    if cores <= sizes[-1]:
        label = f"cores of this machine: {cores}"
        axis.axhline(cores, color=_GREY, linestyle=":", label=label)
    axis.set(xticks=sizes, xlabel="number of workers", ylabel="times as fast as one")
    axis.set_ylim(bottom=0)
    there = f"This machine has {cores} cores."
    alt = "Line chart of how many times as fast several workers are as one"
    return _plot(figure, f"{alt}, beside n times with n. {'; '.join(told)}. {there}")


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
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def seconds_text(seconds: float) -> str:
    """Return a duration as people say it: ``90 µs``, ``44 ms``, ``1.2 s``."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def styles(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return how each name looks, no two alike, in matplotlib's words for a line."""
    found = {}
    for place, name in enumerate(dict.fromkeys(names)):
        found[name] = {key: of[place % len(of)] for key, of in _LOOKS.items()}
    return found


def canvas(title: str, found: Sized, height: float = 3.8) -> "tuple[Figure, Any]":
    """Return a figure and its axes for what was found; MeasurementError for nothing."""
    from matplotlib.figure import Figure

    if not found:
        raise MeasurementError("there is nothing to draw; measure something first")
    # Narrow, so that a phone shows letters that can be read.
    figure = Figure(figsize=(5.8, height), dpi=150, layout="constrained")
    figure.suptitle(title, fontsize=12)
    axis = figure.subplots()
    axis.set_facecolor("none")
    axis.set_prop_cycle(color=_COLOURS)  # for what a lesson draws itself
    axis.grid(visible=True, which="major", color=f"{_GREY}50", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def scale(
    side: Any, values: Iterable[float], text: _Text = number_text, log_from: float = 100
) -> None:
    """Make an axis logarithmic if its values span so much; write it in words."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    positive = [value for value in values if value > 0] or [1]
    wide = max(positive) / min(positive) >= log_from
    getattr(side.axes, f"set_{side.axis_name}scale")("log" if wide else "linear")
    words = FuncFormatter(lambda value, _: text(value))
    side.set_major_formatter(words)
    if wide:
        side.set_minor_locator(LogLocator(subs=(2, 5)))
        side.set_minor_formatter(words)
    else:
        side.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _plot(figure: "Figure", alt: str) -> Plot:
    """Name the lines below, leave out ticks whose labels would overprint others."""
    from matplotlib.ticker import NullLocator

    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        columns = 2 if max(map(len, labels)) < 32 else 1
        below: Any = {"loc": "outside lower center", "ncols": columns, "fontsize": 8}
        figure.legend(handles, labels, frameon=False, **below)
    figure.draw_without_rendering()
    for side in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        low, high = sorted(side.get_view_interval())
        kept, boxes = dict[float, str](), list[Any]()
        for tick in (*side.get_major_ticks(), *side.get_minor_ticks()):
            text, box = tick.label1.get_text(), tick.label1.get_window_extent()
            is_seen = text and low <= tick.get_loc() <= high
            if is_seen and not box.padded(12).count_overlaps(boxes):
                kept[tick.get_loc()] = text
                boxes.append(box)
        side.set_ticks(list(kept), list(kept.values()))
        side.set_minor_locator(NullLocator())
    return Plot(figure, alt)


def _curves(
    measurements: Iterable[Measurement], title: str, field: str, label: str, text: _Text
) -> Plot:
    """Draw a line through the medians of each transport; say where it begins and ends.

    It is broken at the edges of a cliff; of one length of lists alone it is a level.
    """
    found, place_of, told = list(measurements), operator.attrgetter(field), []
    figure, axis = canvas(title, found)
    for name, look in styles(one.transport for one in found).items():
        mine = sorted((o for o in found if o.transport == name), key=place_of)
        x, y = [place_of(one) for one in mine], [one.rate_per_s for one in mine]
        said = [f"{number_text(y[n])} at {text(x[n])}" for n in sorted({0, len(x) - 1})]
        told.append(f"{name} {' and '.join(said)}")
        if field == "batch_size" and len(mine) == 1 and len(found) > 1:
            axis.axhline(y[0], label=f"{name} (one at a time)", **look | {"marker": ""})
            continue
        for one in mine:
            _dots(axis, [place_of(one)] * len(one.rates_per_s), one.rates_per_s, look)
        high = on_cliff([(size, 1 / rate) for size, rate in zip(x, y, strict=True)])
        for place in reversed(range(1, len(x))):
            if (place in high) != (place - 1 in high):
                x.insert(place, x[place])
                y.insert(place, math.nan)
        axis.plot(x, y, label=name, **look)
    places = sorted({place_of(one) for one in found})
    scale(axis.xaxis, places, text, log_from=10)
    scale(axis.yaxis, [rate for one in found for rate in one.rates_per_s])
    axis.set(xlabel=label, ylabel="items per second")
    axis.set_xticks(places, map(text, places))
    axis.set_xticks([], minor=True)
    if axis.get_yscale() == "linear":
        axis.set_ylim(bottom=0)
    about = f"Line chart of items per second against {label}. Median rates"
    return _plot(figure, f"{about}: {'; '.join(told)}.")


def _names(found: Sequence[Measurement]) -> list[str]:
    """Return a name for each, with the size where sizes differ."""
    several = len({one.payload_bytes for one in found}) > 1
    return [one.label + f", {bytes_text(one.payload_bytes)}" * several for one in found]


def _note(axis: Any, x: float, y: float, text: str) -> None:
    where = {"textcoords": "offset points", "va": "center", "fontsize": 9}
    axis.annotate(text, (x, y), (8, 0), annotation_clip=False, **where)


def _dots(
    axis: Any, x: Sequence[float], y: Sequence[float], look: Mapping[str, str]
) -> None:
    """Draw single repeats, small and with a rim, so that none hides another."""
    face = {"fillstyle": "none", "color": look["color"], "clip_on": False}
    axis.plot(x, y, look["marker"], markersize=4, **face)
