"""Items to send, each one a different object: pickle writes a repeated one once."""

import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["FIRST", "SMALL_BYTES", "batches", "items", "sent_at", "stamped"]

SMALL_BYTES = 8  # up to here an item is an int, above it is bytes
FIRST = 1_000_000  # from here on every int below 2**31 makes a pickle of one length

_STAMP = struct.Struct("d")


def items(first: int, count: int, payload_bytes: int) -> Iterable[Any]:
    """Return distinct items: small ints, or bytes that begin with their number.

    Parameters
    ----------
    first : int
        Number of the first item.
    count : int
        How many.
    payload_bytes : int
        Up to 8 asks for ints, more for ``bytes`` of that length.
    """
    numbers = range(first, first + count)
    if payload_bytes <= SMALL_BYTES:
        return numbers
    filler = bytes(payload_bytes - 8)
    return (number.to_bytes(8, "big") + filler for number in numbers)


def batches(
    first: int, count: int, payload_bytes: int, batch_size: int
) -> Iterator[list[Any]]:
    """Yield the same items in lists of ``batch_size``; the last may be shorter."""
    source = iter(items(first, count, payload_bytes))
    while batch := list(itertools.islice(source, batch_size)):
        yield batch


def stamped(now_s: float, payload_bytes: int) -> Any:
    """Return an item that carries a time: a float, or bytes that begin with it."""
    if payload_bytes <= SMALL_BYTES:
        return now_s
    return _STAMP.pack(now_s) + bytes(payload_bytes - _STAMP.size)


def sent_at(item: Any) -> float:
    """Return the time that an item of :func:`stamped` carries."""
    if isinstance(item, bytes):
        item = _STAMP.unpack_from(item)[0]
    return float(item)
