"""The client half: how a program reaches a server, and calls its queues.

A call never takes one question's answer for another's: a connection on which a call
was interrupted is thrown away.
"""

import contextlib
import functools
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing import AuthenticationError, managers, process
from typing import Any

from labkit import errors
from labkit.manager import wire
from labkit.manager.acceptor import Listener
from labkit.manager.entries import items_of
from labkit.manager.handshake import LONGEST, client_side
from labkit.manager.keys import SecretKey
from labkit.manager.queue import EXPOSED, PACKED
from labkit.manager.server import IDENT_PREFIX

_LARGE = 1 << 16  # bytes; plain pickle then asks for too much memory, and again


# Opening a connection.


def open_connection(
    address: wire.Address, authkey: bytes | None = None
) -> wire.Connection:
    """Connect to a manager server, the standard library's or labkit's.

    Parameters
    ----------
    address, authkey
        As in :func:`connect`; without a key there is no handshake.

    Raises
    ------
    NoServerError
        Nothing listens there, or there is no such host.
    WrongKeyError
        The keys differ.
    NotAQueueServerError
        What listens there speaks something else, or hung up.
    ServerTimeoutError
        Connecting and the handshake together took more than 5 seconds.
    """
    until = time.monotonic() + wire.HANDSHAKE_DEADLINE_S
    step = "connect"
    try:
        sock = wire.QuietSocket(wire.family_of(address), socket.SOCK_STREAM)
        try:
            sock.settimeout(wire.HANDSHAKE_DEADLINE_S)
            sock.connect(address)
            step = "handshake"
            connection = wire.Connection(wire.prepare(sock))
            if authkey is not None:
                _shake_hands(connection, authkey, until)
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
    except (AuthenticationError, EOFError, OSError) as error:
        raise _explained(error, step, wire.shown(address)) from None
    return connection


def _shake_hands(connection: wire.Connection, authkey: bytes, until: float) -> None:
    handshake = client_side(authkey)
    next(handshake)  # nothing to send yet: the server speaks first
    try:
        while True:
            connection.sock.settimeout(max(until - time.monotonic(), 0.001))
            heard = bytes(connection.recv_bytes(LONGEST))
            connection.send_bytes(handshake.send(heard))
    except StopIteration as done:
        connection.send_bytes(done.value)


def _explained(error: Exception, step: str, where: str) -> errors.LabkitError:
    """Return the error that says in a sentence what happened, and what to do."""
    match error:
        case ConnectionRefusedError() | FileNotFoundError():
            return errors.NoServerError(
                f"nothing is listening at {where}; start the server first, or check "
                "the address"
            )
        case TimeoutError() if step == "connect":
            return errors.ServerTimeoutError(
                f"{where} did not answer for {wire.HANDSHAKE_DEADLINE_S:g} s: the host "
                "is off or cut off, a firewall drops the packets, or the address is "
                "wrong; check them"
            )
        case TimeoutError():
            return errors.ServerTimeoutError(
                f"{where} accepted the connection and said nothing for "
                f"{wire.HANDSHAKE_DEADLINE_S:g} s; it is frozen or no queue server: "
                "look at it, or start it again"
            )
        case AuthenticationError() if "digest" in str(error):
            return errors.WrongKeyError(
                f"the server at {where} has another authkey; use the one it was "
                "started with, for example from its key file"
            )
        case OSError() if step == "connect":
            return errors.NoServerError(
                f"{where} cannot be reached ({error}); check the address and the "
                "network"
            )
    return errors.NotAQueueServerError(
        f"{where} did not answer as a manager server does, or hung up during the "
        "handshake: it is stopping, or is no manager server; look at the server, and "
        "check the port"
    )


# Calls over connections.


