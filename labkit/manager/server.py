"""The server half of a manager: named queues, and one thread for each client."""

import contextlib
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from multiprocessing import managers, process
from traceback import format_exc
from typing import TYPE_CHECKING, Any

from labkit.errors import JournalError
from labkit.manager import wire
from labkit.manager.acceptor import Acceptor
from labkit.manager.keys import SecretKey
from labkit.manager.queue import CALLER, EXPOSED, PACKED, QueueStats, Taken, TaskQueue

if TYPE_CHECKING:
    from labkit.manager.journal import Journal

IDENT_PREFIX = "queue:"
MANY_QUEUES = 1000  # from so many names on, those that nobody uses are forgotten


@dataclass(frozen=True)
class NamedQueue:
    """The callable of a typeid whose referent is a named queue.

    Any other is called at every ``get_x()``. A named queue is made once, at its first
    use; without a ``name`` here it is the first argument of the call.
    """

    name: str | None = None


_Server: Any = managers.Server  # whose attributes type checkers do not see


class QueueServer(_Server):  # type: ignore[misc]
    """A manager server that outlives bad clients.

    Speaks the standard library's protocol and honours what is registered with the
    manager's class. Made by :meth:`labkit.manager.QueueManager.get_server`; its
    ``address`` has the real port, and ``queues`` every named queue.
    """

    # What a client may ask the server itself; to end it is for whoever started it.
    public = frozenset({*managers.Server.public, "all_stats"} - {"shutdown"})

    def __init__(
        self, registry: Any, address: Any, authkey: bytes, serializer: str
    ) -> None:
        super().__init__(registry, address or ("127.0.0.1", 0), authkey, serializer)
        self.authkey = SecretKey(authkey)
        self.acceptor = Acceptor([self.listener], self.authkey, self._admit)
        self.stop_event = threading.Event()
        self.queues: dict[str, TaskQueue] = {}
        self._look_at = MANY_QUEUES
        self.journal: Journal | None = None
        self._clients: dict[wire.Connection, threading.Thread] = {}

    # Life and end of the server.

    def serve_forever(self) -> None:
        """Serve until :meth:`stop`; unlike the standard library's, then return."""
        process.current_process()._manager_server = self  # type: ignore[attr-defined]  # noqa: SLF001 - how the standard library finds local referents
        try:
            self.acceptor.run()
        finally:
            self.stop_event.set()
            self._see_clients_out()

    def stop(self) -> None:
        """Stop taking work: calls that wait get an EOFError with a sentence.

        Safe from any thread and from a signal handler; returns at once.
        """
        self.stop_event.set()
        self.acceptor.stop()

    def _see_clients_out(self, grace_s: float = 1.0) -> None:
        """Let calls that are under way send their answer, then close all."""
        for queue in list(self.queues.values()):
            queue.wake_all()
        clients = dict(self._clients)
        for client in clients:
            # Nothing more is read; what is being answered can still be sent.
            how = socket.SHUT_RD if client.busy else socket.SHUT_RDWR
            with contextlib.suppress(OSError):
                client.sock.shutdown(how)
        until = time.monotonic() + grace_s
        for client, thread in clients.items():
            thread.join(max(until - time.monotonic(), 0))
            client.close()

    # One thread for each client that proved that it holds the key.

    def _admit(self, sock: socket.socket) -> None:
        client = wire.Connection(sock)
        thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
        self._clients[client] = thread
        try:
            thread.start()
        except Exception:  # noqa: BLE001 - the system has no thread or memory left
            self._let_go(client)

    def _serve(self, client: wire.Connection) -> None:
        """Serve one client; whatever ends that, let go of all it had."""
        CALLER.owner = client
        CALLER.check = lambda: self._check(client)
        CALLER.clients = self._clients
        try:
            while not self.stop_event.is_set():
                body = client.recv_bytes()
                client.busy = True
                self._answer(client, body)
                client.busy = False
        except (EOFError, OSError):
            pass
        finally:
            self._let_go(client)
            for queue in CALLER.lenders:
                queue.release(client)

    def _let_go(self, client: wire.Connection) -> None:
        client.close()
        self._clients.pop(client, None)

    def _check(self, client: wire.Connection) -> None:
        """Raise when a waiting call had better give up; see :data:`CALLER`."""
        # In this order: stopping, we stop reading, and the client looks gone.
        if self.stop_event.is_set():
            where = wire.shown(self.address)
            raise EOFError(f"the queue server at {where} is stopping")
        if client.is_gone():
            raise ConnectionError("the client has gone")

    def _answer(self, client: wire.Connection, body: memoryview) -> None:
        """Answer one call. What it took is gone only once the answer was sent."""
        taken, delivered, packed = None, False, False
        try:
            try:
                request = wire.loads(body)
                call = self._call_own if request[0] is None else self._call
                kind, result = call(client, request)
                if type(result) is Taken:
                    taken, result = result, result.answer()
                packed = kind == "#RETURN" and request[1] in PACKED
            except JournalError as refusal:
                kind, result = "#ERROR", refusal
            except BaseException:  # noqa: BLE001 - SystemExit, too, is told the client
                kind, result = "#TRACEBACK", format_exc()
            try:
                client.send((kind, result), simple=packed)
                delivered = kind == "#RETURN"
            except OSError:
                raise
            except BaseException:  # noqa: BLE001 - whatever a class raises when pickled
                client.send(("#UNSERIALIZABLE", format_exc()))
        finally:
            if taken is not None:
                end = taken.queue.delivered if delivered else taken.queue.put_back
                end(taken)

    def _call(self, client: wire.Connection, request: Any) -> tuple[str, Any]:
        """Call a referent's method; return the kind and the value of the answer."""
        ident, name, args, kwds = request
        found = self.id_to_local_proxy_obj.get(ident) or self.id_to_obj.get(ident)
        obj, exposed, typeids = found or self._renewed(ident)
        if name not in exposed:
            fallback = self.fallback_mapping.get(name)
            if fallback is None:
                raise AttributeError(
                    f"{type(obj).__name__!r} does not offer {name!r} to clients; it "
                    f"offers {', '.join(sorted(exposed))}"
                )
            return "#RETURN", fallback(self, client, ident, obj, *args, **kwds)
        method = getattr(obj, name)
        try:
            if taking := getattr(method, "for_client", None):
                return "#RETURN", taking(obj, *args, **kwds)
            result = method(*args, **kwds)
        except TaskQueue.Retired:  # since it was looked up: now it is made again
            with self.mutex:  # held while queues are being forgotten
                pass
            return self._call(client, request)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            return "#ERROR", error
        if typeids and name in typeids:
            ident, offered = self.create(client, typeids[name], result)
            token = managers.Token(typeids[name], self.address, ident)
            return "#PROXY", (offered, token)
        return "#RETURN", result

    # The server's own functions, and what it serves.

    def _call_own(self, client: wire.Connection, request: Any) -> tuple[str, Any]:
        """Call one of the server's own functions, as a client's first message does."""
        _, name, args, kwds = request
        if name not in self.public:
            raise AttributeError(f"this server offers clients no {name!r}")
        return "#RETURN", getattr(self, name)(client, *args, **kwds)

    def accept_connection(self, _c: Any, name: str) -> None:
        """Name this thread after the client's; what it calls comes next."""
        threading.current_thread().name = str(name)

    def all_stats(self, _c: Any) -> dict[str, QueueStats]:
        """Return the numbers of every named queue; a client may ask for them."""
        return {name: queue.stats() for name, queue in list(self.queues.items())}

    def create(self, c: Any, typeid: str, /, *args: Any, **kwds: Any) -> Any:
        """Return the referent's ident and its methods, making it where needed."""
        maker = self.registry[typeid][0] if typeid in self.registry else None
        if not isinstance(maker, NamedQueue):
            return super().create(c, typeid, *args, **kwds)
        named = () if maker.name is None else (maker.name,)
        return self._named_queue(*named, *args, **kwds)

    def keep(self, journal: "Journal") -> None:
        """Keep every queue in a journal from now on; begin with what it holds.

        To be called before anything is served.
        """
        self.journal = journal
        for name, maxsize in journal.queues():
            self._named_queue(name, maxsize)

    def _named_queue(self, name: str, maxsize: int = 0) -> tuple[str, tuple[str, ...]]:
        with self.mutex:
            if name not in self.queues:
                if len(self.queues) >= self._look_at:
                    self._forget_unused()
                kept = self.journal.queue(name, maxsize) if self.journal else None
                self.queues[name] = TaskQueue(maxsize, journal=kept)
            queue = self.queues[name]
            if maxsize not in (0, queue.maxsize):
                raise ValueError(
                    f"queue {name!r} exists with maxsize {queue.maxsize}, not "
                    f"{maxsize}; ask for it with the same number, or with none"
                )
            ident = f"{IDENT_PREFIX}{queue.maxsize}:{name}"
            # Where nothing counts the references: it lives as long as the server.
            self.id_to_local_proxy_obj[ident] = (queue, frozenset(EXPOSED), None)
        return ident, EXPOSED

    def _forget_unused(self) -> None:
        """Drop queues that are as if new; one that is asked for again is made again."""
        for name, queue in list(self.queues.items()):
            if queue.retire():
                del self.queues[name]
                del self.id_to_local_proxy_obj[f"{IDENT_PREFIX}0:{name}"]
        self._look_at = max(MANY_QUEUES, 2 * len(self.queues))

    def _renewed(self, ident: str) -> Any:
        """Make the queue of a proxy from before a restart again, under its name."""
        if ident.startswith(IDENT_PREFIX):
            maxsize, _, name = ident.removeprefix(IDENT_PREFIX).partition(":")
            self._named_queue(name, int(maxsize))
        return self.id_to_local_proxy_obj[ident]


def stop_on_signals(server: QueueServer, *signums: signal.Signals) -> None:
    """Let signals stop a server: politely, and a second one at once."""

    def handle(signum: int, _frame: Any) -> None:
        if server.stop_event.is_set():
            os._exit(128 + signum)
        server.stop()

    for signum in signums:
        signal.signal(signum, handle)
    if hasattr(os, "register_at_fork"):  # a forked child ends as any other program

        def mask(how: int) -> None:
            signal.pthread_sigmask(how, signums)

        def in_child() -> None:
            for signum in signums:
                is_ctrl_c = signum == signal.SIGINT
                usual = signal.default_int_handler if is_ctrl_c else signal.SIG_DFL
                signal.signal(signum, usual)
            mask(signal.SIG_UNBLOCK)

        # Blocked meanwhile: Python forgets a signal that comes while it forks.
        os.register_at_fork(
            before=lambda: mask(signal.SIG_BLOCK),
            after_in_parent=lambda: mask(signal.SIG_UNBLOCK),
            after_in_child=in_child,
        )
