"""The child processes of a measurement: a producer or a consumer in each.

A child opens its end once, then does one job after another, so that starting it is
paid once and never timed. What a job sends is made before the barrier, where all
children meet; the clock starts behind it, and stops when a consumer has its last item.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

from labkit import supervised
from labkit.throughput.transports import Transport

__all__ = ["FIRST", "Child", "become", "do", "payloads"]

FIRST = 1_000_000  # from here on every int below 2**31 makes a pickle of one length
_MOST_ITEMS = 250_000
_MOST_BYTES = 64 << 20


def payloads(
    transport: Transport, count: int, payload_bytes: int, batch: int, first: int
) -> Iterator[Any]:
    """Make all that a job puts; the iterator returned makes nothing any more.

    Items are distinct objects, for pickle writes a repeated one once. Where there are
    very many they go round again: each put is a pickle of its own, so none is spared.
    """
    most = min(count, _MOST_ITEMS, _MOST_BYTES // max(payload_bytes, 1))
    distinct = max(most // batch, 1) * batch
    items = [transport.item(first + n, payload_bytes) for n in range(distinct)]
    if not transport.batched:
        return itertools.islice(itertools.cycle(items), count)
    lists = [items[at : at + batch] for at in range(0, distinct, batch)]
    return itertools.islice(itertools.cycle(lists), count // batch)


class Child:
    """One end of a transport; the methods are its jobs."""

    def __init__(
        self, transport: Transport, spec: Any, partner: Any, barrier: Any
    ) -> None:
        self.transport, self.spec, self.clock = transport, spec, transport.clock
        self.partner, self.barrier = partner, barrier

    def open(self, role: str) -> None:
        """Open the end: ``"producer"`` or ``"consumer"``."""
        self.end = getattr(self.transport, role)(self.spec)

    def produce(self, count: int, *shape: int) -> tuple[float, float]:
        """Put so many items; return when that began and ended."""
        put, things = self.end, payloads(self.transport, count, *shape)
        self.barrier.wait()
        begin = self.clock()
        for thing in things:
            put(thing)
        return begin, self.clock()

    def consume(self, count: int, batch: int) -> tuple[float, float]:
        """Get so many items; return when that began, and when the last one was here."""
        get = self.end
        lists = self.transport.batched and self.transport.lists(get, count, batch)
        self.barrier.wait()
        begin = self.clock()
        for items in lists or ():
            deque(items, maxlen=0)  # touch each, as a program that works on them does
        for _ in range(0 if lists else count):
            get()
        return begin, self.clock()

    def send_singly(self, count: int, payload_bytes: int) -> None:
        """Put an item each time the consumer is about to wait for one."""
        for thing in payloads(self.transport, count, payload_bytes, 1, FIRST):
            self.partner.recv()
            begin = self.clock()
            self.end(thing)
            self.partner.send(begin)

    def receive_singly(self, count: int) -> list[float]:
        """Return the seconds from before each put until after its get."""
        samples = []
        for _ in range(count):
            self.partner.send(None)
            self.end(*([1] if self.transport.batched else []))
            end = self.clock()
            samples.append(end - self.partner.recv())
        return samples


_child: list[Child] = []


def become(*settings: Any) -> None:
    """Make this process a child of a measurement."""
    supervised.end_with_parent()
    _child[:] = [Child(*settings)]


def do(job: str, *args: Any) -> Any:
    """Do a job; return what comes of it."""
    return getattr(_child[0], job)(*args)