class ClientConnection(wire.Connection):
    """A connection that opens when a call needs it, and again when it is no good.

    That is where the server was restarted, and where a call was interrupted: its
    answer would be taken for the next call's. The standard library's own proxies call
    over this, too.
    """

    __slots__ = ("_authkey", "_method", "_retry_for", "address")

    def __init__(
        self, address: wire.Address, authkey: bytes, retry_for: float = 0.0
    ) -> None:
        self.address = address
        self._authkey = authkey
        self._retry_for = retry_for
        self.sock = wire.QuietSocket()  # of no use yet, as after an interrupt
        self.busy = True

    def ready(self) -> None:
        """Be open and in step; where this raises, nothing was sent."""
        if self.busy or self.is_gone():
            name = f"{process.current_process().name}|{threading.current_thread().name}"
            retrying(lambda: self.ask("accept_connection", name), self._retry_for)

    def ask(self, function: str, *args: Any) -> Any:
        """Open anew, and call one of the server's own functions."""
        try:
            self.send((None, function, args, {}))
            return self.answer()
        except errors.OutcomeUnknownError:
            raise errors.NoServerError(
                f"the server at {wire.shown(self.address)} hung up: it is stopping, or "
                "was killed; start it again"
            ) from None

    def send(self, obj: Any) -> None:  # type: ignore[override]
        """Be ready, and send a request; the standard library's proxies call this."""
        ident, name, args, _ = obj
        if ident is not None:
            self.ready()
        self.busy = True  # from now on: an interrupt may come at any step
        self._method = name
        if ident is None:  # the server's own functions are called over a new one
            self.close()
            new = open_connection(self.address, self._authkey)
            super().__init__(new.sock, busy=True)
        is_large = name == "put_packed" and len(args[0]) > _LARGE
        try:
            super().send(obj, name in PACKED and not is_large)
        except BaseException as error:
            self._broken(error)
            raise

    def recv(self) -> Any:
        """Receive the answer."""
        # Interrupted, the call must end on the server too, or it would take an item
        # for nobody: so hang up at once. Should a second interrupt prevent that, busy
        # stays set, and the next call does it.
        try:
            answer = wire.loads(self.recv_bytes())
        except BaseException as error:
            self._broken(error)
            raise
        self.busy = False
        return answer

    def answer(self) -> Any:
        """Receive the answer; return the value in it, or raise the error."""
        kind, result = self.recv()
        if kind == "#RETURN":
            return result
        if kind == "#ERROR" and type(result) is EOFError:
            self.close()
            raise errors.ServerStoppedError(f"{result}; nothing was taken or put")
        raise managers.convert_to_error(kind, result)  # type: ignore[attr-defined]

    def _broken(self, error: BaseException) -> None:
        self.close()
        was_interrupted = isinstance(error, InterruptedError)  # by a signal's handler
        if isinstance(error, (EOFError, OSError)) and not was_interrupted:
            name = self._method.removesuffix("_packed")
            raise errors.OutcomeUnknownError(
                f"the connection to {wire.shown(self.address)} ended during {name}(): "
                "the server may or may not have done it; look at the queue, or use "
                "receive() and ack(), before you do it again"
            ) from error


_LOST = errors.NoServerError, errors.NotAQueueServerError, errors.ServerTimeoutError


def retrying(
    attempt: Callable[[], Any],
    retry_for: float,
    kinds: tuple[type[Exception], ...] = _LOST,
) -> Any:
    """Try for some seconds until a server answers; clients' pauses are out of step."""
    until = time.monotonic() + retry_for
    while True:
        try:
            return attempt()
        except kinds:
            if time.monotonic() >= until:
                raise
        time.sleep(random.uniform(0.02, 0.5))  # noqa: S311 - no secret


class Client(threading.local):
    """A server as this process sees it: each thread calls over its own connection.

    A lost connection is tried again for ``retry_for`` seconds. (The standard library
    keeps connections by address alone, which may be one to an earlier server.)
    """

    def __init__(self, address: wire.Address, authkey: bytes, retry_for: float) -> None:
        self.address = address
        self.authkey = authkey
        self.retry_for = retry_for

    @functools.cached_property
    def connection(self) -> ClientConnection:
        """The connection of this thread."""
        return self.new_connection()

    def new_connection(self) -> ClientConnection:
        """Return a connection that belongs to no thread yet."""
        return ClientConnection(self.address, self.authkey, self.retry_for)

    def ask(self, function: str, *args: Any) -> Any:
        """Call one of the server's own functions, over its own connection."""
        with contextlib.closing(self.new_connection()) as connection:
            return retrying(lambda: connection.ask(function, *args), self.retry_for)


# The hook by which BaseManager(serializer="labkit") finds both.
managers.listener_client[wire.SERIALIZER] = (Listener, ClientConnection)  # type: ignore[attr-defined]


# Doing these twice harms nobody. That includes receive: what the lost connection took
# on a receipt goes back to the queue when the connection ends.
_REPEATABLE = frozenset(
    {"qsize", "empty", "full", "stats", "dead_letters", "receive_packed"}
)

# The standard library writes a class whose methods only forward: ack, stats, join, ...
_Forwarding: Any = managers.MakeProxyType("_Forwarding", EXPOSED)  # type: ignore[attr-defined]


