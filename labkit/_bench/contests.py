"""What the bench measures: who meets whom, with which items, and what is divided."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labkit._bench.ratios import Ratio, ratio_of
from labkit._throughput.catalog import PEERS, TRANSPORTS, usable
from labkit._throughput.lines import Cancel
from labkit._throughput.measurements import Measurement
from labkit._throughput.sessions import Conduct, Session
from labkit._throughput.stations import Clock
from labkit._throughput.trials import Budget, Shape

__all__ = ["CONTESTS", "Contest", "Outcome", "hold", "names", "runs_of"]


@dataclass(frozen=True, slots=True)
class Contest:
    """Some transports that are measured with the same items.

    Attributes
    ----------
    title : str
    transports : tuple of str
    shape : Shape or None
        What is sent; None for first calls.
    ratios : tuple of (str, str, str, float)
        Name, the transport on top, the one below, the goal.
    """

    title: str
    transports: tuple[str, ...]
    shape: Shape | None
    ratios: tuple[tuple[str, str, str, float], ...] = ()

    def among(self, names: Iterable[str]) -> list[str]:
        """Return those of its transports that are among these."""
        there = set(names)
        return [name for name in self.transports if name in there]


CONTESTS = (
    Contest(
        "Small ints, one per call",
        (
            *("direct queue", "simple queue", "pipe"),
            *("plain tcp", "labkit tcp", "plain unix", "labkit unix"),
            *("redis", "zeromq", "dask"),
        ),
        Shape(8, 1),
        (
            ("small ints per call over tcp", "labkit tcp", "plain tcp", 1),
            ("small ints per call over unix", "labkit unix", "plain unix", 1),
            ("small ints per call against direct", "labkit unix", "direct queue", 0),
        ),
    ),
    Contest(
        "32 KiB, one per call",
        ("plain tcp", "labkit tcp"),
        Shape(32 * 1024, 1),
        (("32 KiB per call over tcp", "labkit tcp", "plain tcp", 150),),
    ),
    Contest(
        "Connect, get the proxy, first call",
        ("plain tcp", "labkit tcp"),
        None,
        (("first call over tcp", "labkit tcp", "plain tcp", 50),),
    ),
    Contest(
        "Small ints, 1,000 in a batch",
        (
            *("direct queue", "direct queue of lists"),
            *("labkit batched", "labkit streamed"),
            *("redis pipelined", "zeromq"),
        ),
        Shape(8, 1000),
        (
            ("ints in batches against direct", "labkit streamed", "direct queue", 50),
            ("ints, each batch waited for", "labkit batched", "direct queue", 0),
            (
                *("ints in batches against lists", "labkit streamed"),
                *("direct queue of lists", 0),
            ),
            ("ints in batches against zeromq", "labkit streamed", "zeromq", 5),
            ("ints in batches against redis", "labkit streamed", "redis pipelined", 5),
        ),
    ),
    Contest(
        "10 KiB, 100 in a batch",
        ("direct queue", "labkit batched"),
        Shape(10 * 1024, 100),
        (("10 KiB in batches against direct", "labkit batched", "direct queue", 1),),
    ),
    Contest(
        "1 MiB, one per call",
        ("direct queue", "labkit unix", "labkit tcp"),
        Shape(1 << 20, 1),
        (
            ("1 MiB per call against direct", "labkit unix", "direct queue", 1),
            ("1 MiB per call over tcp against direct", "labkit tcp", "direct queue", 1),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a contest.

    Attributes
    ----------
    title : str
    measurements : tuple of Measurement
        One for each transport, the repeats of all rounds in it.
    ratios : tuple of Ratio
    """

    title: str
    measurements: tuple[Measurement, ...]
    ratios: tuple[Ratio, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            "title": self.title,
            "measurements": [one.to_dict() for one in self.measurements],
            "ratios": [ratio.to_dict() for ratio in self.ratios],
        }


def names(peers: bool) -> list[str]:
    """Return the transports that take part, installed or not."""
    wanted = {name for contest in CONTESTS for name in contest.transports}
    return [n for n in TRANSPORTS if n in wanted and (peers or n not in PEERS)]


def runs_of(taking_part: Sequence[str], conduct: Conduct, rounds: int) -> int:
    """Return how many repeats there will be in all."""
    return rounds * conduct.repeats * sum(len(c.among(taking_part)) for c in CONTESTS)


def hold(
    conduct: Conduct,
    budget: Budget,
    *,
    peers: bool = False,
    rounds: int = 2,
    cancel: Cancel | None = None,
    clock: Clock = time.perf_counter,
    say: Callable[[str], object] = print,
    tick: Callable[[], object] = lambda: None,
) -> list[Outcome]:
    """Hold all contests, as often as there are rounds.

    Parameters
    ----------
    conduct : Conduct
        Of each contest in each round.
    budget : Budget
    peers : bool, default False
        Whether the peers take part, those that are installed.
    rounds : int, default 2
        Each with new processes: what their start decides by chance shows then.
    cancel, clock, say, tick
        As for :class:`.sessions.Session`.
    """
    chosen = usable(names(peers), [(1, 1)], say)
    found: list[list[list[Measurement]]] = []
    for done in range(rounds):
        mine = budget.part(rounds - done)
        with Session(chosen, mine, clock, cancel=cancel, say=say, tick=tick) as session:
            found.append(_round(session, conduct))
    return [
        _outcome(contest, [one[place] for one in found])
        for place, contest in enumerate(CONTESTS)
    ]


def _round(session: Session, conduct: Conduct) -> list[list[Measurement]]:
    found = []
    for place, contest in enumerate(CONTESTS):
        there = contest.among(session.lines)
        rest = sum(len(later.among(session.lines)) for later in CONTESTS[place:])
        mine = session.budget.part(rest / len(there))
        if contest.shape is None:
            found.append(session.first_calls(conduct, mine, there))
        else:
            found.append(session.compare(contest.shape, conduct, mine, there))
    return found


def _outcome(contest: Contest, rounds: Sequence[Sequence[Measurement]]) -> Outcome:
    by_name: dict[str, list[Measurement]] = {}
    for one in (one for measurements in rounds for one in measurements):
        by_name.setdefault(one.transport, []).append(one)
    whole = {n: found for n, found in by_name.items() if len(found) == len(rounds)}
    return Outcome(
        contest.title,
        tuple(_together(found) for found in by_name.values()),
        tuple(
            ratio_of(name, whole[top], whole[bottom], goal)
            for name, top, bottom, goal in contest.ratios
            if top in whole and bottom in whole
        ),
    )


def _together(rounds: Sequence[Measurement]) -> Measurement:
    """Return one measurement with the repeats of all rounds."""
    problems = [one.problem for one in rounds if one.problem]
    return replace(
        rounds[0],
        rates_per_s=sum((one.rates_per_s for one in rounds), ()),
        items_per_repeat=sum((one.items_per_repeat for one in rounds), ()),
        latency_samples_s=sum((one.latency_samples_s for one in rounds), ()),
        problem="; ".join(problems) or None,
    )
