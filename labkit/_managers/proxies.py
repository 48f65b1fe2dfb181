"""The client half: a proxy that never takes one question's answer for another's."""

from collections.abc import Iterable
from multiprocessing import managers, util
from typing import Any

from labkit._managers.keys import SecretKey
from labkit._managers.links import Link, Stream
from labkit._managers.referents import IDENT_PREFIX
from labkit._queues.packing import packed, unpack, unpack_all
from labkit.errors import NotOfferedError, ServerStoppedError
from labkit.queues import EXPOSED, QueueStats
from labkit.transport import SERIALIZER, shown

__all__ = ["QueueProxy"]


class QueueProxy(managers.BaseProxy):
    """The client's view of a queue that lives in a manager server.

    Made by :class:`~labkit.managers.QueueManager`. Has the methods of
    :class:`~labkit.queues.TaskQueue`; each is one round trip. Beyond a proxy of the
    standard library:

    - a call that was interrupted (the stop button, a signal) throws its connection
      away, so that the next call cannot read the answer of an earlier one;
    - a connection found dead before anything was sent is replaced in silence;
    - one that dies under a call is replaced, and the call repeated, only where
      that is safe; else :exc:`~labkit.errors.OutcomeUnknownError` is raised.

    Notes
    -----
    Safe for threads: each thread has its own connection. Can be pickled only while
    a child process is being started, as any proxy.
    """

    _exposed_ = EXPOSED
    # Of the base class, where type checkers do not see them.
    _token: Any
    _authkey: bytes
    _tls: Any

    def __init__(
        self,
        token: managers.Token,
        serializer: str = SERIALIZER,
        manager: Any = None,
        authkey: bytes | None = None,
        exposed: Iterable[str] | None = None,
        incref: bool = True,
        manager_owned: bool = False,
    ) -> None:
        super().__init__(
            token, serializer, manager, authkey, exposed, incref, manager_owned
        )
        self._authkey = SecretKey(self._authkey)
        # Not the standard library's table: it is keyed by address alone, and would
        # hand us a plain proxy's connection, or one to an earlier server.
        self._tls = getattr(manager, "links", None) or util.ForkAwareLocal()
        self._link = Link(
            self._token.address,
            self._authkey,
            self._tls,
            retry_for=getattr(manager, "retry_for", 0.0),
        )
        self._offered = frozenset(EXPOSED if exposed is None else exposed)
        self._packs = "put_packed" in self._offered

    def _incref(self) -> None:
        # Named queues live as long as their server. Nothing is counted, so nothing
        # is left behind by a killed client, and no exit waits for a frozen server.
        if not self._token.id.startswith(IDENT_PREFIX):
            super()._incref()  # type: ignore[misc]

    def _callmethod(
        self,
        methodname: str,
        args: tuple[Any, ...] = (),
        kwds: dict[str, Any] = {},  # noqa: B006 - as in BaseProxy
    ) -> Any:
        self._check_offered(methodname)
        request = (self._token.id, methodname, args, kwds)
        return self.result_of(self._link.call(request))

    def _check_offered(self, methodname: str) -> None:
        if methodname in EXPOSED and methodname not in self._offered:
            # Packed or not, a plain queue has no batches and no receipts.
            name = methodname.replace("t_packed", "t_many").removesuffix("_packed")
            raise NotOfferedError(
                f"the queue at {shown(self._token.address)} is a plain queue.Queue, "
                f"which has no {name}(); host a TaskQueue to use it"
            )

    def result_of(self, answer: tuple[str, Any]) -> Any:
        """Return the value in a server's answer, or raise the error in it."""
        kind, result = answer
        if kind == "#RETURN":
            return result
        if kind == "#ERROR" and type(result) is EOFError:
            self._link.hang_up()
            raise ServerStoppedError(f"{result}; nothing was taken or put") from None
        raise managers.convert_to_error(kind, result)  # type: ignore[attr-defined]

    def open_stream(self) -> Stream:
        """Return a connection of its own to this queue, for calls that overlap.

        Raises
        ------
        NotOfferedError
            The queue is a plain ``queue.Queue``.
        LabkitError
            The server cannot be reached.
        """
        self._check_offered("put_packed")
        return Stream(self._link, self._token.id)

    # Items travel packed where the server has a TaskQueue: it need not open them.

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item; see :meth:`queue.Queue.put`."""
        if self._packs:
            self._put_packed([item], block, timeout)
        else:
            self._callmethod("put", (item, block, timeout))

    def put_nowait(self, item: Any) -> None:
        """Put an item, or raise ``queue.Full`` at once."""
        self.put(item, False)

    def put_many(
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> None:
        """Put all items or none; see :meth:`TaskQueue.put_many`."""
        batch = items if type(items) is list else list(items)
        if batch:
            self._put_packed(batch, block, timeout)

    def _put_packed(self, items: list[Any], block: bool, timeout: float | None) -> None:
        self._check_offered("put_packed")
        blob, pieces = packed(items)
        args = (blob, len(items), block, timeout)
        answer = self._link.call((self._token.id, "put_packed", args, {}), pieces)
        self.result_of(answer)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an item; see :meth:`queue.Queue.get`."""
        if not self._packs:
            return self._callmethod("get", (block, timeout))
        (blob,) = self._callmethod("get_packed", (1, block, timeout))
        return unpack(blob)[0]

    def get_nowait(self) -> Any:
        """Take an item, or raise ``queue.Empty`` at once."""
        return self.get(False)

    def get_many(
        self, max_items: int = 100, block: bool = True, timeout: float | None = None
    ) -> list[Any]:
        """Take what is there; see :meth:`TaskQueue.get_many`."""
        return unpack_all(self._callmethod("get_packed", (max_items, block, timeout)))

    def receive(
        self,
        visibility_timeout: float = 30.0,
        block: bool = True,
        timeout: float | None = None,
    ) -> tuple[str, Any]:
        """Take an item on a receipt; see :meth:`TaskQueue.receive`."""
        args = (visibility_timeout, block, timeout)
        receipt, blob = self._callmethod("receive_packed", args)
        return receipt, unpack(blob)[0]

    def ack(self, receipt: str) -> None:
        """Say that the item is done; see :meth:`TaskQueue.ack`."""
        self._callmethod("ack", (receipt,))

    def nack(self, receipt: str) -> None:
        """Give the item back; see :meth:`TaskQueue.nack`."""
        self._callmethod("nack", (receipt,))

    def dead_letters(self) -> list[Any]:
        """Return the items given up; see :meth:`TaskQueue.dead_letters`."""
        blobs = self._callmethod("dead_letters_packed")
        return [item for blob in blobs for item in unpack(blob)]

    def stats(self) -> QueueStats:
        """Return the queue's numbers; see :meth:`TaskQueue.stats`."""
        numbers: QueueStats = self._callmethod("stats")
        return numbers

    def qsize(self) -> int:
        """Return the number of items that wait; it may change at any moment."""
        return int(self._callmethod("qsize"))

    def empty(self) -> bool:
        """Tell whether nothing waits; it may change at any moment."""
        return bool(self._callmethod("empty"))

    def full(self) -> bool:
        """Tell whether ``maxsize`` is reached; it may change at any moment."""
        return bool(self._callmethod("full"))

    def task_done(self) -> None:
        """Say that an item taken with ``get`` is done."""
        self._callmethod("task_done")

    def join(self) -> None:
        """Wait until every item put has been done."""
        self._callmethod("join")

    def shutdown(self, immediate: bool = False) -> None:
        """Close the queue, where the server runs Python 3.13 or newer."""
        self._callmethod("shutdown", (immediate,))
