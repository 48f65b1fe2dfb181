"""The cost model of a call: ``t(n) = a + b * n``, and where it does not hold.

``a`` is the price of a call, ``b`` the price of each byte in it.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labkit.errors import MeasurementError
from labkit.throughput.measurement import Measurement

Point = tuple[int, float]

# Where a and b are not negative, t cannot grow by more than n does, nor shrink;
# caches and noise may add something, but not this much.
_JUMP = 4.0


class Cliff(NamedTuple):
    """Sizes, of those measured, at which a call costs far more than the model allows.

    ``to_bytes`` is None where no larger size was measured; ``extra_s`` is a median.
    """

    from_bytes: int
    to_bytes: int | None
    extra_s: float

    def __str__(self) -> str:
        where = f"from {self.from_bytes:,} bytes "
        where += "on" if self.to_bytes is None else f"to {self.to_bytes:,}"
        return f"{where} it costs {self.extra_s * 1e3:,.1f} ms more"


@dataclass(frozen=True, slots=True)
class CostModel:
    """A call with n bytes costs ``a_s + b_s_per_byte * n`` seconds.

    ``points`` are the bytes and seconds it was fitted to, medians, smallest first;
    those on the ``cliff``, which cost far more, were left out.
    """

    a_s: float
    b_s_per_byte: float
    points: tuple[Point, ...]
    cliff: Cliff | None = None

    def predict(self, payload_bytes: float) -> float:
        """Return the seconds that a call with so many bytes should take."""
        seconds = self.a_s + self.b_s_per_byte * payload_bytes
        cliff = self.cliff
        if cliff and cliff.from_bytes <= payload_bytes <= (cliff.to_bytes or math.inf):
            seconds += cliff.extra_s
        return seconds

    def __str__(self) -> str:
        call = f"{self.a_s * 1e6:,.1f} µs" if self.a_s else "too little to be seen"
        byte = f"{self.b_s_per_byte * 1024e6:,.2f} µs more for each KiB"
        text = f"a call costs {call}, and {byte}"
        return f"{text}; {self.cliff}" if self.cliff else text


def fit(points: Iterable[Point] | Iterable[Measurement]) -> CostModel:
    """Fit the model to measured times.

    Parameters
    ----------
    points : iterable of (int, float) or of Measurement
        Bytes and seconds of a call, or measurements of one transport; of several at
        one size the median counts.

    Returns
    -------
    CostModel

    Raises
    ------
    MeasurementError
        There are fewer than 2 sizes.

    Notes
    -----
    Least squares of the relative error; sizes on a cliff are left out.

    Examples
    --------
    >>> model = fit([(0, 1.0), (100, 1.5), (200, 2.0)])
    >>> round(model.a_s, 6), round(model.b_s_per_byte, 6)
    (1.0, 0.005)
    """
    medians = _medians(points)
    if len(medians) < 2:
        raise MeasurementError(
            f"a line needs 2 sizes or more, and there is {len(medians)}; measure "
            "payload_bytes=[8, 1024, 65536], for example"
        )
    high = on_cliff(medians)
    plain = [point for place, point in enumerate(medians) if place not in high]
    if len(plain) < 2:  # nothing to compare with: it is no cliff, it is the cost
        high, plain = [], medians
    a_s, b_s = _line(plain)
    if not high:
        return CostModel(a_s, b_s, tuple(medians))
    first, last = high[0], high[-1]
    extra_s = statistics.median(
        seconds - a_s - b_s * size for size, seconds in map(medians.__getitem__, high)
    )
    to_bytes = None if last + 1 == len(medians) else medians[last][0]
    cliff = Cliff(medians[first][0], to_bytes, extra_s)
    return CostModel(a_s, b_s, tuple(medians), cliff)


def _medians(points: Iterable[Point] | Iterable[Measurement]) -> list[Point]:
    pairs = sorted(
        (one.payload_bytes, 1 / one.rate_per_s) if isinstance(one, Measurement) else one
        for one in points
    )
    sizes = itertools.groupby(pairs, key=lambda point: point[0])
    return [(size, statistics.median(t for _, t in group)) for size, group in sizes]


def on_cliff(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points that no line with positive slope explains."""
    found: list[int] = []
    high = False
    pairs = itertools.pairwise(points)
    for place, ((size, seconds), (more, longer)) in enumerate(pairs, start=1):
        # From an int to bytes no ratio of sizes says what a line would allow.
        growth = max(more / (size if size > 8 else 1024), 1.0)
        if longer > _JUMP * seconds * growth:
            high = True
        elif longer * _JUMP < seconds:
            high = False
        if high:
            found.append(place)
    return found


def _line(points: Sequence[Point]) -> tuple[float, float]:
    """Return a and b that make the sum of squared relative errors smallest."""
    rows = [(1 / seconds**2, size, seconds) for size, seconds in points]
    total = sum(weight for weight, _, _ in rows)
    mean_n = sum(weight * size for weight, size, _ in rows) / total
    mean_t = sum(weight * seconds for weight, _, seconds in rows) / total
    above = sum(w * (n - mean_n) * (t - mean_t) for w, n, t in rows)
    below = sum(w * (n - mean_n) ** 2 for w, n, _ in rows)
    slope = max(above / below, 0.0)
    return max(mean_t - slope * mean_n, 0.0), slope
