"""Items on their way: packed by one client, opened by another, not by the server."""

import pickle
from dataclasses import dataclass
from typing import Any

__all__ = ["TAKING", "Packed", "pack", "ship", "unpack"]

# The calls that take items for good.
TAKING = frozenset({"get", "get_nowait", "get_many", "get_packed"})
BESIDE_FROM = 1 << 15  # bytes; below, a copy is cheaper than a piece of its own

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
