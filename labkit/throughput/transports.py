"""Ways from producers to consumers, behind one interface.

A transport is opened in the measuring process. What :meth:`Transport.open` returns
travels to the child processes, which open their ends with it. Your own is as short::

    class Direct(Transport):
        name = "direct"

        def open(self):
            return SPAWN.Queue()

        @staticmethod
        def producer(spec):
            return spec.put

        @staticmethod
        def consumer(spec):
            return spec.get
"""

import contextlib
import difflib
import itertools
import multiprocessing
import os
import queue
import secrets
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.managers import BaseManager
from typing import Any, ClassVar

from labkit import supervised
from labkit.errors import MeasurementError

__all__ = ["SPAWN", "TRANSPORTS", "Transport", "find"]

# Stated, not left to the system: fork would copy the whole of this process.
SPAWN = multiprocessing.get_context("spawn")

SMALL_BYTES = 8  # up to here an item is an int, above it is bytes
_READY_WITHIN_S = 30.0
_numbers = itertools.count(1)


class Transport(ABC):
    """One way from producers to consumers.

    Attributes
    ----------
    name : str
        What measurements call it.
    batched : bool
        Whether ``put`` takes a list of items, and ``get`` returns one.
    one_to_one : bool
        Whether it serves one producer and one consumer only.
    clock : callable
        Seconds, the same in all processes. Tests replace it.
    cleanup : contextlib.ExitStack
        What :meth:`close` undoes; ``open`` fills it.

    Notes
    -----
    The class must be importable: child processes find it by its name.
    """

    name: ClassVar[str]
    batched: ClassVar[bool] = False
    one_to_one: ClassVar[bool] = False
    clock: ClassVar[Callable[[], float]] = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self.cleanup = ExitStack()

    @abstractmethod
    def open(self) -> Any:
        """Start what lies between; return what the children open their ends with."""

    def close(self) -> None:
        """End what :meth:`open` started; safe to call twice."""
        self.cleanup.close()

    @staticmethod
    def item(number: int, payload_bytes: int) -> Any:
        """Make one item: the number itself up to 8 bytes, else ``bytes`` with it."""
        if payload_bytes <= SMALL_BYTES:
            return number
        return number.to_bytes(SMALL_BYTES, "big").ljust(payload_bytes, b"\0")

    @staticmethod
    @abstractmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Open a sending end, in a child: ``put(item)``, or ``put(items)``."""

    @staticmethod
    @abstractmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Open a receiving end, in a child: ``get()``, or ``get(at_most)``."""

    @staticmethod
    def lists(
        get: Callable[..., Any], count: int, batch_size: int
    ) -> Iterator[list[Any]]:
        """Take so many items with what :meth:`consumer` returned, in lists."""
        while count > 0:
            batch: list[Any] = get(min(count, batch_size))
            count -= len(batch)
            yield batch

    @staticmethod
    def first_call(spec: Any) -> None:  # noqa: ARG004 - for those that can
        """Connect, in a thread that has no connection, and make one call."""
        raise MeasurementError(
            "only a queue behind a server has a first call; measure plain tcp, "
            "plain unix, labkit tcp or labkit unix"
        )


class DirectQueue(Transport):
    """``multiprocessing.Queue``: a pipe, two locks, and a thread that feeds it."""

    name = "direct queue"
    producer = staticmethod(lambda spec: spec.put)
    consumer = staticmethod(lambda spec: spec.get)

    def open(self) -> Any:
        """Make the queue."""
        direct: Any = SPAWN.Queue()
        self.cleanup.callback(direct._writer.close)  # noqa: SLF001 - close() leaves it
        self.cleanup.callback(direct.close)
        return direct


class DirectLists(DirectQueue):
    """The same queue, each list of items put as one: batching is open to it too."""

    name = "direct queue of lists"
    batched = True
    consumer = staticmethod(lambda spec: lambda _at_most: spec.get())


class SimpleQueue(DirectQueue):
    """``multiprocessing.SimpleQueue``: a pipe and two locks; ``put`` itself writes."""

    name = "simple queue"

    def open(self) -> Any:
        """Make the queue."""
        simple = SPAWN.SimpleQueue()
        self.cleanup.callback(simple.close)
        return simple


class Pipe(Transport):
    """``multiprocessing.Pipe``, one way: no lock, so one process at each end."""

    name = "pipe"
    one_to_one = True
    producer = staticmethod(lambda spec: spec[1].send)
    consumer = staticmethod(lambda spec: spec[0].recv)

    def open(self) -> Any:
        """Make the pipe."""
        ends = SPAWN.Pipe(duplex=False)
        for end in ends:
            self.cleanup.callback(end.close)
        return ends


_queue: "queue.Queue[Any]" = queue.Queue()


def the_queue() -> "queue.Queue[Any]":
    """Return the queue of this process, which is the server's."""
    return _queue


class PlainManager(BaseManager):
    """The manager that the standard library's documentation shows."""


PlainManager.register("get_queue", callable=the_queue)


def _serve(address: Any, authkey: bytes, ready: Any) -> None:
    """Serve a ``queue.Queue`` with the standard library alone, in a child."""
    supervised.end_with_parent()
    if hasattr(os, "setsid"):
        # As a server that somebody started elsewhere: Linux may share a busy
        # machine out by sessions, and this one must not be favoured over labkit's.
        os.setsid()
    server = PlainManager(address, authkey).get_server()
    ready.send(server.address)
    ready.close()
    server.serve_forever()


