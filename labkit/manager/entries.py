"""The items of a queue as a server keeps them: unopened, where a client packed them.

A labkit client sends its items as one pickled list, which is handed on as it came: that
saves most of the price of a large item or a batch, and the server needs none of the
clients' classes. It is opened only to cut a batch, or to answer a plain client; where
that fails, the client gets instructions to open it itself.
"""

import itertools
import operator
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from labkit.manager.wire import dumps

Parcel = tuple[int, bytes]  # how many items, and a pickled list of them
LARGE_MESSAGE = 1 << 20  # bytes; a stream of larger ones is slower again


@dataclass(slots=True)
class _Call:
    """A call that is made where this is unpickled, by a plain client, too."""

    function: Callable[..., Any]
    args: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.args


@dataclass(slots=True)
class Entry:
    """Some items that are next to each other: one object, or a pickled list."""

    count: int  # of items, at least 1
    item: Any = None  # the one itself, where there is no blob
    blob: bytes | None = None  # a list; all of it is this entry, unless
    first: int | None = None  # it was cut unopened: then its items begin here
    row: int = 0  # in the journal
    deliveries: int = 0  # how often it was handed out on a receipt;
    deadline: float = 0.0  # then it goes back at this time,
    owner: object = None  # or when this connection ends

    def pickled(self) -> bytes:
        """Return the items as one pickled list."""
        if self.blob is None:
            return dumps([self.item])
        return self.blob if self.first is None else dumps(self._slice())

    def opened(self) -> list[Any]:
        """Return the items, or raise what their classes raise."""
        return [self.item] if self.blob is None else pickle.loads(self.pickled())  # noqa: S301

    def items(self) -> list[Any]:
        """Return the items for a plain client, which may know their classes."""
        try:
            return self.opened()
        except Exception:  # noqa: BLE001 - a class may raise anything
            # So each item that is taken alone carries its whole batch.
            whole = self._slice()
            return [_Call(operator.getitem, (whole, n)) for n in range(self.count)]

    def _slice(self) -> _Call:
        first = self.first or 0
        whole = _Call(pickle.loads, (self.blob,))
        return _Call(operator.getitem, (whole, slice(first, first + self.count)))

    def cut(self, count: int) -> "list[Entry]":
        """Return entries in place of this one, the first of at most ``count`` items."""
        try:
            return [Entry(1, one, deliveries=self.deliveries) for one in self.opened()]
        except Exception:  # noqa: BLE001 - as above; so it is cut unopened
            first = self.first or 0
            head = replace(self, count=count, first=first)
            return [head, replace(self, count=self.count - count, first=first + count)]


def parcels_of(entries: list[Entry]) -> list[Parcel]:
    """Return the items of some entries, each a pickled list."""
    if len(entries) > 1 and all(entry.blob is None for entry in entries):
        return [(len(entries), dumps([entry.item for entry in entries]))]
    return [(entry.count, entry.pickled()) for entry in entries]


def items_of(parcels: Iterable[Parcel]) -> list[Any]:
    """Return the items in some parcels, in order."""
    lists = [pickle.loads(blob) for _, blob in parcels]  # noqa: S301
    return lists[0] if len(lists) == 1 else [*itertools.chain(*lists)]
