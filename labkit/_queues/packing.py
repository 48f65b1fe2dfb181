"""Items on their way: packed by one client, opened by another, not by the server."""

import pickle
import struct
from dataclasses import dataclass
from typing import Any

__all__ = [
    "TAKING",
    "Packed",
    "pack",
    "packed",
    "pieces_of",
    "ship",
    "unpack",
    "unpack_all",
]

# The calls that take items for good.
TAKING = frozenset({"get", "get_nowait", "get_many", "get_packed"})
BESIDE_FROM = 1 << 15  # bytes; below, a copy is cheaper than a piece of its own

_LEAST = 2048  # bytes; smaller items are packed faster by pickle itself
_LENGTH = struct.Struct("<I")

pack = pickle.dumps
unpack = pickle.loads  # of what clients put: whoever holds the key is trusted so far


@dataclass(slots=True)
class Packed:
    """Items on their way through, as one pickle of a list that nobody has opened.

    The server then neither unpickles nor pickles them: that is most of the price of
    a large item or a batch, and it needs none of the clients' classes.
    """

    count: int
    blob: bytes | memoryview


def ship(blob: bytes | memoryview) -> Any:
    """Return a blob ready to be sent: a large one goes beside the message, uncopied."""
    return blob if len(blob) < BESIDE_FROM else pickle.PickleBuffer(blob)


def unpack_all(blobs: list[Any]) -> list[Any]:
    """Return the items in some pickled lists, at least one, in order."""
    items: list[Any] = unpack(blobs[0])
    for blob in blobs[1:]:
        items += unpack(blob)
    return items


def packed(items: list[Any]) -> tuple[Any, list[bytes]]:
    """Return a blob for a message, and the pieces to send in its place, if any."""
    pieces = pieces_of(items)
    if sum(map(len, pieces)) >= BESIDE_FROM:
        return pickle.PickleBuffer(b""), pieces
    return pieces[0] if len(pieces) == 1 else b"".join(pieces), []


def pieces_of(items: list[Any]) -> list[bytes]:
    """Return a pickle of the list, in pieces: large ``bytes`` in it are not copied.

    The opcodes are those of protocol 3, which has no frames around its parts:
    PROTO, EMPTY_LIST, MARK, BINBYTES with a length for each item, APPENDS, STOP.
    """
    if not items or not all(type(item) is bytes for item in items):
        return [pack(items)]
    if not _LEAST <= min(map(len, items)) <= max(map(len, items)) < 1 << 32:
        return [pack(items)]
    pieces = [b"\x80\x03]("]
    for item in items:
        pieces += (b"B" + _LENGTH.pack(len(item)), item)
    return [*pieces, b"e."]
