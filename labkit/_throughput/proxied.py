"""Ways through a manager server: the standard library's, and labkit's."""

import contextlib
import itertools
import queue
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.managers import BaseManager
from typing import Any, ClassVar

from labkit._throughput.adapters import Transport
from labkit._throughput.hosts import Host

__all__ = [
    "LabkitBatched",
    "LabkitBatchedTcp",
    "LabkitStreamed",
    "LabkitTcp",
    "LabkitUnix",
    "PlainTcp",
    "PlainUnix",
]

_LOOPBACK = ("127.0.0.1", 0)
_HAS_UNIX = hasattr(socket, "AF_UNIX")
_NO_UNIX = (
    "this system's Python has no Unix sockets; measure the same queue over tcp instead"
)

_queue: "queue.Queue[Any]" = queue.Queue()
_numbers = itertools.count(1)


def the_queue() -> "queue.Queue[Any]":
    """Return the queue of this process, which is the server's."""
    return _queue


class PlainManager(BaseManager):
    """The manager that the standard library's documentation shows."""


PlainManager.register("get_queue", callable=the_queue)


@contextlib.contextmanager
def plain_server(address: Any, authkey: bytes) -> Iterator[tuple[Any, bytes]]:
    """Serve a ``queue.Queue`` with nothing but the standard library."""
    server = PlainManager(address, authkey).get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.address, authkey


def _plain_proxy(spec: Any) -> Any:
    address, authkey = spec
    manager = PlainManager(address, authkey)
    manager.connect()
    return manager.get_queue()  # type: ignore[attr-defined]


class PlainTcp(Transport):
    """The standard library's manager over TCP: one round trip for each call."""

    name = "plain tcp"
    unix: ClassVar[bool] = False

    @classmethod
    def missing(cls) -> str | None:
        """Unix sockets are not on every system."""
        return _NO_UNIX if cls.unix and not _HAS_UNIX else None

    def address(self) -> Any:
        """Return where to listen: a free port, or a path that only we can reach."""
        if not self.unix:
            return _LOOPBACK
        folder = tempfile.TemporaryDirectory(prefix="labkit-")
        return f"{self.cleanup.enter_context(folder)}/queue"

    def open(self) -> Any:
        """Start the server in a process of its own."""
        host = Host(plain_server, self.address(), secrets.token_bytes(32))
        self.cleanup.callback(host.close)
        return host.spec

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return put of a proxy."""
        return _plain_proxy(spec).put  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return get of a proxy."""
        return _plain_proxy(spec).get  # type: ignore[no-any-return]

    @staticmethod
    def first_call(spec: Any) -> None:
        """Connect, get the proxy, and ask the queue's size."""
        _plain_proxy(spec).qsize()


class PlainUnix(PlainTcp):
    """The same over a Unix socket, which needs no network and has no 16 KiB cliff."""

    name = "plain unix"
    unix = True


def _labkit_proxy(spec: Any) -> Any:
    from labkit.manager import connect

    address, authkey = spec
    return connect(address, authkey).get_queue("throughput")


class LabkitTcp(PlainTcp):
    """labkit's server over TCP, one round trip for each call."""

    name = "labkit tcp"

    def open(self) -> Any:
        """Start ``python -m labkit serve``."""
        from labkit.servers import start_server

        # In a notebook a server replaces another of its name: never a learner's.
        name = f"throughput {next(_numbers)}"
        server = start_server(self.address(), name=name)
        self.cleanup.callback(server.stop)
        return server.address, bytes(server.authkey)

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return put of a proxy."""
        return _labkit_proxy(spec).put  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return get of a proxy."""
        return _labkit_proxy(spec).get  # type: ignore[no-any-return]

    @staticmethod
    def first_call(spec: Any) -> None:
        """Connect, get the proxy, and ask the queue's size."""
        _labkit_proxy(spec).qsize()


class LabkitUnix(LabkitTcp):
    """labkit's server over a Unix socket, one round trip for each call."""

    name = "labkit unix"
    unix = True


class LabkitBatchedTcp(LabkitTcp):
    """labkit's server over TCP, one round trip for each list of items."""

    name = "labkit batched tcp"
    batched = True

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return put_many of a proxy."""
        return _labkit_proxy(spec).put_many  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return get_many of a proxy."""
        return _labkit_proxy(spec).get_many  # type: ignore[no-any-return]


class LabkitBatched(LabkitBatchedTcp):
    """The same over a Unix socket where the system has them, else over TCP."""

    name = "labkit batched"
    unix = _HAS_UNIX


class LabkitStreamed(LabkitBatched):
    """The same, and no batch waits for the answer to the one before it."""

    name = "labkit streamed"

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return a put_many that is answered four batches later."""
        from labkit.manager.client import parcel_of

        calls = _labkit_proxy(spec).pipelined()
        sent = itertools.count(1)

        def put_many(items: list[Any]) -> None:
            calls.send("put_packed", parcel_of(items), len(items), True, None)
            if next(sent) > 4:
                calls.answer()

        return put_many

    @staticmethod
    def batches(
        get_many: Callable[..., Any], count: int, batch_size: int
    ) -> Iterator[list[Any]]:
        """Take them through an inlet of the proxy that ``get_many`` belongs to."""
        from labkit.buffering import prefetched

        return prefetched(get_many.__self__, batch_size, limit=count)  # type: ignore[attr-defined]
