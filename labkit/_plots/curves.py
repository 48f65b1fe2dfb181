"""Measurements to lines on axes, and to the words that go with them."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from labkit._plots.pictures import (
    LOG_FROM,
    Style,
    bytes_text,
    number_text,
    styles,
)
from labkit._throughput.measurements import Measurement
from labkit.errors import MeasurementError

__all__ = [
    "Series",
    "bars",
    "dots",
    "ends",
    "label",
    "lines",
    "names_of",
    "over",
    "scale",
    "series_of",
    "size_axis",
    "some",
    "times",
]

# Of each transport, by name: where on the x axis, and the repeats found there.
Series = dict[str, dict[float, tuple[float, ...]]]
Axis = Callable[[Measurement], float]


def some(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Return them as a list; MeasurementError if there is none."""
    found = list(measurements)
    if not found:
        raise MeasurementError("there is nothing to draw; measure something first")
    return found


def names_of(found: Sequence[Measurement]) -> list[str]:
    """Return a name for each, as short as tells them apart."""
    details: list[Callable[[Measurement], str]] = [
        lambda one: one.transport,
        lambda one: bytes_text(one.payload_bytes),
        lambda one: f"{one.batch_size:,} a call",
        lambda one: f"{one.producers} to {one.consumers}",
    ]
    needed = [
        detail
        for place, detail in enumerate(details)
        if place == 0 or len({detail(one) for one in found}) > 1
    ]
    return [", ".join(detail(one) for detail in needed) for one in found]


def series_of(found: Sequence[Measurement], axis: Axis) -> Series:
    """Sort measurements by transport, then by their place on an axis."""
    series: Series = {}
    for one in sorted(found, key=axis):
        places = series.setdefault(one.transport, {})
        places[axis(one)] = places.get(axis(one), ()) + one.rates_per_s
    return {one.transport: series[one.transport] for one in found}


def over(series: Series, reference: str) -> Series:
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


def lines(
    axis: Any, series: Series, *, points: bool = True, level: bool = False
) -> None:
    """Draw a line through the medians of each transport, with its repeats.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    series : Series
    points : bool, default True
        Whether to draw the repeats.
    level : bool, default False
        Whether a transport with a single place is drawn across the whole axis.
    """
    looks = styles(series)
    for name, places in series.items():
        look = looks[name]
        middle = [statistics.median(rates) for rates in places.values()]
        if level and len(places) == 1 and len(series) > 1:
            style = {"color": look.color, "linestyle": look.linestyle}
            axis.axhline(middle[0], label=f"{name} (one at a time)", **style)
            continue
        axis.plot(list(places), middle, label=name, **look.line())
        if points:
            for place, rates in places.items():
                dots(axis, [place] * len(rates), rates, look)
    everything = [
        r for places in series.values() for rates in places.values() for r in rates
    ]
    scale(axis, "y", everything)


def dots(axis: Any, x: Sequence[float], y: Sequence[float], look: Style) -> None:
    """Draw single repeats, small and with a rim, so that none hides another."""
    axis.plot(
        *(x, y),
        linestyle="none",
        marker=look.marker,
        markersize=5,
        markerfacecolor="none",
        markeredgecolor=look.color,
        markeredgewidth=1,
    )


def bars(axis: Any, found: Sequence[Measurement], looks: dict[str, Style]) -> str:
    """Draw a bar for each measurement, from above; return what they count."""
    labels = names_of(found)
    for place, one in enumerate(found):
        look = looks[one.transport]
        faces = {"color": (look.color, 0.55), "edgecolor": look.color}
        axis.barh(place, one.rate_per_s, height=0.62, **faces)
        dots(axis, one.rates_per_s, [place] * len(one.rates_per_s), look)
        beside(axis, max(one.rates_per_s), place, number_text(one.rate_per_s))
    axis.set_yticks(range(len(labels)), labels)
    axis.invert_yaxis()
    scale(axis, "x", [rate for one in found for rate in one.rates_per_s])
    axis.margins(x=0.14)
    axis.grid(visible=False, axis="y")
    return "connections" if found[0].kind == "first calls" else "items"


def beside(axis: Any, x: float, y: float, text: str) -> None:
    """Write a text to the right of a point."""
    axis.annotate(
        *(text, (x, y), (8, 0)),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def scale(axis: Any, which: str, values: Iterable[float]) -> bool:
    """Make the x or y axis logarithmic if its values span 100 times; tell whether."""
    positive = [value for value in values if value > 0]
    wide = bool(positive) and max(positive) / min(positive) >= LOG_FROM
    getattr(axis, f"set_{which}scale")("log" if wide else "linear")
    if which == "x" and not wide:
        axis.locator_params(axis="x", nbins=6)  # more long numbers would overlap
    label(axis, which, number_text)
    return wide


def label(axis: Any, which: str, text: Callable[[float], str]) -> None:
    """Write the numbers of an axis in words, so after its scale was set."""
    from matplotlib.ticker import FuncFormatter

    side = getattr(axis, f"{which}axis")
    side.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def size_axis(axis: Any, sizes: Sequence[float]) -> None:
    """Mark an x axis of sizes with the sizes measured, in words."""
    wide = scale(axis, "x", sizes)
    shown = _apart(sizes) if wide else list(sizes)
    axis.set_xticks(
        shown, [bytes_text(size) for size in shown], rotation=30, ha="right", fontsize=8
    )
    axis.minorticks_off()


def _apart(sizes: Sequence[float]) -> list[float]:
    """Leave out sizes whose labels would touch."""
    kept: list[float] = []
    for size in sizes:
        if not kept or size >= kept[-1] * 4:
            kept.append(size)
    return kept


def times(factor: float) -> str:
    """Return a factor in words: ``1.4 times``, ``310 times``."""
    return f"{factor:.2g} times" if factor < 100 else f"{factor:,.0f} times"


def ends(series: Series, place_text: Callable[[float], str]) -> str:
    """Say where the line of each transport begins and ends."""
    told = []
    for name, places in series.items():
        first, last = next(iter(places)), list(places)[-1]
        text = f"{name} {_middle(places[first])} at {place_text(first)}"
        if last != first:
            text += f" and {_middle(places[last])} at {place_text(last)}"
        told.append(text)
    return "Median rates: " + "; ".join(told) + "."


def _middle(rates: Sequence[float]) -> str:
    return number_text(statistics.median(rates))
