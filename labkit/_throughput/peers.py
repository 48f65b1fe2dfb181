"""Real queues of other projects, for those who have them: Redis, ZeroMQ, Dask.

Install them with the extra ``peers``, and ``redis-server`` with your system's
packages. Each listens only where this machine's programs can reach it.
"""

import contextlib
import importlib
import importlib.util
import os
import pickle
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labkit._throughput.adapters import Transport
from labkit._throughput.hosts import Host
from labkit.errors import MeasurementError
from labkit.supervised import Supervised

__all__ = ["DaskQueue", "Redis", "RedisPipelined", "ZeroMq"]

_KEY = "throughput"
_READY_WITHIN_S = 10.0


def _lacking(package: str, title: str) -> str | None:
    if importlib.util.find_spec(package) is not None:
        return None
    return (
        f"{title} is not measured: there is no package {package!r} here; "
        "pip install 'labkit[peers]' brings it"
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class Redis(Transport):
    """A list in Redis, one command for each item: RPUSH and BLPOP, items pickled."""

    name = "redis"

    @classmethod
    def missing(cls) -> str | None:
        """Look for the package redis, and the program redis-server."""
        if shutil.which("redis-server") is None:
            return (
                "Redis is not measured: no program redis-server is on the PATH; your "
                "system's package is called redis-server or redis"
            )
        return _lacking("redis", "Redis")

    def open(self) -> Any:
        """Start a redis-server of our own: loopback, a fresh password, no files."""
        folder = self.cleanup.enter_context(
            tempfile.TemporaryDirectory(prefix="labkit-")
        )
        port, password = _free_port(), secrets.token_hex(16)
        config = Path(folder) / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\n"
            'save ""\nappendonly no\n',
            "utf-8",
        )
        self._start(str(config))
        return port, password

    def _start(self, config: str) -> None:
        said: list[str] = []
        spoken = threading.Event()

        def listen(text: str) -> None:
            said.append(text)
            if "Ready to accept connections" in "".join(said):
                spoken.set()

        server = Supervised(
            ["redis-server", config], on_output=listen, on_exit=lambda _: spoken.set()
        )
        self.cleanup.callback(server.end)
        if not spoken.wait(_READY_WITHIN_S) or server.exit_code is not None:
            raise MeasurementError(
                "redis-server did not start; it said:\n" + "".join(said)[-2000:]
            )

    @staticmethod
    def client(spec: Any) -> Any:
        """Connect."""
        redis: Any = importlib.import_module("redis")
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
    """The same list, whole batches at once: RPUSH of many values, LPOP of many."""

    name = "redis pipelined"
    batched = True

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return a function that pushes a list in one round trip."""
        push = Redis.client(spec).rpush
        return lambda items: push(_KEY, *map(pickle.dumps, items))

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that pops what is there, and waits for the first."""
        client = Redis.client(spec)

        def get_many(at_most: int) -> list[Any]:
            bodies = client.lpop(_KEY, at_most) or [client.blpop(_KEY)[1]]
            return [pickle.loads(body) for body in bodies]  # noqa: S301 - ours

        return get_many


class ZeroMq(Transport):
    """ZeroMQ PUSH and PULL, items pickled: queues at both ends, no server between."""

    name = "zeromq"
    one_to_one = True

    @classmethod
    def missing(cls) -> str | None:
        """Look for the package pyzmq, which Jupyter brings."""
        return _lacking("zmq", "ZeroMQ")

    def open(self) -> Any:
        """Choose the address: a path that only we can reach, or a free port."""
        import zmq

        if os.name == "nt" or not zmq.has("ipc"):
            return f"tcp://127.0.0.1:{_free_port()}"
        folder = tempfile.TemporaryDirectory(prefix="labkit-")
        return f"ipc://{self.cleanup.enter_context(folder)}/queue"

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return send_pyobj of a PUSH socket."""
        import zmq

        sock: Any = zmq.Context.instance().socket(zmq.PUSH)
        sock.linger = 0
        sock.connect(spec)
        return sock.send_pyobj  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return recv_pyobj of a PULL socket."""
        import zmq

        sock: Any = zmq.Context.instance().socket(zmq.PULL)
        sock.linger = 0
        sock.bind(spec)
        return sock.recv_pyobj  # type: ignore[no-any-return]


@contextlib.contextmanager
def dask_scheduler() -> Iterator[str]:
    """Run a Dask scheduler, without workers: a Queue lives in the scheduler."""
    distributed: Any = importlib.import_module("distributed")
    with distributed.LocalCluster(
        n_workers=0,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address="127.0.0.1:0",  # None would be 8787, taken or not
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address


class DaskQueue(Transport):
    """``distributed.Queue``: kept by the scheduler, which also does everything else."""

    name = "dask"

    @classmethod
    def missing(cls) -> str | None:
        """Look for the package distributed."""
        return _lacking("distributed", "Dask")

    def open(self) -> Any:
        """Start a scheduler in a process of its own."""
        host = Host(dask_scheduler)
        self.cleanup.callback(host.close)
        return host.spec

    @staticmethod
    def queue(spec: Any) -> Any:
        """Connect."""
        distributed: Any = importlib.import_module("distributed")
        client = distributed.Client(spec, set_as_default=False)
        return distributed.Queue(_KEY, client=client)

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return put of the queue."""
        return DaskQueue.queue(spec).put  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return get of the queue."""
        return DaskQueue.queue(spec).get  # type: ignore[no-any-return]
