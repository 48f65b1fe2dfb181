"""Ways from producers to consumers, behind one interface.

A transport is opened in the measuring process. What :meth:`Transport.open` gives
travels to the child processes, which open their ends with it. Yours may be as short as
:class:`Pipe`: ``compare([Mine("mine"), "direct queue"])``.
"""

import contextlib
import functools
import multiprocessing
import os
import queue
import secrets
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import arbitrary_address  # type: ignore[attr-defined]
from multiprocessing.managers import BaseManager
from typing import Any

from labkit import supervised
from labkit.buffering import buffered, prefetched
from labkit.errors import MeasurementError
from labkit.manager import connect
from labkit.servers import start_server

# Stated, not left to the system: fork would copy the whole of this process.
SPAWN = multiprocessing.get_context("spawn")

_SMALL_BYTES = 8  # up to here an item is an int, above it is bytes


@dataclass(frozen=True)
class Transport(ABC):
    """One way from producers to consumers; its class must be importable.

    Attributes
    ----------
    name : str
        What measurements call it.
    batched : bool
        Whether ``put`` takes a list of items, and ``get(at_most)`` returns one.
    """

    name: str
    batched: bool = False

    @abstractmethod
    def open(self) -> AbstractContextManager[Any]:
        """Start what lies between; give what the children open their ends with."""

    def producer(self, spec: Any) -> Callable[[Any], object]:
        """Open a sending end, in a child: return ``put``, here the first of a pair."""
        return spec[0]  # type: ignore[no-any-return]

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Open a receiving end, in a child: return ``get``, the second of a pair."""
        return spec[1]  # type: ignore[no-any-return]

    def lists(
        self, get: Callable[..., Any], count: int, batch_size: int
    ) -> Iterator[list[Any]]:
        """Take so many items with what :meth:`consumer` returned, in lists."""
        while count > 0:
            items: list[Any] = get(min(count, batch_size))
            count -= len(items)
            yield items

    def flush(self, put: Callable[..., Any]) -> None:  # noqa: B027 - most hold nothing
        """Send what :meth:`producer`'s put may hold back; by default it does not."""

    def item(self, number: int, payload_bytes: int) -> Any:
        """Make one item: the number itself up to 8 bytes, else ``bytes`` with it."""
        if payload_bytes <= _SMALL_BYTES:
            return number
        return number.to_bytes(_SMALL_BYTES, "big").ljust(payload_bytes, b"\0")

    def clock(self) -> float:
        """Return seconds, the same in all processes; tests replace it."""
        return time.perf_counter()


class Queue(Transport):
    """``multiprocessing.Queue``: a pipe, two locks, and a thread that feeds it."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Make the queue."""
        direct: Any = SPAWN.Queue()
        with contextlib.closing(direct), direct._writer:  # noqa: SLF001 - stays open
            yield direct.put, direct.get

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return get; of lists, all must be of one length."""
        return lambda *_at_most: spec[1]()


class SimpleQueue(Queue):
    """``multiprocessing.SimpleQueue``: a pipe and two locks; ``put`` itself writes."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Make the queue."""
        with contextlib.closing(SPAWN.SimpleQueue()) as simple:
            yield simple.put, simple.get


class Pipe(Transport):
    """``multiprocessing.Pipe``, one way: no lock, so for one process at each end."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Make the pipe."""
        reader, writer = SPAWN.Pipe(duplex=False)
        with reader, writer:
            yield writer.send, reader.recv


@functools.cache
def _only_queue() -> "queue.Queue[Any]":
    return queue.Queue()


class PlainManager(BaseManager):
    """The manager that the standard library's documentation shows."""


PlainManager.register("get_queue", callable=_only_queue)


def _begin_server() -> None:
    supervised.end_with_parent()
    if hasattr(os, "setsid"):
        # As a server that somebody started elsewhere: Linux may share a busy
        # machine out by sessions, and this one must not be favoured over labkit's.
        os.setsid()


