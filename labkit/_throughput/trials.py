"""One line against the clock, in one shape: warm up, repeat, sum up."""

import contextlib
import math
from dataclasses import dataclass

from labkit._throughput.lines import Line, Overrun
from labkit._throughput.measurements import Measurement
from labkit._throughput.stations import Clock
from labkit.errors import MeasurementError

__all__ = ["Budget", "Shape", "Trial"]

_LARGEST_RUN_BYTES = 200_000_000  # a slow consumer leaves all of it in some queue
_FEWEST = 10  # items, or batches, of a repeat, where the time allows
_MOST_ITEMS = 2_000_000
_WARM_S = 0.03  # a shorter run says little about the rate
_AIM = 0.9  # of the time there is; the rest is for a slow repeat


@dataclass(frozen=True, slots=True)
class Shape:
    """What is sent: the size of an item, how many in one call, how many in all.

    Attributes
    ----------
    payload_bytes, batch_size : int
    items : int or None
        Items of one repeat; None for as many as its time allows.
    latency_samples : int
        Items to send one at a time, after each repeat.
    """

    payload_bytes: int
    batch_size: int
    items: int | None = None
    latency_samples: int = 0


class Budget:
    """Seconds that a measurement may take.

    Parameters
    ----------
    seconds : float or None
        None for no limit.
    clock : callable
        Seconds.
    """

    def __init__(self, seconds: float | None, clock: Clock) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self._clock = clock
        self._end = clock() + self.seconds

    def left(self) -> float:
        """Return the seconds left, 0 or more; infinite without a limit."""
        return max(self._end - self._clock(), 0.0)

    def expected(self, seconds: float) -> float:
        """Return the seconds that the work will take: all there are, or those."""
        left = self.left()
        return seconds * 1.5 if math.isinf(left) else left

    def part(self, parts: float) -> "Budget":
        """Return a budget of its own for one of so many parts of what is left."""
        left = self.left() / parts
        return Budget(None if math.isinf(left) else left, self._clock)


class Trial:
    """One line in one shape.

    Parameters
    ----------
    line : Line
    shape : Shape
    """

    def __init__(self, line: Line, shape: Shape) -> None:
        self.line = line
        self.batch_size = shape.batch_size if line.transport.batched else 1
        self.shape = shape
        self.unit = math.lcm(line.producers, line.consumers) * self.batch_size
        self.rates: list[float] = []
        self.counts: list[int] = []
        self.samples: list[float] = []
        self.problem: str | None = None
        self._rate = 0.0

    def warm_up(self, budget: Budget) -> None:
        """Find out how fast it is; nothing of this counts.

        Notes
        -----
        The first run connects. Runs grow until one takes long enough to be believed,
        or the next would take longer than there is.
        """
        if not self.line.is_open:  # an earlier trial overran
            self.line.start()
            self.line.wait_ready()
        count = self.unit
        first = self._run(count, budget.left())
        while first is not None:
            seconds = self._run(count, budget.left())
            if seconds is None or seconds >= _WARM_S:
                return
            growth = min(2 * _WARM_S / seconds, 32, 0.5 * budget.left() / seconds)
            bigger = self._whole(int(count * growth))
            if bigger <= count:
                return
            count = bigger

    def repeat(self, aim_s: float, limit_s: float) -> None:
        """Measure once.

        Parameters
        ----------
        aim_s : float
            Seconds it should take.
        limit_s : float
            Seconds after which the line is ended.
        """
        if self.problem is not None:
            return
        latency = self.shape.latency_samples
        if latency:
            aim_s /= 2
        count = int(self._rate * aim_s * _AIM)
        # A line that moves two items in that time would be charged for its filling.
        few = int(min(_FEWEST * self.unit, self._rate * limit_s * _AIM / 2))
        count = self._whole(max(count, few))
        if self.shape.items is not None:
            fits = self._rate * limit_s * _AIM
            count = int(min(self.shape.items, max(fits, self.unit)))
        seconds = self._run(count, limit_s)
        if seconds is None:
            return
        self.rates.append(self._rate)
        self.counts.append(count)
        if latency:
            size = self.shape.payload_bytes
            with contextlib.suppress(Overrun):
                self.samples += self.line.latencies(latency, size, aim_s, limit_s)

    def _whole(self, count: int) -> int:
        """Return a number of items near to this that divides into whole batches."""
        largest = _LARGEST_RUN_BYTES // max(self.shape.payload_bytes, 1)
        units = min(count, largest, _MOST_ITEMS) // self.unit
        return max(units, 1) * self.unit

    def _run(self, count: int, limit_s: float) -> float | None:
        size = self.shape.payload_bytes
        try:
            seconds = self.line.seconds(count, size, self.batch_size, limit_s)
        except Overrun:
            self.problem = (
                f"{self.line.transport.name} did not move {count:,} items of "
                f"{size:,} bytes in {limit_s:.2g} s and was stopped: give it a longer "
                "budget_s"
            )
            return None
        self._rate = count / seconds
        return seconds

    def measurement(self) -> Measurement:
        """Return what was found.

        Raises
        ------
        MeasurementError
            Not one run came to its end.
        """
        if not self.rates:
            if not self._rate:
                raise MeasurementError(self.problem or "nothing was measured")
            self.problem = (
                f"{self.problem or 'the budget was over'}; the figure is of the warm-up"
            )
        return Measurement(
            transport=self.line.transport.name,
            payload_bytes=self.shape.payload_bytes,
            batch_size=self.batch_size,
            producers=self.line.producers,
            consumers=self.line.consumers,
            rates_per_s=tuple(self.rates or [self._rate]),
            items_per_repeat=tuple(self.counts),
            latency_samples_s=tuple(self.samples),
            problem=self.problem,
        )
