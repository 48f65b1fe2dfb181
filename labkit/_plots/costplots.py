"""The cost model over the points it was fitted to; see :mod:`labkit.plots`."""

from collections.abc import Iterable, Mapping
from typing import Any

from labkit._plots import curves as draw
from labkit._plots.pictures import Plot, Style, bytes_text, canvas, seconds_text, styles
from labkit.costs import CostModel

__all__ = ["plot_costs"]


def plot_costs(
    models: CostModel | Mapping[str, CostModel],
    checked: Iterable[tuple[int, float]] = (),
    title: str = "",
) -> Plot:
    """Draw measured times, the line fitted to them, and sizes kept for a check.

    Parameters
    ----------
    models : CostModel or mapping of str to CostModel
        Of :func:`labkit.costs.fit`; by transport, if several.
    checked : iterable of (int, float)
        Bytes and seconds, measured after the fit; the first model predicts them.
    title : str, optional
    """
    named = models if isinstance(models, Mapping) else {"measured": models}
    figure, axis = canvas(title or "What a call costs: t(n) = a + b·n")
    for (name, model), look in zip(named.items(), styles(named).values(), strict=True):
        _line(axis, name, model, look)
    told = [f"{name}: {model}" for name, model in named.items()]
    told += _checked(axis, next(iter(named.values())), checked)
    sizes = {max(size, 1) for model in named.values() for size, _ in model.points}
    draw.size_axis(axis, sorted(sizes))
    axis.set_yscale("log")
    draw.label(axis, "y", seconds_text)
    axis.set_xlabel("size of an item n, bytes")
    axis.set_ylabel("time for each item, t(n)")
    axis.legend(fontsize=8)
    return Plot(figure, "Time for an item against its size. " + "; ".join(told) + ".")


def _checked(
    axis: Any, model: CostModel, checked: Iterable[tuple[int, float]]
) -> list[str]:
    """Draw predictions and what was measured after; return the comparison in words."""
    told = []
    for number, (size, seconds) in enumerate(checked):
        expected = model.predict(size)
        named = {"label": "predicted"} if number == 0 else {}
        axis.plot(size, expected, "x", color="#000000", markersize=11, **named)
        named = {"label": "measured after"} if number == 0 else {}
        axis.plot(
            *(size, seconds, "o"),
            markersize=11,
            markerfacecolor="none",
            markeredgecolor="#000000",
            **named,
        )
        told.append(
            f"for {bytes_text(size)} {seconds_text(expected)} was predicted and "
            f"{seconds_text(seconds)} measured"
        )
    return told


def _line(axis: Any, name: str, model: CostModel, look: Style) -> None:
    """Draw the points of a model, its line, and the sizes on a cliff."""
    sizes = [max(size, 1) for size, _ in model.points]
    times_s = [seconds for _, seconds in model.points]
    axis.plot(sizes, times_s, look.marker, color=look.color, label=f"{name}, measured")
    steps = [sizes[0] * (sizes[-1] / sizes[0]) ** (number / 60) for number in range(61)]
    line = [model.a_s + model.b_s_per_byte * size for size in steps]
    axis.plot(
        *(steps, line),
        linestyle=look.linestyle,
        color=look.color,
        label=f"{name}, a + b·n",
    )
    if model.cliff is not None:
        axis.axvspan(
            model.cliff.above_bytes, model.cliff.to_bytes, color=look.color, alpha=0.12
        )