class QueueProxy(_Forwarding):  # type: ignore[misc]
    """The client's view of a queue that lives in a manager server.

    Made by :class:`~labkit.manager.QueueManager`. Has the methods of
    :class:`~labkit.manager.TaskQueue`; each is one round trip. Beyond a proxy of the
    standard library:

    - a call that was interrupted (the stop button, a signal) throws its connection
      away, so that the next call cannot read the answer of an earlier one;
    - a connection found dead before anything was sent is replaced in silence;
    - one that dies under a call is replaced, and the call repeated, only where
      that is safe; else :exc:`~labkit.errors.OutcomeUnknownError` is raised;
    - it is safe for threads: each has its own connection.
    """

    def __init__(self, *args: Any, exposed: Any = EXPOSED, **kwds: Any) -> None:
        super().__init__(*args, exposed=exposed, **kwds)
        self._authkey: bytes = SecretKey(self._authkey)
        self._client: Client = getattr(self._manager, "client", None) or Client(
            self._token.address, self._authkey, retry_for=0.0
        )
        self._tls = self._client
        self._missing = frozenset(EXPOSED).difference(exposed)
        self._packs = "put_packed" not in self._missing

    def __reduce__(self) -> tuple[Any, ...]:
        function, (*start, kwds) = super().__reduce__()
        offered = frozenset(EXPOSED) - self._missing
        return function, (*start, {**kwds, "exposed": offered})

    def _incref(self) -> None:
        # Named queues live as long as their server. Nothing is counted, so nothing
        # is left behind by a killed client, and no exit waits for a frozen server.
        if not self._token.id.startswith(IDENT_PREFIX):
            super()._incref()

    def _callmethod(self, methodname: str, args: Any = (), kwds: Any = None) -> Any:
        if methodname in self._missing:
            # Packed or not, a plain queue has no batches and no receipts.
            name = methodname.replace("t_packed", "t_many").removesuffix("_packed")
            raise errors.NotOfferedError(
                f"the queue at {wire.shown(self._token.address)} is a plain "
                f"queue.Queue, which has no {name}(); host a TaskQueue to use it"
            )
        request = self._token.id, methodname, args, kwds or {}
        connection = self._client.connection
        try:
            connection.send(request)
            return connection.answer()
        except errors.ServerStoppedError:  # and nothing was taken or put
            if not self._client.retry_for:
                raise
        except errors.OutcomeUnknownError:  # it was sent, and perhaps done
            if methodname not in _REPEATABLE:
                raise
        connection.send(request)
        return connection.answer()

    @property
    def maxsize(self) -> int:
        """The bound of a named queue; 0 for none, and where it is not known."""
        named = self._token.id.startswith(IDENT_PREFIX)
        return int(self._token.id.split(":")[1]) if named else 0

    def pipelined(self) -> ClientConnection:
        """Return a new connection, for calls whose answer is read later."""
        if not self._packs:
            self.put_many([None])  # says what a plain queue has not
        connection = self._client.new_connection()
        connection.ready()
        return connection

    def post(self, connection: ClientConnection, method: str, *args: Any) -> None:
        """Send a call over that connection."""
        connection.send((self._token.id, method, args, {}))

    # Items travel packed where the server has a TaskQueue: it need not open them.

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item; see :meth:`queue.Queue.put`."""
        if self._packs:
            self._callmethod("put_packed", (wire.dumps([item]), 1, block, timeout))
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
            args = wire.dumps(batch), len(batch), block, timeout
            self._callmethod("put_packed", args)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an item; see :meth:`queue.Queue.get`."""
        if not self._packs:
            return self._callmethod("get", (block, timeout))
        return items_of(self._callmethod("get_packed", (1, block, timeout)))[0]

    def get_nowait(self) -> Any:
        """Take an item, or raise ``queue.Empty`` at once."""
        return self.get(False)

    def get_many(
        self, max_items: int = 100, block: bool = True, timeout: float | None = None
    ) -> list[Any]:
        """Take what is there; see :meth:`TaskQueue.get_many`."""
        return items_of(self._callmethod("get_packed", (max_items, block, timeout)))

    def receive(
        self,
        visibility_timeout: float = 30.0,
        block: bool = True,
        timeout: float | None = None,
    ) -> tuple[str, Any]:
        """Take an item on a receipt; see :meth:`TaskQueue.receive`."""
        args = 1, block, timeout, visibility_timeout
        receipt, parcels = self._callmethod("receive_packed", args)
        return receipt, items_of(parcels)[0]
