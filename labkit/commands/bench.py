"""Measure proxied queues against direct ones, labkit's against the standard library's.

python -m labkit bench --json bench.json --png bench.png
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.commands import common
from labkit.plots import number_text, plot_throughput
from labkit.throughput import TRANSPORTS, Measurement, compare

__all__ = ["PARTS", "Part", "main", "measure", "table"]


@dataclass(frozen=True, slots=True)
class Part:
    """Some transports, measured with the same items."""

    title: str
    transports: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def here(self) -> list[str]:
        """Those that this machine has."""
        return [name for name in self.transports if name in TRANSPORTS]

    def seconds(self, repeats: int) -> float:
        """Return about how long it takes."""
        return 1.5 + 0.35 * (repeats + 1) * len(self.here)

    def ratios(self, found: Sequence[Measurement]) -> dict[str, list[float]]:
        """Divide each repeat by its neighbour: labkit's by the plain manager's.

        What has no plain manager beside it is divided by the first transport.
        """
        rates = {one.transport: one.rates_per_s for one in found}
        first, *others = rates
        divided = {}
        for name in others:
            plain = name.replace("labkit", "plain")
            below = plain if plain != name and plain in rates else first
            pairs = zip(rates[name], rates[below], strict=True)
            divided[f"{name} / {below}"] = [a / b for a, b in pairs]
        return divided


_MANAGERS = ("plain tcp", "labkit tcp", "plain unix", "labkit unix")
_LISTS = ("direct queue of lists", "labkit batched unix", "labkit streamed unix")
PARTS = (
    Part(
        "Small ints, one per call", ("direct queue", "simple queue", "pipe", *_MANAGERS)
    ),
    Part("Small ints, lists of 1,000", (*_LISTS, "labkit streamed tcp")),
    Part(
        "10 KiB, lists of 100", _LISTS, {"payload_bytes": 10 << 10, "batch_size": 100}
    ),
    Part("32 KiB, one per call", _MANAGERS, {"payload_bytes": 32 << 10}),
    Part(
        "1 MiB, one per call",
        ("direct queue", "pipe", "labkit unix", "labkit tcp"),
        {"payload_bytes": 1 << 20},
    ),
    Part(
        "Connect, get the proxy, call",
        tuple(f"{name}, first call" for name in _MANAGERS),
    ),
)


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser("bench", __doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer repeats; says less")
    add("--json", metavar="FILE", type=Path, help="write every repeat as JSON")
    add("--png", metavar="FILE", type=Path, help="write a picture")
    return parser.run(_bench, argv)


def _bench(options: argparse.Namespace) -> None:
    found = measure(PARTS, 3 if options.quick else 8)
    print(table(PARTS, found))
    if options.png:
        every = [one for part in found.values() for one in part]
        plot_throughput(every, "Queues between processes").save(options.png)
    if options.json:
        rates = {
            title: [one.to_dict() for one in part] for title, part in found.items()
        }
        options.json.write_text(json.dumps(rates, indent=1) + "\n", "utf-8")


def measure(parts: Sequence[Part], repeats: int) -> dict[str, list[Measurement]]:
    """Measure all parts; say first how long it takes."""
    seconds = sum(part.seconds(repeats) for part in parts)
    print(f"Measuring {len(parts)} parts for about {seconds:.0f} s.", flush=True)
    found = {}
    for part in parts:
        print(f"  {part.title} ...", flush=True)
        found[part.title] = compare(part.here, repeats=repeats, **part.settings)
    return found


def table(parts: Sequence[Part], found: Mapping[str, Sequence[Measurement]]) -> str:
    """Return all that was found as aligned text of at most 80 columns."""
    lines = []
    for part in parts:
        lines += ["", f"{part.title:<44}{'items/s':>20}{'spread':>12}"]
        for one in found[part.title]:
            rate = number_text(one.rate_per_s)
            lines.append(f"  {one.label:<42}{rate:>20}{one.spread:>12.0%}")
        for name, every in part.ratios(found[part.title]).items():
            span = f"({min(every):.3g} to {max(every):.3g})"
            lines.append(f"    {name:<44}{statistics.median(every):>8.3g}{span:>20}")
    return "\n".join(lines)
