"""``python -m labkit bench``: what a proxied queue costs, in a minute."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from labkit._bench import contests
from labkit._bench.contests import Outcome
from labkit._bench.others import Others
from labkit._bench.ratios import AGREE, Ratio, disagreement
from labkit._plots.pictures import number_text
from labkit._throughput.sessions import Conduct, progress_bar
from labkit._throughput.trials import Budget
from labkit.errors import LabkitError, MeasurementError

__all__ = ["main", "table"]

_BUSY_PERCENT = 10.0  # of all processors


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 1 if ``--check`` found a difference."""
    began = time.perf_counter()
    options = _parser().parse_args(argv)
    text = sys.stderr if options.json == "-" else sys.stdout

    def say(line: str = "") -> None:
        print(line, file=text, flush=True)

    others = Others()
    try:
        old = _read(options.check) if options.check else {}
        outcomes = _hold(options, say)
    except LabkitError as error:
        print(f"labkit bench: {error}", file=sys.stderr)
        return 2
    busy = others.percent()
    say(table(outcomes, busy))
    _write(options, outcomes, busy, time.perf_counter() - began)
    return _compare(old, outcomes, say) if old else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m labkit bench",
        description="Measure proxied queues against direct ones, and ours against "
        "the standard library's.",
        epilog="example: python -m labkit bench --peers --png bench.png",
    )
    add = parser.add_argument
    add("--peers", action="store_true", help="also Redis, ZeroMQ, Dask, if installed")
    add(
        *("--json",),
        nargs="?",
        const="-",
        metavar="FILE",
        help="write every figure as JSON; without FILE to standard output",
    )
    add("--png", metavar="FILE", type=Path, help="write a picture")
    add(
        *("--budget",),
        type=_seconds,
        metavar="SECONDS",
        help="what it may take in all; 60, or 20 with --quick",
    )
    add("--quick", action="store_true", help="fewer repeats, which says less")
    add("--check", metavar="OLD.json", type=Path, help="compare with an earlier run")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 5 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is out of range; give 5 to 3600")
    return value


def _hold(options: argparse.Namespace, say: Any) -> list[Outcome]:
    whole_s = options.budget or (20.0 if options.quick else 60.0)
    drawing_s = 2.5 if options.png else 0.5
    budget = Budget(whole_s * 0.93 - drawing_s, time.perf_counter)
    conduct = Conduct(4, 0.1) if options.quick else Conduct(8, 0.25)
    rounds = 1 if options.quick else 2
    runs = contests.runs_of(contests.names(options.peers), conduct, rounds)
    with progress_bar(runs, wanted=True, expected_s=whole_s) as tick:
        return contests.hold(
            conduct,
            budget,
            peers=options.peers,
            rounds=rounds,
            say=say,
            tick=tick,
        )


def table(outcomes: Sequence[Outcome], busy_percent: float = 0.0) -> str:
    """Return the figures as aligned text, and the ratios in words.

    Parameters
    ----------
    outcomes : sequence of Outcome
    busy_percent : float, default 0.0
        What other programs used of the processors.
    """
    lines: list[str] = []
    for outcome in outcomes:
        lines += ["", outcome.title]
        for one in outcome.measurements:
            unit = "connections/s" if one.kind == "first calls" else "items/s"
            lines.append(
                f"  {one.transport:<22} {number_text(one.rate_per_s):>14} {unit:<13}"
                f" spread {one.spread:>4.0%}"
            )
            if one.problem:
                lines.append(f"    {one.problem}")
    lines += ["", "Ratios, each the median of pairs of repeats"]
    for ratio in (ratio for outcome in outcomes for ratio in outcome.ratios):
        lines.append(f"  {ratio}")
        if ratio.doubt:
            lines.append(f"    {ratio.doubt}")
    busy = _busy_text(busy_percent)
    return "\n".join([*lines[1:], *(["", busy] if busy else [])])


def _busy_text(percent: float) -> str | None:
    if percent <= _BUSY_PERCENT:
        return None
    return (
        f"None of this can be trusted: other programs used {percent:.0f} % of the "
        "processors meanwhile. Close them and run it again."
    )


def _write(
    options: argparse.Namespace,
    outcomes: Sequence[Outcome],
    busy: float,
    took_s: float,
) -> None:
    if options.png:
        from labkit.plots import plot_contests

        pictures = {one.title: one.measurements for one in outcomes}
        plot_contests(pictures, "Queues between processes").save(options.png)
    if options.json:
        with _target(options.json) as target:
            json.dump(report(outcomes, busy, took_s), target, indent=1)
            target.write("\n")


@contextlib.contextmanager
def _target(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdout
        return
    with Path(name).open("w", encoding="utf-8") as target:
        yield target


def report(
    outcomes: Sequence[Outcome], busy_percent: float, took_s: float
) -> dict[str, Any]:
    """Return everything as JSON's types; ``ratios`` by name, and all raw repeats."""
    ratios = [ratio for outcome in outcomes for ratio in outcome.ratios]
    return {
        "took_s": round(took_s, 1),
        "busy_percent": busy_percent,
        "doubt": _busy_text(busy_percent),
        "ratios": {ratio.name: ratio.to_dict() for ratio in ratios},
        "contests": [outcome.to_dict() for outcome in outcomes],
    }


def _read(path: Path) -> dict[str, Ratio]:
    """Return the ratios of an earlier run, by name."""
    try:
        data = json.loads(path.read_text("utf-8"))
        return {name: Ratio.from_dict(one) for name, one in data["ratios"].items()}
    except OSError as error:
        raise MeasurementError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise MeasurementError(
            f"{path} is not a file that bench --json wrote; give another, or leave "
            "--check out"
        ) from None


def _compare(old: dict[str, Ratio], outcomes: Sequence[Outcome], say: Any) -> int:
    """Say what differs from an earlier run."""
    new = {ratio.name: ratio for one in outcomes for ratio in one.ratios}
    both = [name for name in old if name in new]
    apart = [text for n in both if (text := disagreement(old[n], new[n]))]
    say()
    say(
        f"{len(both) - len(apart)} of {len(both)} ratios agree within {AGREE:.0%} with "
        "the earlier run"
    )
    for text in apart:
        say(f"  {text}")
    return 1 if apart else 0
