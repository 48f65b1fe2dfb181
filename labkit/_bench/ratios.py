"""One transport's rate divided by another's, and whether to believe the number."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from labkit._throughput.measurements import Measurement

__all__ = ["AGREE", "Ratio", "disagreement", "ratio_of"]

AGREE = 0.15  # two runs of a bench should differ by less
# Two runs differ by the square root of 2 more than one does from the truth, and less
# than 2.6 times that in 99 of 100 pairs.
_ERROR = AGREE / 2.6 / math.sqrt(2)
_ROUNDS = 0.10  # each is half a run, and there are only two
_MEDIAN = 1.2533  # how much more a median varies than a mean, normal values
_DEVIATION = 1.4826  # from the median absolute deviation to the standard deviation


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast one transport is as another.

    Attributes
    ----------
    name : str
        Short, for programs: ``"32 KiB per call over tcp"``.
    top, bottom : str
        The transport that is divided, and the one that divides.
    goal : float
        What the kit wants to reach; 0 for none.
    rounds : tuple of tuple of float
        The ratio of each pair of repeats, made one after the other; a round has
        processes of its own.
    """

    name: str
    top: str
    bottom: str
    goal: float
    rounds: tuple[tuple[float, ...], ...]

    @property
    def repeats(self) -> tuple[float, ...]:
        """All ratios, of all rounds."""
        return tuple(ratio for one in self.rounds for ratio in one)

    @property
    def median(self) -> float:
        """The ratio to report."""
        return statistics.median(self.repeats)

    @property
    def spread(self) -> float:
        """From the smallest to the largest, as a part of the median."""
        return (max(self.repeats) - min(self.repeats)) / self.median

    @property
    def error(self) -> float:
        """The standard error of the median, as a part of it; inf for one repeat."""
        if len(self.repeats) < 3:
            return math.inf
        off = statistics.median(abs(ratio - self.median) for ratio in self.repeats)
        return _MEDIAN * _DEVIATION * off / self.median / math.sqrt(len(self.repeats))

    @property
    def doubt(self) -> str | None:
        """Why another run may say something else, in words; None if it should not."""
        middles = [statistics.median(one) for one in self.rounds]
        apart = max(middles) / min(middles) - 1
        if apart > _ROUNDS:
            return (
                f"cannot be trusted: two rounds with new processes gave "
                f"{_listed(middles)}, {apart:.0%} apart"
            )
        if self.error > _ERROR:
            return (
                f"cannot be trusted: {len(self.repeats)} repeats lie between "
                f"{min(self.repeats):.3g} and {max(self.repeats):.3g}"
            )
        return None

    def __str__(self) -> str:
        goal = f" (goal: {self.goal:g})" if self.goal else ""
        return (
            f"{self.name}: {self.top} is {_factor(self.median)} "
            f"as fast as {self.bottom}{goal}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON's types."""
        return asdict(self) | {
            "ratio": self.median,
            "spread": self.spread,
            "repeats": self.repeats,
            "doubt": self.doubt,
            "text": str(self),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make a ratio of what :meth:`to_dict` gave."""
        rounds = tuple(tuple(one) for one in data["rounds"])
        return cls(data["name"], data["top"], data["bottom"], data["goal"], rounds)


def ratio_of(
    name: str,
    tops: Sequence[Measurement],
    bottoms: Sequence[Measurement],
    goal: float = 0.0,
) -> Ratio:
    """Divide two transports' rates, repeat by repeat.

    Parameters
    ----------
    name : str
    tops, bottoms : sequence of Measurement
        One for each round; repeats of the same place were made one after the other.
    goal : float, default 0.0
    """
    rounds = tuple(
        # Where a problem left one of them fewer repeats, the others have no partner.
        tuple(a / b for a, b in zip(top.rates_per_s, bottom.rates_per_s, strict=False))
        for top, bottom in zip(tops, bottoms, strict=True)
    )
    return Ratio(name, tops[0].transport, bottoms[0].transport, goal, rounds)


def disagreement(old: Ratio, new: Ratio) -> str | None:
    """Say how far two runs are apart; None if they agree within 15 %."""
    apart = max(old.median, new.median) / min(old.median, new.median) - 1
    if apart <= AGREE:
        return None
    doubted = (
        "and one of the runs doubted it"
        if old.doubt or new.doubt
        else "although neither run doubted it"
    )
    return (
        f"{new.name}: {old.median:.3g} before and {new.median:.3g} now, {apart:.0%} "
        f"apart, {doubted}"
    )


def _factor(factor: float) -> str:
    return f"{factor:.2f} times" if factor < 10 else f"{factor:,.0f} times"


def _listed(numbers: Sequence[float]) -> str:
    return " and ".join(f"{number:.3g}" for number in numbers)
