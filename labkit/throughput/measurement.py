"""What a measurement found: every repeat, the machine, and whether to believe it."""

import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

_UNSTABLE = 0.20  # a spread above this is worth a sentence
_PYTHON = f"{platform.python_implementation()} {platform.python_version()}"
_PERCENTS = {"p50": 50, "p90": 90, "p99": 99, "max": 100}


def _cpus() -> int:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One transport, measured in one way, several times.

    Attributes
    ----------
    transport : str
        A name of :data:`labkit.throughput.TRANSPORTS`.
    payload_bytes, batch_size : int
        Size of an item, items in a call.
    rates_per_s : tuple of float
        Items per second of each repeat, in the order they were made.
    latency_samples_s : tuple of float
        Seconds from before ``put`` until after ``get``, one item at a time.
    problem : str or None
        What kept it from being made as asked.
    cpus : int
        Processors that these processes may use.
    """

    transport: str
    payload_bytes: int
    batch_size: int
    rates_per_s: tuple[float, ...]
    items_per_repeat: tuple[int, ...] = ()
    latency_samples_s: tuple[float, ...] = ()
    problem: str | None = None
    python: str = _PYTHON
    platform: str = field(default_factory=platform.platform)
    start_method: str = "spawn"
    cpus: int = field(default_factory=_cpus)

    @property
    def label(self) -> str:
        """The transport, and how long its lists are: ``direct queue, lists of 100``."""
        name, count = self.transport.removesuffix(" of lists"), self.batch_size
        return self.transport if count == 1 else f"{name}, lists of {count:,}"

    @property
    def rate_per_s(self) -> float:
        """The median of the repeats, in items per second."""
        return statistics.median(self.rates_per_s)

    @property
    def spread(self) -> float:
        """From the slowest repeat to the fastest, as a part of the median."""
        return (max(self.rates_per_s) - min(self.rates_per_s)) / self.rate_per_s

    @property
    def latency_s(self) -> dict[str, float]:
        """``p50``, ``p90``, ``p99`` and ``max`` in seconds; empty if not measured.

        Each is a sample: the smallest that so many per cent do not exceed.
        """
        ranked = sorted(self.latency_samples_s)
        return {
            name: ranked[max(-(-percent * len(ranked) // 100), 1) - 1]
            for name, percent in _PERCENTS.items()
            if ranked
        }

    @property
    def warning(self) -> str | None:
        """Why the figure may be wrong and what to do, in words; None if all is well."""
        reasons = [self.problem] if self.problem else []
        if self.spread > _UNSTABLE:
            reasons.append(
                f"the repeats of {self.label} differ by {self.spread:.0%}, from "
                f"{min(self.rates_per_s):,.0f} to {max(self.rates_per_s):,.0f} a "
                "second: close other programs, or measure with more repeats"
            )
        return "; ".join(reasons) or None

    def __str__(self) -> str:
        return f"{self.label}: {self.rate_per_s:,.0f} items/s, spread {self.spread:.0%}"

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, and what follows from them, as JSON's types."""
        follows = ("label", "rate_per_s", "spread", "latency_s", "warning")
        return asdict(self) | {name: getattr(self, name) for name in follows}
