"""Measurements to pictures, each with a sentence that says the same.

Every function returns a :class:`Plot`: show it as the last line of a cell, or save
it. Points are the repeats, lines and bars their medians. Axes are logarithmic where
a range passes 100 times.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from labkit._plots import curves as draw
from labkit._plots.costplots import plot_costs
from labkit._plots.pictures import (
    Plot,
    bytes_text,
    canvas,
    number_text,
    seconds_text,
    styles,
)
from labkit._plots.speedups import plot_speedup
from labkit._throughput.measurements import Measurement

__all__ = [
    "Plot",
    "plot_batches",
    "plot_contests",
    "plot_costs",
    "plot_latency",
    "plot_payload",
    "plot_scaling",
    "plot_speedup",
    "plot_throughput",
]

_PER_SECOND = "items per second"


def plot_throughput(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw a bar for each measurement, with every repeat as a point.

    Parameters
    ----------
    measurements : iterable of Measurement
        At least one; the picture keeps their order, from above.
    title : str, optional

    Returns
    -------
    Plot

    Raises
    ------
    MeasurementError
        There is none. So for all functions of this module.
    """
    found = draw.some(measurements)
    figure, axis = canvas(title or "Throughput", height=1.3 + 0.42 * len(found))
    unit = draw.bars(axis, found, styles(one.transport for one in found))
    axis.set_xlabel(f"{unit} per second; bar: median, points: repeats")
    alt = f"Bar chart of {unit} per second, median of the repeats: "
    return Plot(figure, alt + _bars_text(found))


def plot_contests(
    contests: Mapping[str, Sequence[Measurement]], title: str = ""
) -> Plot:
    """Draw bars of several sets of measurements, each on axes of its own.

    Parameters
    ----------
    contests : mapping of str to sequence of Measurement
        By title; empty ones are left out.
    title : str, optional
    """
    shown = {name: list(found) for name, found in contests.items() if found}
    everything = draw.some(one for found in shown.values() for one in found)
    looks = styles(one.transport for one in everything)
    heights = [len(found) + 2.2 for found in shown.values()]
    figure, axes = canvas(title, rows=heights, height=0.3 * sum(heights) + 0.6)
    told = []
    for axis, (name, found) in zip(axes, shown.items(), strict=True):
        unit = draw.bars(axis, found, looks)
        axis.set_title(f"{name} ({unit} per second)", fontsize=10, loc="left")
        told.append(f"{name}: {_bars_text(found)}")
    return Plot(figure, "Bar charts of medians per second. " + " ".join(told))


def plot_payload(
    measurements: Iterable[Measurement],
    title: str = "",
    reference: str | None = None,
) -> Plot:
    """Draw items per second against the size of an item, the ratio below it.

    Parameters
    ----------
    measurements : iterable of Measurement
        Of several ``payload_bytes``.
    title : str, optional
    reference : str or None, default None
        The transport that the ratio divides by; None for the first one measured.
    """
    found = draw.some(measurements)
    figure, (upper, lower) = canvas(
        title or "Throughput and payload", rows=(1, 1), height=6.0
    )
    series = draw.series_of(found, lambda one: one.payload_bytes)
    reference = reference or next(iter(series))
    draw.lines(upper, series)
    draw.lines(lower, draw.over(series, reference), points=False)
    for axis, what in (
        (upper, _PER_SECOND),
        (lower, f"times the rate of {reference}"),
    ):
        draw.size_axis(axis, sorted({one.payload_bytes for one in found}))
        axis.set_xlabel("size of an item, bytes")
        axis.set_ylabel(what)
    upper.legend(fontsize=8)
    alt = "Line chart of items per second against the size of an item. " + draw.ends(
        series, bytes_text
    )
    return Plot(figure, alt)


def plot_batches(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw items per second against the items in one call.

    Parameters
    ----------
    measurements : iterable of Measurement
        Of several ``batch_size``. A transport of one single size is drawn as a level.
    title : str, optional
    """
    found = draw.some(measurements)
    figure, axis = canvas(title or "Throughput and batches")
    series = draw.series_of(found, lambda one: one.batch_size)
    draw.lines(axis, series, level=True)
    draw.scale(axis, "x", [one.batch_size for one in found])
    axis.set_xlabel("items in one call")
    axis.set_ylabel(_PER_SECOND)
    axis.legend(fontsize=8)
    alt = "Line chart of items per second against the items in one call. " + draw.ends(
        series, lambda size: f"{size:,.0f} a call"
    )
    return Plot(figure, alt)


def plot_scaling(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw items per second against the number of processes.

    Parameters
    ----------
    measurements : iterable of Measurement
        Of several ``consumers``, or several ``producers``, or both.
    title : str, optional
    """
    found = draw.some(measurements)
    role, count = _role(found)
    figure, axis = canvas(title or f"Throughput and {role}")
    series = draw.series_of(found, count)
    draw.lines(axis, series)
    axis.set_xticks(sorted({count(one) for one in found}))
    axis.set_xlabel(f"number of {role}")
    axis.set_ylabel(_PER_SECOND)
    if axis.get_yscale() == "linear":
        axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)
    alt = f"Line chart of items per second against the number of {role}. " + draw.ends(
        series, lambda number: f"{number:.0f}"
    )
    return Plot(figure, alt)


def plot_latency(measurements: Iterable[Measurement], title: str = "") -> Plot:
    """Draw which part of the items arrived within which time.

    Parameters
    ----------
    measurements : iterable of Measurement
        With ``latency_samples_s``; others are left out.
    title : str, optional
    """
    found = draw.some(one for one in measurements if one.latency_samples_s)
    names = draw.names_of(found)
    figure, axis = canvas(title or "Latency")
    looks = styles(names)
    for name, one in zip(names, found, strict=True):
        look, ranked = looks[name], sorted(one.latency_samples_s)
        parts = [100 * (place + 1) / len(ranked) for place in range(len(ranked))]
        axis.step(
            *(ranked, parts),
            where="post",
            markevery=max(len(ranked) // 8, 1),
            label=name,
            **look.line(),
        )
    axis.set_xscale("log")
    draw.label(axis, "x", seconds_text)
    axis.set_xlabel("time from put to get, one item at a time")
    axis.set_ylabel("per cent that took no longer")
    axis.legend(fontsize=8, loc="lower right")
    told = "; ".join(
        f"{name}: half within {text['p50']}, 99 % within {text['p99']}, slowest "
        f"{text['max']}"
        for name, text in zip(names, map(_percentile_texts, found), strict=True)
    )
    return Plot(figure, f"Distribution of the time from put to get. {told}.")


def _bars_text(found: Sequence[Measurement]) -> str:
    """Return the medians in words, and how far they are apart."""
    pairs = zip(draw.names_of(found), found, strict=True)
    text = (
        ", ".join(f"{name} {number_text(one.rate_per_s)}" for name, one in pairs) + "."
    )
    if len(found) > 1:
        rates = [one.rate_per_s for one in found]
        text += f" The fastest is {draw.times(max(rates) / min(rates))} the slowest."
    return text


def _role(found: Sequence[Measurement]) -> tuple[str, Callable[[Measurement], float]]:
    """Return which processes vary in number, and how to count them."""
    makers = {one.producers for one in found}
    takers = {one.consumers for one in found}
    if len(makers) > 1 and len(takers) > 1:
        return "producers and consumers", lambda one: one.producers + one.consumers
    if len(makers) > 1:
        return "producers", lambda one: one.producers
    return "consumers", lambda one: one.consumers


def _percentile_texts(one: Measurement) -> dict[str, str]:
    return {name: seconds_text(value) for name, value in one.latency_s.items()}