@dataclass(frozen=True)
class Plain(Transport):
    """The standard library's manager, over TCP or a Unix socket."""

    unix: bool = False

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Start the manager's process."""
        authkey = secrets.token_bytes(32)
        manager = PlainManager(self.address(), authkey, ctx=SPAWN)
        manager.start(_begin_server)
        with manager:
            yield manager.address, authkey

    def address(self) -> Any:
        """Return where to listen: a free port, or a path that only we can reach."""
        return arbitrary_address("AF_UNIX") if self.unix else ("127.0.0.1", 0)

    def proxy(self, spec: Any) -> Any:
        """Connect; return a proxy of the queue."""
        manager = PlainManager(*spec)
        manager.connect()
        return manager.get_queue()  # type: ignore[attr-defined]

    def producer(self, spec: Any) -> Callable[[Any], object]:
        """Return put of a proxy, or put_many."""
        return getattr(self.proxy(spec), "put" + "_many" * self.batched)  # type: ignore[no-any-return]

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return get of a proxy, or get_many."""
        return getattr(self.proxy(spec), "get" + "_many" * self.batched)  # type: ignore[no-any-return]


class Labkit(Plain):
    """labkit's server: one round trip for each call, of an item or of a list."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Start ``python3 -m labkit serve``."""
        # In a notebook a server replaces another of its name: never a learner's.
        name = f"throughput {secrets.token_hex(4)}"
        with start_server(self.address(), name=name) as server:
            yield server.address, bytes(server.authkey)

    def proxy(self, spec: Any) -> Any:
        """Connect; return a proxy of the queue."""
        return connect(*spec).get_queue("throughput")


class Streamed(Labkit):
    """The same server; no list waits for the answer to the one before it."""

    def producer(self, spec: Any) -> Callable[[Any], object]:
        """Return a put_many that does not wait for the answer."""
        return buffered(self.proxy(spec), in_flight=16).put_many

    def flush(self, put: Callable[..., Any]) -> None:
        """Put the rest, which would wait for more."""
        put.__self__.flush()  # type: ignore[attr-defined]

    def lists(
        self, get: Callable[..., Any], count: int, batch_size: int
    ) -> Iterator[list[Any]]:
        """Take them while the next are on their way."""
        proxy: Any = get.__self__  # type: ignore[attr-defined]
        return prefetched(proxy, batch_size, limit=count, ahead=8)


@dataclass(frozen=True)
class FirstCall(Transport):
    """What is moved is nothing: each get connects, gets the proxy, and makes a call."""

    way: Plain = Plain("")

    def open(self) -> AbstractContextManager[Any]:
        """Start the server."""
        return self.way.open()

    def producer(self, spec: Any) -> Callable[[Any], object]:  # noqa: ARG002
        """Return a put that does nothing."""
        return lambda _item: None

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return a get in a thread of its own, which has no connection yet."""

        def get() -> None:
            with ThreadPoolExecutor(1) as fresh:
                fresh.submit(lambda: self.way.proxy(spec).qsize()).result()

        return get


_ALL: list[Transport] = [
    *(Queue("direct queue"), Queue("direct queue of lists", batched=True)),
    *(SimpleQueue("simple queue"), Pipe("pipe")),
]
for _family in ("tcp", "unix") if hasattr(socket, "AF_UNIX") else ("tcp",):
    _way: Any = {"unix": _family == "unix"}
    _single = Plain(f"plain {_family}", **_way), Labkit(f"labkit {_family}", **_way)
    _ALL += [
        *_single,
        Labkit(f"labkit batched {_family}", batched=True, **_way),
        Streamed(f"labkit streamed {_family}", batched=True, **_way),
        *(FirstCall(f"{way.name}, first call", way=way) for way in _single),
    ]
TRANSPORTS = {one.name: one for one in _ALL}
"""What can be measured on this machine, by name: no Unix sockets on Windows."""


def find(transport: str | Transport) -> Transport:
    """Return the transport of that name, or the adapter itself."""
    if isinstance(transport, Transport):
        return transport
    if transport in TRANSPORTS:
        return TRANSPORTS[transport]
    there = ", ".join(TRANSPORTS)
    raise MeasurementError(
        f"there is no transport {transport!r} here; there is {there}"
    )
