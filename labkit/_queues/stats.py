"""A queue's numbers, as a record."""

from dataclasses import dataclass

__all__ = ["QueueStats"]


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue's numbers at one moment.

    Attributes
    ----------
    depth : int
        Items that wait to be taken.
    unacked : int
        Items handed out by ``receive`` whose receipt is still open.
    put, got : int
        Items put, and items handed out, since the queue was made.
    redelivered : int
        Items that went back to the head: worker dead, late, or ``nack``.
    dead : int
        Items given up after ``max_deliveries``.
    waiting_consumers : int
        Calls that wait for an item now.
    connections : int
        Client connections open at the server; 0 in one's own process.
    """

    depth: int
    unacked: int
    put: int
    got: int
    redelivered: int
    dead: int
    waiting_consumers: int
    connections: int
