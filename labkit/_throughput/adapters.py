"""Ways from producers to consumers, behind one interface: those without a server.

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

import itertools
import multiprocessing
import pickle
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.shared_memory import SharedMemory
from typing import Any, ClassVar

from labkit.errors import MeasurementError

__all__ = [
    "SPAWN",
    "DirectLists",
    "DirectQueue",
    "PlainPipe",
    "SharedRing",
    "SimpleQueue",
    "Transport",
]

# Stated, not left to the system: fork would copy the whole of this process.
SPAWN = multiprocessing.get_context("spawn")

_LENGTH = struct.Struct("I")
_SLOTS = 16
_SLOT_BYTES = (1 << 20) + 4096  # holds 1 MiB and what pickle adds


class Transport(ABC):
    """One way from producers to consumers.

    Attributes
    ----------
    name : str
        How measurements call it.
    batched, one_to_one : bool
        Whether its ends take and give whole lists; whether it has two ends only.
    cleanup : contextlib.ExitStack
        What :meth:`close` undoes; ``open`` fills it.

    Notes
    -----
    The class must be importable: child processes find it by its name.
    """

    name: ClassVar[str]
    batched: ClassVar[bool] = False
    one_to_one: ClassVar[bool] = False

    def __init__(self) -> None:
        self.cleanup = ExitStack()

    @classmethod
    def missing(cls) -> str | None:
        """Say in a sentence why it cannot run on this machine; None if it can."""
        return None

    @abstractmethod
    def open(self) -> Any:
        """Start what lies between; return what the children open their ends with."""

    def close(self) -> None:
        """End what :meth:`open` started; safe to call twice."""
        self.cleanup.close()

    @staticmethod
    @abstractmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Open a sending end, in a child: a function of one item, or of a list."""

    @staticmethod
    @abstractmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Open a receiving end, in a child: ``get()``, or ``get_many(at_most)``."""

    @staticmethod
    def batches(
        get_many: Callable[..., Any], count: int, batch_size: int
    ) -> Iterator[list[Any]]:
        """Take so many items with what :meth:`consumer` returned, in batches."""
        while count > 0:
            batch: list[Any] = get_many(min(count, batch_size))
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

    def open(self) -> Any:
        """Make the queue."""
        queue: Any = SPAWN.Queue()
        self.cleanup.callback(queue._writer.close)  # noqa: SLF001 - close() leaves it
        self.cleanup.callback(queue.close)
        return queue

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return the queue's put."""
        return spec.put  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return the queue's get."""
        return spec.get  # type: ignore[no-any-return]


class DirectLists(DirectQueue):
    """The same queue, each list of items put as one: batching is open to it too."""

    name = "direct queue of lists"
    batched = True

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that takes one list; all lists must be of one length."""
        return lambda _at_most: spec.get()


class SimpleQueue(Transport):
    """``multiprocessing.SimpleQueue``: a pipe and two locks; ``put`` itself writes."""

    name = "simple queue"

    def open(self) -> Any:
        """Make the queue."""
        queue = SPAWN.SimpleQueue()
        self.cleanup.callback(queue.close)
        return queue

    producer = DirectQueue.producer
    consumer = DirectQueue.consumer


class PlainPipe(Transport):
    """``multiprocessing.Pipe``, one way: no lock, so one process at each end."""

    name = "pipe"
    one_to_one = True

    def open(self) -> Any:
        """Make the pipe."""
        reader, writer = SPAWN.Pipe(duplex=False)
        self.cleanup.callback(reader.close)
        self.cleanup.callback(writer.close)
        return reader, writer

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return send of the writing end."""
        return spec[1].send  # type: ignore[no-any-return]

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return recv of the reading end."""
        return spec[0].recv  # type: ignore[no-any-return]


class SharedRing(Transport):
    """A ring of 16 slots in shared memory, and two semaphores that count them.

    Nothing goes through the kernel but the semaphores' wake-ups: what is left is the
    price of pickling and of copying. A slot holds 1 MiB.
    """

    name = "shared memory"
    one_to_one = True

    def open(self) -> Any:
        """Make the block of memory, all slots free."""
        block = SharedMemory(create=True, size=_SLOTS * _SLOT_BYTES)
        self.cleanup.callback(block.unlink)
        self.cleanup.callback(block.close)
        return block.name, SPAWN.Semaphore(_SLOTS), SPAWN.Semaphore(0)

    @staticmethod
    def producer(spec: Any) -> Callable[[Any], object]:
        """Return a function that pickles an item into the next free slot."""
        name, free, filled = spec
        block = SharedMemory(name)
        starts = itertools.cycle(range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES))

        def put(item: Any) -> None:
            body = pickle.dumps(item)
            if len(body) > _SLOT_BYTES - _LENGTH.size:
                raise MeasurementError(
                    f"an item of {len(body):,} bytes does not fit a slot of the ring; "
                    "measure shared memory with payloads of up to 1 MiB"
                )
            free.acquire()
            memory: Any = block.buf
            start = next(starts)
            _LENGTH.pack_into(memory, start, len(body))
            start += _LENGTH.size
            memory[start : start + len(body)] = body
            filled.release()

        return put

    @staticmethod
    def consumer(spec: Any) -> Callable[..., Any]:
        """Return a function that unpickles the oldest filled slot."""
        name, free, filled = spec
        block = SharedMemory(name)
        starts = itertools.cycle(range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES))

        def get() -> Any:
            filled.acquire()
            memory: Any = block.buf
            start = next(starts)
            (size,) = _LENGTH.unpack_from(memory, start)
            start += _LENGTH.size
            item = pickle.loads(memory[start : start + size])  # noqa: S301 - ours
            free.release()
            return item

        return get
