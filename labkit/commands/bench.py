"""``python -m labkit bench``: what a proxied queue costs, in a minute or two."""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from labkit.errors import LabkitError, MeasurementError
from labkit.plots import number_text, plot_throughput
from labkit.throughput import TRANSPORTS, Measurement, compare, first_calls

__all__ = ["PARTS", "Part", "main", "run", "table"]

_AGREE = 0.15  # two rounds, or two runs, should differ by less
_BUSY = 0.10  # of all processors: from here on other programs disturb


@dataclass(frozen=True, slots=True)
class Part:
    """Some transports, measured with the same items; and what to divide by what."""

    title: str
    transports: tuple[str, ...]
    ratios: tuple[tuple[str, str], ...]
    settings: dict[str, Any] = field(default_factory=dict)
    first_calls: bool = False

    @property
    def here(self) -> list[str]:
        """Those that this machine has."""
        return [name for name in self.transports if name in TRANSPORTS]

    def seconds(self, repeats: int) -> float:
        """Return about how long it takes."""
        each = 0.15 * repeats if self.first_calls else 0.35 * (repeats + 2)
        return 1.5 + each * len(self.here)

    def measure(self, repeats: int) -> list[Measurement]:
        """Measure it."""
        if self.first_calls:
            return first_calls(self.here, repeats=repeats)
        return compare(self.here, repeats=repeats, **self.settings)


_DIRECT = "direct queue"
_MANAGERS = ("plain tcp", "labkit tcp", "plain unix", "labkit unix")
_OURS = (("labkit tcp", "plain tcp"), ("labkit unix", "plain unix"))
_LISTS = "direct queue of lists"
_BATCHED = ("labkit batched unix", "labkit streamed unix")
_TCP = ("labkit batched tcp", "labkit streamed tcp")

PARTS = (
    Part(
        "Small ints, one per call",
        (_DIRECT, "simple queue", "pipe", *_MANAGERS),
        (("plain tcp", _DIRECT), ("labkit unix", _DIRECT), *_OURS),
    ),
    Part(
        "Small ints, lists of 1,000",
        (_LISTS, *_BATCHED, *_TCP),
        tuple((name, _LISTS) for name in (*_BATCHED, *_TCP)),
    ),
    Part(
        "10 KiB, lists of 100",
        (_LISTS, *_BATCHED),
        tuple((name, _LISTS) for name in _BATCHED),
        {"payload_bytes": 10 << 10, "batch_size": 100},
    ),
    Part("32 KiB, one per call", _MANAGERS, _OURS, {"payload_bytes": 32 << 10}),
    Part(
        "1 MiB, one per call",
        (_DIRECT, "pipe", "labkit unix", "labkit tcp"),
        (("labkit unix", _DIRECT), ("labkit tcp", _DIRECT)),
        {"payload_bytes": 1 << 20},
    ),
    Part("Connect and first call", _MANAGERS, _OURS, first_calls=True),
)


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 1 if ``--check`` found a difference."""
    parser = argparse.ArgumentParser(
        prog="python -m labkit bench",
        description="Measure proxied queues against direct ones, and labkit's manager "
        "against the standard library's.",
        epilog="example: python -m labkit bench --json bench.json --png bench.png",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="one round of fewer repeats; says less")
    write = "write every repeat as JSON; without FILE to standard output"
    add("--json", nargs="?", const="-", metavar="FILE", help=write)
    add("--png", metavar="FILE", type=Path, help="write a picture")
    add("--check", metavar="OLD.json", type=Path, help="compare with an earlier run")
    options = parser.parse_args(argv)
    out = sys.stderr if options.json == "-" else sys.stdout
    try:
        old = _read(options.check) if options.check else {}
        report = run(*((1, 3) if options.quick else (2, 4)), out)
    except LabkitError as error:
        print(f"labkit bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; nothing was written, and nothing is left running.", file=out)
        return 130
    print(table(report), file=out)
    if options.png:
        drawn = {part["title"]: _found(part) for part in report["parts"]}
        plot_throughput(drawn, "Queues between processes").save(options.png)
    if options.json == "-":
        print(json.dumps(report, indent=1))
    elif options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return _check(old, _medians(report), out) if old else 0


def run(
    rounds: int, repeats: int, out: TextIO, parts: Sequence[Part] = PARTS
) -> dict[str, Any]:
    """Measure all parts, each round with new processes; return it as JSON's types."""
    seconds = rounds * sum(part.seconds(repeats) for part in parts)
    often = "twice, " if rounds == 2 else ""
    print(f"Measuring {len(parts)} parts {often}for about {seconds:.0f} s.", file=out)
    busy_s, began = _others_s(), time.perf_counter()
    found: dict[str, list[list[Measurement]]] = {part.title: [] for part in parts}
    for part in [*parts] * rounds:
        print(f"  {part.title} ...", file=out, flush=True)
        found[part.title].append(part.measure(repeats))
    whole_s = (time.perf_counter() - began) * (os.cpu_count() or 1)
    return {
        "busy": min(max((_others_s() - busy_s) / whole_s, 0.0), 1.0),
        "parts": [
            {
                "title": part.title,
                "rounds": [[one.to_dict() for one in r] for r in found[part.title]],
                "ratios": {
                    f"{top} / {below}": [
                        _ratio(r, top, below) for r in found[part.title]
                    ]
                    for top, below in part.ratios
                    if {top, below} <= {*part.here}
                },
            }
            for part in parts
        ],
    }