class PlainTcp(Transport):
    """The standard library's manager over TCP: one round trip for each call."""

    name = "plain tcp"
    unix: ClassVar[bool] = False
    verbs: ClassVar[tuple[str, str]] = ("put", "get")

    def address(self) -> Any:
        """Return where to listen: a free port, or a path that only we can reach."""
        if not self.unix:
            return "127.0.0.1", 0
        folder = tempfile.TemporaryDirectory(prefix="labkit-")
        return f"{self.cleanup.enter_context(folder)}/queue"

    def open(self) -> Any:
        """Start the server in a process of its own."""
        ours, theirs = SPAWN.Pipe(duplex=False)
        authkey = secrets.token_bytes(32)
        given = self.address(), authkey, theirs
        server = SPAWN.Process(target=_serve, args=given, daemon=True)
        server.start()
        self.cleanup.callback(server.join)
        self.cleanup.callback(server.kill)
        theirs.close()
        with ours, contextlib.suppress(EOFError):
            if ours.poll(_READY_WITHIN_S):
                return ours.recv(), authkey
        raise MeasurementError(
            f"the server of {self.name} did not start; python -m labkit doctor looks "
            "at the machine"
        )

    @staticmethod
    def proxy(spec: Any) -> Any:
        """Connect; return a proxy of the queue."""
        manager = PlainManager(*spec)
        manager.connect()
        return manager.get_queue()  # type: ignore[attr-defined]

    @classmethod
    def producer(cls, spec: Any) -> Callable[[Any], object]:
        """Return put of a proxy."""
        return getattr(cls.proxy(spec), cls.verbs[0])  # type: ignore[no-any-return]

    @classmethod
    def consumer(cls, spec: Any) -> Callable[..., Any]:
        """Return get of a proxy."""
        return getattr(cls.proxy(spec), cls.verbs[1])  # type: ignore[no-any-return]

    @classmethod
    def first_call(cls, spec: Any) -> None:
        """Connect, get the proxy, and ask the queue's size."""
        cls.proxy(spec).qsize()


class PlainUnix(PlainTcp):
    """The same over a Unix socket, which needs no network."""

    name = "plain unix"
    unix = True


class LabkitTcp(PlainTcp):
    """labkit's server over TCP, one round trip for each call."""

    name = "labkit tcp"

    def open(self) -> Any:
        """Start ``python -m labkit serve``."""
        from labkit.servers import start_server

        # In a notebook a server replaces another of its name: never a learner's.
        server = start_server(self.address(), name=f"throughput {next(_numbers)}")
        self.cleanup.callback(server.stop)
        return server.address, bytes(server.authkey)

    @staticmethod
    def proxy(spec: Any) -> Any:
        """Connect; return a proxy of the queue."""
        from labkit.manager import connect

        return connect(*spec).get_queue("throughput")


class LabkitUnix(LabkitTcp):
    """labkit's server over a Unix socket, one round trip for each call."""

    name = "labkit unix"
    unix = True


class LabkitBatchedTcp(LabkitTcp):
    """labkit's server over TCP, one round trip for each list of items."""

    name = "labkit batched tcp"
    batched = True
    verbs = ("put_many", "get_many")


class LabkitBatchedUnix(LabkitBatchedTcp):
    """labkit's server over a Unix socket, one round trip for each list of items."""

    name = "labkit batched unix"
    unix = True


class LabkitStreamedTcp(LabkitBatchedTcp):
    """Lists over TCP; none waits for the answer to the one before it."""

    name = "labkit streamed tcp"

    @classmethod
    def producer(cls, spec: Any) -> Callable[[Any], object]:
        """Return a put_many that is answered four lists later."""
        from labkit.manager.client import parcel_of

        calls = cls.proxy(spec).pipelined()
        sent = itertools.count(1)

        def put_many(items: list[Any]) -> None:
            calls.send("put_packed", parcel_of(items), len(items), True, None)
            if next(sent) > 4:
                calls.answer()

        return put_many

    @staticmethod
    def lists(
        get: Callable[..., Any], count: int, batch_size: int
    ) -> Iterator[list[Any]]:
        """Take them through an inlet of the proxy that ``get`` belongs to."""
        from labkit import prefetched

        proxy: Any = get.__self__  # type: ignore[attr-defined]
        stream: Iterator[list[Any]] = prefetched(proxy, batch_size, limit=count)
        return stream


class LabkitStreamedUnix(LabkitStreamedTcp):
    """Lists over a Unix socket; none waits for the answer to the one before it."""

    name = "labkit streamed unix"
    unix = True


_ALL: tuple[type[Transport], ...] = (
    *(DirectQueue, DirectLists, SimpleQueue, Pipe),
    *(PlainTcp, PlainUnix, LabkitTcp, LabkitUnix),
    *(LabkitBatchedTcp, LabkitBatchedUnix, LabkitStreamedTcp, LabkitStreamedUnix),
)
TRANSPORTS: dict[str, type[Transport]] = {
    kind.name: kind
    for kind in _ALL
    if hasattr(socket, "AF_UNIX") or not getattr(kind, "unix", False)
}
"""What can be measured on this machine, by name: no Unix sockets on Windows."""


def find(transport: str | type[Transport]) -> type[Transport]:
    """Return the transport of that name, or the adapter itself."""
    if not isinstance(transport, str):
        return transport
    if transport in TRANSPORTS:
        return TRANSPORTS[transport]
    near = difflib.get_close_matches(transport, TRANSPORTS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(TRANSPORTS)}"
    raise MeasurementError(f"there is no transport {transport!r} here; {hint}")
