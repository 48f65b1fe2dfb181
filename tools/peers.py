"""Measure Redis, ZeroMQ and Dask beside our own queues: ``python tools/peers.py``.

For maintainers, never installed. The adapters are what any user of ``labkit`` would
write against ``labkit.throughput.Transport``. They need the extra ``peers``, and
``redis-server`` from your system's packages. Every server listens on loopback alone.
"""

import importlib
import pickle
import re
import secrets
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit.commands import bench
from labkit.errors import LabkitError, MeasurementError
from labkit.supervised import Supervised
from labkit.throughput import TRANSPORTS, Transport

_KEY = "throughput"
_READY_WITHIN_S = 60.0


@contextmanager
def served(argv: Sequence[str], ready: str) -> Iterator[str]:
    """Run a server; give the part of its output that says that it is ready."""
    said: list[str] = []
    spoken = threading.Event()

    def listen(text: str) -> None:
        said.append(text)
        if re.search(ready, "".join(said)):
            spoken.set()

    with Supervised(argv, listen, lambda _: spoken.set()):
        spoken.wait(_READY_WITHIN_S)
        found = re.search(ready, "".join(said))
        if found is None:
            raise MeasurementError(f"{argv[0]} did not start:\n{''.join(said)}")
        yield found[0]


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class Redis(Transport):
    """A list in Redis: RPUSH and BLPOP of an item, or of a list pickled as one."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Start a redis-server of our own: loopback, a fresh password, no files."""
        port, password = free_port(), secrets.token_hex(16)
        with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
            config = Path(folder, "redis.conf")
            config.touch(mode=0o600)
            config.write_text(
                f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
                f'dir {folder}\nsave ""\nappendonly no\n',
                "utf-8",
            )
            with served(["redis-server", str(config)], "Ready to accept"):
                yield port, password

    def client(self, spec: Any) -> Any:
        """Connect."""
        import redis

        port, password = spec
        return redis.Redis("127.0.0.1", port, password=password)

    def producer(self, spec: Any) -> Callable[[Any], object]:
        """Return a function that pushes one item."""
        push = self.client(spec).rpush
        return lambda item: push(_KEY, pickle.dumps(item))

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return a function that waits for one item."""
        pop = self.client(spec).blpop
        return lambda *_at_most: pickle.loads(pop(_KEY)[1])  # noqa: S301 - ours


class RedisPipelined(Redis):
    """The same list, many items at once: RPUSH of many values, LPOP of many."""

    def producer(self, spec: Any) -> Callable[[Any], object]:
        """Return a function that pushes the items of a list in one round trip."""
        push = self.client(spec).rpush
        return lambda items: push(_KEY, *map(pickle.dumps, items))

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return a function that pops what is there, and waits for the first."""
        client = self.client(spec)

        def get_many(at_most: int) -> list[Any]:
            bodies = client.lpop(_KEY, at_most) or [client.blpop(_KEY)[1]]
            return [pickle.loads(body) for body in bodies]  # noqa: S301 - ours

        return get_many


class ZeroMq(Transport):
    """ZeroMQ PUSH and PULL, items pickled: queues at both ends, no server between."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Choose an address."""
        yield f"tcp://127.0.0.1:{free_port()}"

    def producer(self, spec: Any) -> Callable[[Any], object]:
        """Return send_pyobj of a PUSH socket."""
        import zmq

        sock: Any = zmq.Context.instance().socket(zmq.PUSH)
        sock.connect(spec)
        return sock.send_pyobj  # type: ignore[no-any-return]

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return recv_pyobj of a PULL socket."""
        import zmq

        sock: Any = zmq.Context.instance().socket(zmq.PULL)
        sock.bind(spec)
        return lambda *_at_most: sock.recv_pyobj()


class Dask(Transport):
    """``distributed.Queue``: kept by the scheduler, which also does everything else."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Start a scheduler, without workers."""
        program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        with served([*program, *options], r"tcp://[\d.]+:\d+(?=\s)") as address:
            yield address

    def producer(self, spec: Any, verb: str = "put") -> Callable[..., Any]:
        """Return put of a queue."""
        distributed: Any = importlib.import_module("distributed")
        client = distributed.Client(spec, set_as_default=False)
        queue = distributed.Queue(_KEY, client=client)
        return getattr(queue, verb)  # type: ignore[no-any-return]

    def consumer(self, spec: Any) -> Callable[..., Any]:
        """Return get of a queue."""
        return self.producer(spec, "get")


PEERS = (
    Redis("redis tcp"),
    ZeroMq("zeromq tcp"),
    Dask("dask tcp"),
    RedisPipelined("redis pipelined tcp", batched=True),
    Redis("redis of lists tcp", batched=True),
    ZeroMq("zeromq of lists tcp", batched=True),
)
TRANSPORTS.update((one.name, one) for one in PEERS)
_PER_ITEM, _LISTS = [[p.name for p in PEERS if p.batched is b] for b in (False, True)]

PARTS = (
    bench.Part(
        "Small ints, one per call",
        ("labkit tcp", "direct queue", "plain tcp", *_PER_ITEM),
    ),
    bench.Part(
        "Small ints, lists of 1,000",
        ("labkit streamed tcp", "direct queue of lists", *_LISTS, "zeromq tcp"),
    ),
)

if __name__ == "__main__":
    try:
        bench.measure(PARTS, 8)
    except LabkitError as error:
        sys.exit(str(error))