def _ratio(found: Sequence[Measurement], top: str, below: str) -> list[float]:
    """Divide two transports' rates, each repeat by its neighbour."""
    rates = {one.transport: one.rates_per_s for one in found}
    return [a / b for a, b in zip(rates[top], rates[below], strict=True)]


def _found(part: dict[str, Any]) -> list[Measurement]:
    """Return one measurement of each transport, with the repeats of all rounds."""
    rounds = [[Measurement.from_dict(one) for one in found] for found in part["rounds"]]
    return [
        replace(same[0], rates_per_s=sum((one.rates_per_s for one in same), ()))
        for same in zip(*rounds, strict=True)
    ]


def table(report: dict[str, Any]) -> str:
    """Return a report as aligned text of at most 80 columns."""
    lines = []
    for part in report["parts"]:
        found = _found(part)
        unit = "connections/s" if found[0].kind == "first calls" else "items/s"
        lines += ["", f"{part['title']:<44}{unit:>20}{'spread':>12}"]
        for one in found:
            rate = number_text(one.rate_per_s)
            lines.append(f"  {one.label:<42}{rate:>20}{one.spread:>12.0%}")
        for name, rounds in part["ratios"].items():
            every = [ratio for one in rounds for ratio in one]
            least, middle, most = min(every), statistics.median(every), max(every)
            span = f"({least:.3g} to {most:.3g})"
            lines.append(f"    {name:<44}{middle:>8.3g}{span:>20}")
            middles = [statistics.median(one) for one in rounds]
            apart = max(middles) / min(middles) - 1
            if apart > _AGREE:
                lines.append(f"      do not trust it: two rounds are {apart:.0%} apart")
    if report["busy"] > _BUSY:
        lines += [
            "",
            f"None of this can be trusted: other programs used {report['busy']:.0%}",
            "of the processors. Close them and run it again.",
        ]
    return "\n".join(lines)


def _medians(report: dict[str, Any]) -> dict[str, float]:
    return {
        f"{part['title']}: {name}": statistics.median(r for one in rounds for r in one)
        for part in report["parts"]
        for name, rounds in part["ratios"].items()
    }


def _read(path: Path) -> dict[str, float]:
    try:
        return _medians(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise MeasurementError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise MeasurementError(
            f"{path} is not a file that bench --json wrote; give another, or leave "
            "--check out"
        ) from None


def _check(old: dict[str, float], new: dict[str, float], out: TextIO) -> int:
    """Say what differs from an earlier run; return the exit status."""
    both = [name for name in old if name in new]
    apart = {n: max(old[n], new[n]) / min(old[n], new[n]) - 1 for n in both}
    far = [name for name in both if apart[name] > _AGREE]
    agree = f"{len(both) - len(far)} of {len(both)} ratios agree within {_AGREE:.0%}"
    print(f"\n{agree} with the earlier run", file=out)
    for name in far:
        print(f"  {name}: {old[name]:.3g} before, {new[name]:.3g} now", file=out)
    return 1 if far else 0


def _others_s() -> float:
    """Return the processor seconds that are not ours, once our children have ended."""
    import psutil

    times = psutil.cpu_times()
    # Linux counts the guests of a virtual machine twice.
    not_used = ("idle", "iowait", "guest", "guest_nice")
    used = sum(times) - sum(getattr(times, name, 0.0) for name in not_used)
    return float(used - sum(os.times()[:4]))
