"""The server half of a manager: named queues, one thread for each client."""

import contextlib
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from multiprocessing import connection, managers, process
from traceback import format_exc
from typing import Any

from labkit._managers.doorman import Doorman
from labkit._managers.keys import SecretKey
from labkit._managers.referents import Referents
from labkit._queues.callers import CALLER
from labkit._transport.wire import Wire, opened
from labkit.queues import TaskQueue
from labkit.transport import (
    HANDSHAKE_DEADLINE_S,
    SERIALIZER,
    Address,
    Listener,
    shown,
)

__all__ = ["QueueServer"]

_Reply = tuple[str, Any]


class _ClientGone(Exception):  # noqa: N818 - an event, never shown to anyone
    """The client of the call at hand has gone."""


class QueueServer(Referents):
    """A manager server that outlives bad clients.

    Speaks the standard library's protocol and honours what is registered with the
    manager's class. Used by :class:`labkit.managers.QueueManager`, not directly.

    Attributes
    ----------
    address : tuple of (str, int) or str
        Where it listens; the real port if 0 was asked for.
    allow_shutdown : bool
        Whether a client may shut the server down, as any can with the standard
        library. False unless whoever starts the server says otherwise.
    """

    # Of the base class, where type checkers do not see them.
    fallback_mapping: dict[str, Callable[..., Any]]
    address: Address
    authkey: bytes
    allow_shutdown = False

    def __init__(
        self,
        registry: dict[str, Any],
        address: Address | None,
        authkey: bytes,
        serializer: str = SERIALIZER,
        deadline_s: float = HANDSHAKE_DEADLINE_S,
    ) -> None:
        if serializer != SERIALIZER:
            raise ValueError(
                f"a QueueManager serves with serializer {SERIALIZER!r}, not "
                f"{serializer!r}; leave the argument out"
            )
        if address is None:
            address = ("127.0.0.1", 0)
        super().__init__(registry, address, authkey, serializer)
        self.listener: Listener
        self.authkey = SecretKey(authkey)
        self.doorman = Doorman([self.listener], self.authkey, self._admit, deadline_s)
        self.stop_event = threading.Event()
        self._clients: dict[Wire, threading.Thread] = {}
        self._clients_lock = threading.Lock()

    # Life and end of the server.

    def serve_forever(self) -> None:
        """Serve until :meth:`stop`; unlike the standard library's, then return."""
        process.current_process()._manager_server = self  # type: ignore[attr-defined]  # noqa: SLF001 - how the standard library finds local referents
        try:
            self.doorman.run()
        finally:
            self.stop_event.set()
            self._see_clients_out()

    def stop(self) -> None:
        """Stop taking work: calls that wait get an EOFError with a sentence.

        Safe from any thread and from a signal handler; returns at once.
        """
        self.stop_event.set()
        self.doorman.stop()

    def stop_with_parent(self) -> None:
        """Wait until the process that started this one has gone, then stop."""
        parent = multiprocessing.parent_process()
        if parent is None:
            return
        parent_pid = os.getppid()
        # A brother process may hold the other end of the sentinel: look at both.
        while not connection.wait([parent.sentinel], timeout=1.0):
            if os.getppid() != parent_pid:
                break
        self.stop()

    def _see_clients_out(self, grace_s: float = 1.0) -> None:
        """Let calls that are under way send their answer, then close all."""
        for queue in list(self.queues.values()):
            queue.wake_all()
        with self._clients_lock:
            clients = dict(self._clients)
        for wire in clients:
            # Nothing more is read; what is being answered can still be sent.
            with contextlib.suppress(OSError):
                wire.sock.shutdown(socket.SHUT_RD if wire.busy else socket.SHUT_RDWR)
        until = time.monotonic() + grace_s
        for wire, thread in clients.items():
            thread.join(max(until - time.monotonic(), 0))
            wire.close()

    # One thread for each client that proved that it holds the key.

    def _admit(self, sock: socket.socket) -> None:
        wire = Wire(sock)
        thread = threading.Thread(target=self._serve, args=(wire,), daemon=True)
        with self._clients_lock:
            self._clients[wire] = thread
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            self._let_go(wire)

    def _serve(self, wire: Wire) -> None:
        CALLER.owner = wire
        CALLER.check = lambda: self._check(wire)
        CALLER.connections = lambda: len(self._clients)
        with contextlib.suppress(_ClientGone, EOFError, OSError):
            _, name, args, kwds = wire.recv()
            if name == "accept_connection":
                threading.current_thread().name = str(args[0])
                wire.send(("#RETURN", None))
                self.serve_client(wire)
            else:
                wire.send(self._server_function(wire, name, args, kwds))
        self._let_go(wire)

    def _let_go(self, wire: Wire) -> None:
        wire.close()
        with self._clients_lock:
            self._clients.pop(wire, None)
        for queue in list(self.queues.values()):
            queue.release(wire)

    def _check(self, wire: Wire) -> None:
        """Raise when a waiting call had better give up; see :class:`Caller`."""
        # In this order: stopping, we stop reading, and the client looks gone.
        if self.stop_event.is_set():
            raise EOFError(f"the queue server at {shown(self.address)} is stopping")
        if wire.is_gone():
            raise _ClientGone

    def _server_function(
        self, wire: Wire, name: str, args: tuple[Any, ...], kwds: dict[str, Any]
    ) -> _Reply:
        if name not in self.public:
            return "#ERROR", AttributeError(f"a manager server has no {name!r}")
        if name == "shutdown":
            if not self.allow_shutdown:
                return "#ERROR", PermissionError(
                    f"the queue server at {shown(self.address)} does not let clients "
                    "shut it down; stop it where it was started"
                )
            self.stop()
            return "#RETURN", None
        try:
            return "#RETURN", getattr(self, name)(wire, *args, **kwds)
        except Exception:  # noqa: BLE001 - whatever it is, the client is told
            return "#TRACEBACK", format_exc()

    def serve_client(self, conn: Any) -> None:
        """Answer one client's calls until it leaves or the server stops."""
        while not self.stop_event.is_set():
            body = conn.recv_bytes()
            conn.busy = True
            self._answer(conn, body)
            conn.busy = False

    def _answer(self, wire: Wire, body: memoryview) -> None:
        obj = name = None
        try:
            ident, name, args, kwds = opened(body)
            obj, exposed, typeids = self.referent(ident)
            reply = self._call(wire, ident, obj, name, exposed, args, kwds)
            if typeids and name in typeids and reply[0] == "#RETURN":
                reply = self._as_proxy(wire, typeids[name], reply[1])
        except _ClientGone:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the client is told
            reply = "#TRACEBACK", format_exc()
        try:
            self._send(wire, reply, str(name).endswith("_packed"))
        except OSError:
            if reply[0] == "#RETURN" and isinstance(obj, TaskQueue):
                obj.take_back(str(name))
            raise
        if reply[0] == "#RETURN" and isinstance(obj, TaskQueue):
            obj.delivered(str(name))

    def _send(self, wire: Wire, reply: _Reply, beside: bool) -> None:
        try:
            (wire.send_beside if beside else wire.send)(reply)
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - a class may raise anything when pickled
            wire.send(("#UNSERIALIZABLE", format_exc()))

    def _call(
        self,
        wire: Wire,
        ident: str,
        obj: Any,
        name: str,
        exposed: Collection[str],
        args: tuple[Any, ...],
        kwds: dict[str, Any],
    ) -> _Reply:
        if name not in exposed:
            fallback = self.fallback_mapping.get(name)
            if fallback is None:
                raise AttributeError(
                    f"{type(obj).__name__!r} does not offer {name!r} to clients; it "
                    f"offers {', '.join(sorted(exposed))}"
                )
            return "#RETURN", fallback(self, wire, ident, obj, *args, **kwds)
        try:
            return "#RETURN", getattr(obj, name)(*args, **kwds)
        except _ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            return "#ERROR", error

    def _as_proxy(self, wire: Wire, typeid: str, result: Any) -> _Reply:
        ident, exposed = self.create(wire, typeid, result)
        return "#PROXY", (exposed, managers.Token(typeid, self.address, ident))
