"""Put a clock to queues: items per second and seconds per item, of any transport.

Producer and consumer are child processes, started with ``spawn``. They warm up, meet
at a barrier, and the clock stops when the consumer holds the last item. Transports
take turns, A B A B, so that whatever else the machine does hits all alike. Every
repeat is kept.

References
----------
V. Stinner, pyperf (https://pyperf.readthedocs.io): raw values, warnings in words.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from labkit._throughput.adapters import Transport
from labkit._throughput.catalog import PEERS, TRANSPORTS, Named, usable
from labkit._throughput.lines import Cancel
from labkit._throughput.measurements import Measurement, load, percentiles, save
from labkit._throughput.sessions import REPEAT_S, Conduct, Session, progress_bar
from labkit._throughput.stations import Clock
from labkit._throughput.trials import Budget, Shape
from labkit.errors import MeasurementError

__all__ = [
    "PEERS",
    "TRANSPORTS",
    "Measurement",
    "Transport",
    "compare",
    "first_calls",
    "load",
    "measure",
    "percentiles",
    "save",
]

_MOST_PROCESSES = 64
_ENDING = 0.05  # the part of a budget that is kept for ending the processes
_Numbers = int | Sequence[int]


def measure(transport: Named, **settings: Any) -> Measurement:
    """Measure one transport.

    Parameters
    ----------
    transport : str or type of Transport
        A name of :data:`TRANSPORTS`, or an adapter of your own.
    **settings
        As for :func:`compare`, one value of each.

    Returns
    -------
    Measurement

    Raises
    ------
    MeasurementError
        There is no such transport, it cannot run here, a setting is out of range, or
        the budget did not suffice for a single run.
    MeasurementCancelledError
        ``cancel`` was set. Nothing is left running.

    Examples
    --------
    >>> direct = measure("direct queue", items=100, repeats=1)
    >>> direct.items_per_repeat
    (100,)
    """
    found = compare([transport], **settings)
    if len(found) != 1:
        raise MeasurementError(
            "measure() takes one value of each; compare() takes many"
        )
    return found[0]


def compare(
    transports: Iterable[Named],
    *,
    payload_bytes: _Numbers = 8,
    batch_size: _Numbers | None = None,
    producers: _Numbers = 1,
    consumers: _Numbers = 1,
    repeats: int = 3,
    items: int | None = None,
    budget_s: float | None = None,
    repeat_s: float = REPEAT_S,
    latency_samples: int = 0,
    interleaved: bool = True,
    progress: bool = True,
    cancel: Cancel | None = None,
    clock: Clock = time.perf_counter,
    say: Callable[[str], object] = print,
) -> list[Measurement]:
    """Measure several transports, repeat by repeat in turns.

    Parameters
    ----------
    transports : iterable of str or type of Transport
        Names of :data:`TRANSPORTS`, or adapters of your own.
    payload_bytes : int or sequence of int, default 8
        Size of each item, 0 or more. Up to 8 the items are ints, distinct ones;
        above they are ``bytes``, distinct too.
    batch_size : int or sequence of int or None, default None
        Items in one call, 1 or more, where the transport has batches; the others
        move one at a time, and their measurement says 1. None means 1,000.
    producers, consumers : int or sequence of int, default 1
        Processes at each end, 1 to 64. Each value of a sequence is measured with
        each of the others; the same processes serve all payloads and batches.
    repeats : int, default 3
        How often it is measured, 1 or more; a problem may leave fewer.
    items : int or None, default None
        Items of each repeat; None for as many as fit into ``repeat_s``.
    budget_s : float or None, default None
        Seconds for everything, starting and ending the processes included; what
        does not fit is left out, and the measurement says so. None: no limit.
    repeat_s : float, default 0.25
        Seconds that a repeat aims at.
    latency_samples : int, default 0
        Items to send one at a time after each repeat, for ``latency_s``.
    interleaved : bool, default True
        Take turns; False measures one transport after the other, which lets a slow
        moment of the machine fall on one alone.
    progress : bool, default True
        Whether a long run in a notebook or a terminal shows a progress bar.
    cancel : Cancel or None, default None
        A ``threading.Event``: set it from another thread to stop.
    clock : callable, default time.perf_counter
        Seconds, the same in all processes; importable. Tests replace it.
    say : callable, default print
        Called with a sentence for each transport that is left out.

    Returns
    -------
    list of Measurement
        By producers, consumers, payload, batch, then in the order of ``transports``,
        without those that cannot run here.

    Raises
    ------
    MeasurementError, MeasurementCancelledError
        As for :func:`measure`.

    Notes
    -----
    Blocks; call it from a thread where that matters. All processes end before it
    returns, also after KeyboardInterrupt.
    """
    budget = Budget(_without_the_end(budget_s), clock)
    conduct = Conduct(repeats, repeat_s, interleaved)
    ends = [*itertools.product(_several(producers), _several(consumers))]
    batches = _several(1000 if batch_size is None else batch_size)
    sizes = itertools.product(_several(payload_bytes), batches)
    shapes = [Shape(size, batch, items, latency_samples) for size, batch in sizes]
    _check(ends, shapes, conduct)
    chosen = usable(transports, ends, say)
    runs = len(chosen) * repeats * len(shapes) * len(ends)
    found: list[Measurement] = []
    with progress_bar(runs, progress, budget.expected(runs * repeat_s)) as tick:
        for done, (makers, takers) in enumerate(ends):
            mine = budget.part(len(ends) - done)
            with Session(
                *(chosen, mine, clock, makers, takers, cancel), say=say, tick=tick
            ) as session:
                found += session.through(shapes, conduct)
    return found


def first_calls(
    transports: Iterable[Named],
    *,
    repeats: int = 5,
    budget_s: float | None = None,
    cancel: Cancel | None = None,
    clock: Clock = time.perf_counter,
    say: Callable[[str], object] = print,
) -> list[Measurement]:
    """Measure connecting, getting the proxy and the first call, all in one.

    Parameters
    ----------
    transports : iterable of str or type of Transport
        Proxied ones: plain tcp, plain unix, labkit tcp, labkit unix.
    repeats : int, default 5
        Connections of each, in turns.
    budget_s, cancel, clock, say
        As for :func:`compare`.

    Returns
    -------
    list of Measurement
        Of kind ``"first calls"``: rates are connections per second, and the seconds
        of each are in ``latency_samples_s``.

    Raises
    ------
    MeasurementError, MeasurementCancelledError
        As for :func:`measure`; also for a transport without a server.
    """
    budget = Budget(_without_the_end(budget_s), clock)
    chosen = usable(transports, [(1, 1)], say)
    with Session(chosen, budget, clock, cancel=cancel, say=say) as session:
        return session.first_calls(Conduct(repeats), budget)


def _several(numbers: _Numbers) -> Sequence[int]:
    return [numbers] if isinstance(numbers, int) else list(numbers)


def _without_the_end(budget_s: float | None) -> float | None:
    if budget_s is None:
        return None
    if not budget_s > 0:
        raise MeasurementError(f"budget_s is {budget_s}; give seconds above 0")
    return budget_s * (1 - _ENDING)


def _check(
    ends: Sequence[tuple[int, int]], shapes: Sequence[Shape], conduct: Conduct
) -> None:
    """Raise MeasurementError for what cannot be measured."""
    ranges = [
        ("producers", [makers for makers, _ in ends], 1, _MOST_PROCESSES),
        ("consumers", [takers for _, takers in ends], 1, _MOST_PROCESSES),
        ("payload_bytes", [shape.payload_bytes for shape in shapes], 0, 1 << 30),
        ("batch_size", [shape.batch_size for shape in shapes], 1, 1_000_000),
        (
            "items",
            [shape.items for shape in shapes if shape.items is not None],
            1,
            10**9,
        ),
        ("repeats", [conduct.repeats], 1, 10_000),
    ]
    for name, values, least, most in ranges:
        for value in values:
            if not least <= value <= most:
                raise MeasurementError(f"{name} is {value}; give {least} to {most:,}")
