"""Lines that are open at the same time, and the order in which they are measured."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from labkit._throughput.adapters import Transport
from labkit._throughput.lines import Cancel, Line, Overrun, open_lines
from labkit._throughput.measurements import Measurement
from labkit._throughput.stations import Clock
from labkit._throughput.trials import Budget, Shape, Trial
from labkit.errors import MeasurementError

__all__ = ["REPEAT_S", "Conduct", "Session", "progress_bar"]

REPEAT_S = 0.25  # what a repeat aims at, in seconds
_AIM = 0.85  # of the time there is; some repeats are slower
_LEAST_S = 0.02  # a shorter repeat says nothing
_LAST_S = 0.1  # with less left, a repeat could only be stopped in the middle
_LONG_S = 3.0  # from here on people want to see that something happens


@dataclass(frozen=True, slots=True)
class Conduct:
    """How measurements are made.

    Attributes
    ----------
    repeats : int
    repeat_s : float
        Seconds that one repeat aims at.
    interleaved : bool
        A B A B, or A A B B.
    """

    repeats: int = 3
    repeat_s: float = REPEAT_S
    interleaved: bool = True

    def turns(self, trials: Sequence[Any]) -> list[Any]:
        """Return whose turn it is, from the first repeat to the last."""
        if self.interleaved:
            return [trial for _ in range(self.repeats) for trial in trials]
        return [trial for trial in trials for _ in range(self.repeats)]


class Session:
    """Some transports, each with its processes, ready to be measured in many shapes.

    A context manager. What cannot be measured here is left out, with a sentence.

    Parameters
    ----------
    transports : iterable of type of Transport
    budget : Budget
        Of the whole session; starting the processes is part of it.
    producers, consumers : int, default 1
    clock : callable
    cancel : Cancel or None
    say : callable
        Called with each sentence for people.
    tick : callable
        Called after each repeat.
    """

    def __init__(
        self,
        transports: Iterable[type[Transport]],
        budget: Budget,
        clock: Clock,
        producers: int = 1,
        consumers: int = 1,
        cancel: Cancel | None = None,
        *,
        say: Callable[[str], object] = print,
        tick: Callable[[], object] = lambda: None,
    ) -> None:
        self.budget = budget
        self.clock = clock
        self.lines: dict[str, Line] = {}
        self._ends = (producers, consumers)
        self._transports = list(transports)
        self._cancel = cancel
        self._say = say
        self._tick = tick
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        limit_s = min(self.budget.left(), 60.0)
        opening = open_lines(
            self._transports, *self._ends, self.clock, self._cancel, limit_s
        )
        try:
            self.lines = self._stack.enter_context(opening)
        except Overrun:
            raise MeasurementError(
                f"the processes were not ready after {limit_s:.2g} s; give a longer "
                "budget_s"
            ) from None
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def compare(
        self,
        shape: Shape,
        conduct: Conduct,
        budget: Budget,
        names: Iterable[str] | None = None,
    ) -> list[Measurement]:
        """Measure transports in one shape, taking turns.

        Parameters
        ----------
        shape : Shape
        conduct : Conduct
        budget : Budget
        names : iterable of str or None
            Which of the session's transports; None for all.
        """
        trials = [Trial(line, shape) for line in self._named(names)]
        warming = budget.part(3)
        for number, trial in enumerate(trials):
            trial.warm_up(warming.part(len(trials) - number))
        for trial, aim_s, limit_s in self._schedule(trials, conduct, budget):
            if shape.items is not None:
                limit_s = budget.left()  # noqa: PLW2901 - as long as they take
            trial.repeat(aim_s, limit_s)
        return list(self._results(trials))

    def through(self, shapes: Sequence[Shape], conduct: Conduct) -> list[Measurement]:
        """Measure all transports in each shape, within the session's budget."""
        found: list[Measurement] = []
        for done, shape in enumerate(shapes):
            mine = self.budget.part(len(shapes) - done)
            found += self.compare(shape, conduct, mine)
        return found

    def first_calls(
        self, conduct: Conduct, budget: Budget, names: Iterable[str] | None = None
    ) -> list[Measurement]:
        """Measure connecting, getting the proxy, and its first call, taking turns."""
        lines = self._named(names)
        found: dict[str, list[float]] = {line.transport.name: [] for line in lines}
        for line, _, limit_s in self._schedule(lines, conduct, budget):
            if line.is_open:  # no longer where an earlier run had to be stopped
                with contextlib.suppress(Overrun):
                    calls = line.first_calls(1, limit_s, limit_s + 1)
                    found[line.transport.name] += calls
        return [
            Measurement(
                transport=name,
                payload_bytes=0,
                batch_size=1,
                producers=0,
                consumers=1,
                rates_per_s=tuple(1 / seconds for seconds in samples),
                items_per_repeat=(1,) * len(samples),
                latency_samples_s=tuple(samples),
                kind="first calls",
            )
            for name, samples in found.items()
            if samples
        ]

    def _named(self, names: Iterable[str] | None) -> list[Line]:
        wanted = self.lines if names is None else names
        return [self.lines[name] for name in wanted if name in self.lines]

    def _schedule(
        self, trials: Sequence[Any], conduct: Conduct, budget: Budget
    ) -> Iterator[tuple[Any, float, float]]:
        """Yield whose turn it is, the seconds to aim at, and those not to exceed."""
        turns = conduct.turns(trials)
        for done, trial in enumerate(turns):
            left = self.budget.left()
            if left < _LAST_S:
                return
            share = _AIM * budget.left() / (len(turns) - done)
            aim_s = min(conduct.repeat_s, max(share, _LEAST_S), left / 3)
            yield trial, aim_s, min(left, max(8 * aim_s, 1.0))
            self._tick()

    def _results(self, trials: Iterable[Trial]) -> Iterator[Measurement]:
        for trial in trials:
            try:
                yield trial.measurement()
            except MeasurementError as error:
                if len(self.lines) == 1:
                    raise
                self._say(str(error))


@contextlib.contextmanager
def progress_bar(
    total: int, wanted: bool, expected_s: float
) -> Iterator[Callable[[], object]]:
    """Show a progress bar where somebody watches a long run.

    Parameters
    ----------
    total : int
        Steps.
    wanted : bool
    expected_s : float
        Below 3 seconds, no bar.

    Yields
    ------
    callable
        To be called after each step.
    """
    if not wanted or expected_s < _LONG_S or not _somebody_watches():
        yield lambda: None
        return
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # or else a thread of tqdm's stays for ever

    with Bar(total=total, unit="repeat", leave=False) as bar:
        yield bar.update


def _somebody_watches() -> bool:
    if threading.current_thread() is not threading.main_thread():
        return False  # a dashboard's; what it shows is its own business
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    in_notebook = type(shell).__name__ == "ZMQInteractiveShell"
    return in_notebook or bool(sys.stderr is not None and sys.stderr.isatty())
