"""Measure Redis, ZeroMQ and Dask beside our own queues: ``python tools/peers.py``.

For maintainers, never installed. The adapters are what any user of ``labkit`` would
write against ``labkit.throughput.Transport``. They need the extra ``peers``, and
``redis-server`` from your system's packages. Every server listens on loopback alone.
"""

import argparse
import contextlib
import json
import pickle
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit.commands import bench
from labkit.errors import MeasurementError
from labkit.supervised import Supervised
from labkit.throughput import TRANSPORTS, Transport

_KEY = "throughput"
_READY_WITHIN_S = 60.0
_POP = 1000  # items that LPOP takes at most


def start(argv: Sequence[str], ready: str, cleanup: contextlib.ExitStack) -> str:
    """Start a server; return the part of its output that says that it is ready."""
    said: list[str] = []
    spoken = threading.Event()

    def listen(text: str) -> None:
        said.append(text)
        if re.search(ready, "".join(said)):
            spoken.set()

    cleanup.enter_context(Supervised(argv, listen, lambda _: spoken.set()))
    spoken.wait(_READY_WITHIN_S)
    found = re.search(ready, "".join(said))
    if found is None:
        raise MeasurementError(f"{argv[0]} did not start; it said:\n{''.join(said)}")
    return found[0]


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class Redis(Transport):
    """A list in Redis, one command for each item: RPUSH and BLPOP, items pickled."""

    name = "redis tcp"

    def open(self) -> Any:
        """Start a redis-server of our own: loopback, a fresh password, no files."""
        folder = tempfile.TemporaryDirectory(prefix="labkit-")
        config = Path(self.cleanup.enter_context(folder), "redis.conf")
        port, password = free_port(), secrets.token_hex(16)
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
            f'dir {config.parent}\nsave ""\nappendonly no\n',
            "utf-8",
        )
        start(["redis-server", str(config)], "Ready to accept", self.cleanup)
        return port, password

    @staticmethod
    def client(spec: Any) -> Any:
        """Connect."""
        import redis

        port, password = spec
        return redis.Redis("127.0.0.1", port, password=password)

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return a function that pushes one item."""
        push = Redis.client(spec).rpush
        return lambda item: push(_KEY, pickle.dumps(item))

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that waits for one item."""
        pop = Redis.client(spec).blpop
        return lambda: pickle.loads(pop(_KEY)[1])  # noqa: S301 - we pickled it


class RedisPipelined(Redis):
    """The same list, many items at once: RPUSH of many values, LPOP of many."""

    name = "redis pipelined tcp"
    batched = True

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return a function that pushes the items of a list in one round trip."""
        push = Redis.client(spec).rpush
        return lambda items: push(_KEY, *map(pickle.dumps, items))

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that pops what is there, and waits for the first."""
        client = Redis.client(spec)

        def get_many(at_most: int) -> list[Any]:
            bodies = client.lpop(_KEY, min(at_most, _POP)) or [client.blpop(_KEY)[1]]
            return [pickle.loads(body) for body in bodies]  # noqa: S301 - ours

        return get_many


class RedisLists(Redis):
    """The same list, where each item is a pickled list of items."""

    name = "redis of lists tcp"
    batched = True

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that waits for one list."""
        get = Redis.consumer(spec)
        return lambda _at_most: get()


class ZeroMq(Transport):
    """ZeroMQ PUSH and PULL, items pickled: queues at both ends, no server between."""

    name = "zeromq tcp"
    one_to_one = True

    def open(self) -> Any:
        """Choose an address."""
        return f"tcp://127.0.0.1:{free_port()}"

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return send_pyobj of a PUSH socket."""
        import zmq

        sock: Any = zmq.Context.instance().socket(zmq.PUSH)
        sock.connect(spec)
        return sock.send_pyobj  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return recv_pyobj of a PULL socket."""
        import zmq

        sock: Any = zmq.Context.instance().socket(zmq.PULL)
        sock.bind(spec)
        return sock.recv_pyobj  # type: ignore[no-any-return]


class ZeroMqLists(ZeroMq):
    """The same, each list of items sent as one."""

    name = "zeromq of lists tcp"
    batched = True

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that waits for one list."""
        get = ZeroMq.consumer(spec)
        return lambda _at_most: get()


class Dask(Transport):
    """``distributed.Queue``: kept by the scheduler, which also does everything else."""

    name = "dask tcp"

    def open(self) -> Any:
        """Start a scheduler, without workers."""
        program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        return start([*program, *options], r"tcp://[\d.]+:\d+(?=\s)", self.cleanup)

    @staticmethod
    def queue(spec: Any) -> Any:
        """Connect."""
        import distributed

        client = distributed.Client(spec, set_as_default=False)
        return distributed.Queue(_KEY, client=client)

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return put of the queue."""
        return Dask.queue(spec).put  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return get of the queue."""
        return Dask.queue(spec).get  # type: ignore[no-any-return]


PEERS = (Redis, RedisPipelined, RedisLists, ZeroMq, ZeroMqLists, Dask)
TRANSPORTS.update((kind.name, kind) for kind in PEERS)
_STREAMED, _LISTS = "labkit streamed tcp", "direct queue of lists"

PARTS = (
    bench.Part(
        "Small ints, one per call",
        ("direct queue", "plain tcp", "labkit tcp", Redis.name, ZeroMq.name, Dask.name),
        (("labkit tcp", Redis.name), ("labkit tcp", Dask.name)),
    ),
    bench.Part(
        "Small ints, lists of 1,000",
        (
            *(_LISTS, _STREAMED, RedisPipelined.name, RedisLists.name),
            *(ZeroMqLists.name, ZeroMq.name),
        ),
        tuple(
            (_STREAMED, below.name)
            for below in (RedisPipelined, RedisLists, ZeroMqLists, ZeroMq)
        ),
    ),
)


def main() -> int:
    """Measure, print, write; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure peers beside our queues.")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every repeat")
    options = parser.parse_args()
    if shutil.which("redis-server") is None:
        parser.error("there is no redis-server; your system's packages have it")
    report = bench.run(2, 4, sys.stdout, PARTS)
    print(bench.table(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
