"""Measure proxied queues against direct ones, labkit's against the standard library's.

python3 -m labkit bench --json bench.json --png bench.png
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.commands import common
from labkit.plots import number_text, plot_throughput
from labkit.throughput import TRANSPORTS, Measurement, compare


@dataclass(frozen=True, slots=True)
class Part:
    """Some transports, measured with the same items."""

    title: str
    transports: tuple[str, ...]
    payload_bytes: int = 8
    batch_size: int = 1000

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

    def rows(self, found: Sequence[Measurement]) -> Iterator[str]:
        """Yield what was found as aligned text of at most 80 columns."""
        for one in found:
            rate = number_text(one.rate_per_s)
            yield f"  {one.label:<42}{rate:>20}{one.spread:>12.0%}"
        for name, every in self.ratios(found).items():
            span = f"({min(every):.3g} to {max(every):.3g})"
            yield f"    {name:<44}{statistics.median(every):>8.3g}{span:>20}"


_MANAGERS = ("plain tcp", "labkit tcp", "plain unix", "labkit unix")
_LISTS = ("direct queue of lists", "labkit batched unix", "labkit streamed unix")
_SMALL = ("direct queue", "simple queue", "pipe", *_MANAGERS)
_LARGE = ("direct queue", "pipe", "labkit unix", "labkit tcp")
_FIRST_CALLS = tuple(f"{name}, first call" for name in _MANAGERS)
PARTS = (
    Part("Small ints, one per call", _SMALL),
    Part("Small ints, lists of 1,000", (*_LISTS, "labkit streamed tcp")),
    Part("10 KiB, lists of 100", _LISTS, payload_bytes=10 << 10, batch_size=100),
    Part("32 KiB, one per call", _MANAGERS, payload_bytes=32 << 10),
    Part("1 MiB, one per call", _LARGE, payload_bytes=1 << 20),
    Part("Connect, get the proxy, call", _FIRST_CALLS),
)


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    add("--quick", action="store_true", help="fewer repeats; says less")
    add("--json", metavar="FILE", type=Path, help="write every repeat as JSON")
    add("--png", metavar="FILE", type=Path, help="write a picture")


def run(options: common.Options) -> None:
    """Measure, and write what was asked for."""
    found = measure(PARTS, 3 if options.quick else 8)
    if options.png:
        every = [one for part in found.values() for one in part]
        plot_throughput(every, "Queues between processes").save(options.png)
    if options.json:
        rates = {
            title: [one.to_dict() for one in part] for title, part in found.items()
        }
        options.json.write_text(json.dumps(rates, indent=1) + "\n", "utf-8")


def measure(parts: Sequence[Part], repeats: int) -> dict[str, list[Measurement]]:
    """Measure all parts and print what was found; say first how long it takes."""
    seconds = sum(part.seconds(repeats) for part in parts)
    print(f"Measuring {len(parts)} parts for about {seconds:.0f} s.", flush=True)
    found = {}
    for part in parts:
        print(f"\n{part.title:<44}{'items/s':>20}{'spread':>12}", flush=True)
        sizes = {"payload_bytes": part.payload_bytes, "batch_size": part.batch_size}
        found[part.title] = compare(part.here, repeats=repeats, **sizes)
        print(*part.rows(found[part.title]), sep="\n", flush=True)
    return found
