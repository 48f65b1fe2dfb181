"""What an experiment found for a set-up, beside what was expected, in words."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labkit import plots
from labkit._dashboards.setups import Setup, expected_per_s, found_for
from labkit._throughput.measurements import Measurement

__all__ = ["Finding", "findings", "picture", "table", "text"]

_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Finding:
    """One transport in one set-up.

    Attributes
    ----------
    transport : str
    expected_per_s : float or None
        Items per second by the cost model, from other payloads; None without any.
    found : Measurement or None
        None if it has not been measured.
    """

    transport: str
    expected_per_s: float | None
    found: Measurement | None

    @property
    def cells(self) -> tuple[str, str, str]:
        """Expected and measured items per second, and the spread, as text."""
        expected = self.expected_per_s
        return (
            _NOTHING if expected is None else f"about {_rounded(expected):,}",
            "not yet" if self.found is None else f"{self.found.rate_per_s:,.0f}",
            _NOTHING if self.found is None else f"{self.found.spread:.0%}",
        )


_HEADS = ("expected/s", "measured/s", "spread")


def findings(setup: Setup, measurements: Iterable[Measurement]) -> list[Finding]:
    """Return what is known of each transport of a set-up."""
    known = list(measurements)
    found = {one.transport: one for one in found_for(setup, known)}
    return [
        Finding(name, expected_per_s(setup, name, known), found.get(name))
        for name in setup.transports
    ]


def table(setup: Setup, rows: Sequence[Finding]) -> str:
    """Return findings as an HTML table."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("transport", *_HEADS))
    body = "".join(
        f'<tr><th scope="row">{html.escape(row.transport)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row.cells)
        + "</tr>"
        for row in rows
    )
    return (
        f'<table class="labkit-table"><caption>{html.escape(_caption(setup))}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def text(setup: Setup, rows: Sequence[Finding]) -> str:
    """Return findings as lines of text."""
    lines = [("transport", *_HEADS), *((row.transport, *row.cells) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        [_caption(setup)]
        + [
            name.ljust(widths[0])
            + "".join(
                f"  {cell:>{width}}"
                for cell, width in zip(cells, widths[1:], strict=True)
            )
            for name, *cells in lines
        ]
    )


_DRAW = {
    "these settings": plots.plot_throughput,
    "by payload": plots.plot_payload,
    "by batch size": plots.plot_batches,
    "by producers": plots.plot_scaling,
    "by consumers": plots.plot_scaling,
}


def picture(measurements: Sequence[Measurement], what: str) -> str:
    """Draw measurements as HTML, or say why that cannot be done."""
    try:
        return _DRAW[what](measurements)._repr_html_()
    except Exception as error:  # noqa: BLE001 - a drawing thread has nobody to tell
        return f"<p>This cannot be drawn: {html.escape(str(error))}</p>"


def _caption(setup: Setup) -> str:
    return f"Items per second: {setup}"


def _rounded(rate: float) -> int:
    """Return a rate with two digits: a prediction has no more."""
    return int(float(f"{rate:.2g}"))
