"""What every picture of the kit shares: colours, marks, units, and its words."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "LOG_FROM",
    "Plot",
    "Style",
    "bytes_text",
    "canvas",
    "number_text",
    "seconds_text",
    "styles",
]

LOG_FROM = 100  # a range beyond this factor is drawn on logarithmic axes

# Okabe and Ito's colours, which colour-blind people tell apart; yellow left out, for
# it cannot be seen on white, and two darkened, so that each has 3:1 there.
_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C08400", "#3A97D3", "#000000"),
)
_MARKERS = "osD^vPX*<>"
_LINES = ("-", "--", "-.", ":")


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
    unique = list(dict.fromkeys(names))
    return {
        name: Style(
            _COLOURS[place % len(_COLOURS)],
            _MARKERS[place % len(_MARKERS)],
            _LINES[place % len(_LINES)],
        )
        for place, name in enumerate(unique)
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

    def png(self) -> bytes:
        """Return the picture as a PNG."""
        target = io.BytesIO()
        self.figure.savefig(target, format="png", metadata={"Description": self.alt})
        return target.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the PNG to a file; return its path."""
        path = Path(path)
        path.write_bytes(self.png())
        return path

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png()).decode("ascii")
        alt = html.escape(self.alt, quote=True)
        return (
            f'<img alt="{alt}" src="data:image/png;base64,{data}" '
            'style="width:100%;max-width:680px;height:auto">'
        )


def canvas(
    title: str, columns: int = 1, height: float = 3.6, rows: Sequence[float] = ()
) -> "tuple[Figure, Any]":
    """Return a figure with its axes: white in light and in dark themes.

    Parameters
    ----------
    title : str
    columns : int, default 1
        Axes side by side.
    height : float, default 3.6
        Inches; the width is 5.8, so that a phone shows letters that can be read.
    rows : sequence of float
        If given, axes below each other instead, with heights in these proportions.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes or sequence of them
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.8, height), dpi=150, layout="constrained")
    figure.set_facecolor("white")
    figure.suptitle(title, fontsize=12)
    if rows:
        axes = figure.subplots(len(rows), height_ratios=rows, squeeze=False)[:, 0]
    else:
        axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.set_facecolor("white")
        axis.grid(visible=True, which="major", color="#dddddd", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes[0] if columns == 1 and not rows else axes


def bytes_text(size: float) -> str:
    """Return a size as people say it: ``8 bytes``, ``10 KiB``, ``1 MiB``."""
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"


def number_text(value: float) -> str:
    """Return a number as people write it: ``20,000``, ``0.5``."""
    return (
        f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"
    )


def seconds_text(seconds: float) -> str:
    """Return a duration as people say it: ``90 µs``, ``44 ms``, ``1.2 s``."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
