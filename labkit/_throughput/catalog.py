"""Every transport that can be measured, by name."""

import difflib
from collections.abc import Callable, Iterable, Sequence

from labkit._throughput.adapters import (
    DirectLists,
    DirectQueue,
    PlainPipe,
    SharedRing,
    SimpleQueue,
    Transport,
)
from labkit._throughput.peers import DaskQueue, Redis, RedisPipelined, ZeroMq
from labkit._throughput.proxied import (
    LabkitBatched,
    LabkitBatchedTcp,
    LabkitStreamed,
    LabkitTcp,
    LabkitUnix,
    PlainTcp,
    PlainUnix,
)
from labkit.errors import MeasurementError

__all__ = ["PEERS", "TRANSPORTS", "Named", "find", "usable"]

_OURS: tuple[type[Transport], ...] = (
    *(DirectQueue, DirectLists, SimpleQueue, PlainPipe, SharedRing),
    *(PlainTcp, PlainUnix),
    *(LabkitTcp, LabkitUnix, LabkitBatched, LabkitBatchedTcp),
    LabkitStreamed,
)
_THEIRS: tuple[type[Transport], ...] = (Redis, RedisPipelined, ZeroMq, DaskQueue)

TRANSPORTS: dict[str, type[Transport]] = {t.name: t for t in (*_OURS, *_THEIRS)}
PEERS = tuple(t.name for t in _THEIRS)

Named = str | type[Transport]


def find(transport: Named) -> type[Transport]:
    """Return the transport of that name, or the adapter itself.

    Raises
    ------
    MeasurementError
        There is none of that name.
    """
    if not isinstance(transport, str):
        return transport
    if transport in TRANSPORTS:
        return TRANSPORTS[transport]
    near = difflib.get_close_matches(transport, TRANSPORTS, n=1)
    hint = (
        f"did you mean {near[0]!r}?" if near else f"there are {', '.join(TRANSPORTS)}"
    )
    raise MeasurementError(f"there is no transport {transport!r}; {hint}")


def usable(
    transports: Iterable[Named],
    ends: Sequence[tuple[int, int]],
    say: Callable[[str], object],
) -> list[type[Transport]]:
    """Return the transports that can run here; say why the others cannot.

    Parameters
    ----------
    transports : iterable of str or type of Transport
    ends : sequence of (int, int)
        The numbers of producers and consumers they have to serve.
    say : callable
        Called with a sentence for each that is left out.

    Raises
    ------
    MeasurementError
        There is no transport of a name, or none is left.
    """
    found, reasons = [], []
    for kind in map(find, transports):
        reason = kind.missing()
        if reason is None and kind.one_to_one and {*ends} != {(1, 1)}:
            reason = (
                f"{kind.name} is not measured: it serves one producer and one consumer"
            )
        if reason is None:
            found.append(kind)
        else:
            reasons.append(reason)
    if not found:
        raise MeasurementError("; ".join(reasons) or "name at least one transport")
    for reason in reasons:
        say(reason)
    return found
