"""Queues that unrelated programs share: a hardened ``multiprocessing`` manager.

A ``put`` goes client → wire ⇒ server → queue:

- :mod:`~labkit.manager.client` opens connections and makes the calls,
- :mod:`~labkit.manager.wire` turns them into messages on a socket,
- :mod:`~labkit.manager.server` answers each client in its own thread,
- :mod:`~labkit.manager.queue` holds the items, unopened as
  :mod:`~labkit.manager.entries` says, and :mod:`~labkit.manager.journal` keeps them in
  a file.

Before the first call :mod:`~labkit.manager.acceptor` lets the client in, if the
:mod:`~labkit.manager.handshake` shows that both hold the same key; for keys see
:mod:`~labkit.manager.keys`.

References
----------
CPython ``Lib/multiprocessing/managers.py``, 3.11 to 3.14, class ``BaseManager``.
"""

import errno
import functools
import signal
from multiprocessing import managers
from pathlib import Path
from typing import Any

from labkit import errors, supervised
from labkit.manager import keys
from labkit.manager.client import Client, QueueProxy, open_connection
from labkit.manager.keys import read_key_file, write_key_file
from labkit.manager.queue import QueueStats, TaskQueue
from labkit.manager.server import IDENT_PREFIX, NamedQueue, QueueServer, stop_on_signals
from labkit.manager.wire import SERIALIZER, Address, shown

__all__ = ["Address", "QueueManager", "QueueProxy", "QueueStats", "TaskQueue"]
__all__ += ["connect", "make_server", "open_connection", "shown"]
__all__ += ["read_key_file", "write_key_file"]

_BaseManager: Any = managers.BaseManager  # whose attributes type checkers do not see
_State = managers.State  # type: ignore[attr-defined]


class QueueManager(_BaseManager):  # type: ignore[misc]
    """Offer a task queue, a result queue, and any number of queues by name.

    A ``BaseManager``: ``start()``, ``get_server()``, ``connect()`` and ``register()``
    are the standard library's, and its clients and servers understand ours.

    Parameters
    ----------
    address, authkey, retry_for
        As in :func:`connect`. Without an address it listens on loopback, at a free
        port; without a key it takes this process's own.
    **options
        ``ctx`` and ``shutdown_timeout``, as in ``BaseManager``.
    """

    def __init__(
        self,
        address: Address | None = None,
        authkey: bytes | None = None,
        *,
        retry_for: float = 0.0,
        **options: Any,
    ) -> None:
        if authkey is not None:
            authkey = keys.check_authkey(authkey)
        super().__init__(address, authkey, SERIALIZER, **options)
        self._authkey: bytes = keys.SecretKey(self._authkey)
        self.retry_for = retry_for

    def get_task_queue(self) -> QueueProxy:
        """Return a proxy of the queue of tasks."""
        return self._proxy("get_task_queue")

    def get_result_queue(self) -> QueueProxy:
        """Return a proxy of the queue of results."""
        return self._proxy("get_result_queue")

    def get_queue(self, name: str, maxsize: int = 0) -> QueueProxy:
        """Return a proxy of the queue of that name, made at its first use.

        A server with 1,000 names begins to forget those that hold nothing, have no
        bound and no journal, and where nobody waits; asked for again, they are new.

        Parameters
        ----------
        name : str
            Any text; the same name is the same queue for every client.
        maxsize : int, default 0
            Its bound, 0 for none. Once the queue exists, the same number or 0: else
            it is a ``RemoteError``.
        """
        return self._proxy("get_queue", name, maxsize)

    def connect(self) -> None:
        """Check that the server answers and holds the same key; stay connected."""
        self.client.connection.ready()
        self._state.value = _State.STARTED

    def get_server(self) -> QueueServer:
        """Return a server object; its ``serve_forever`` serves in this process."""
        if self._state.value != _State.INITIAL:
            super().get_server()  # says what is wrong; else it makes the wrong class
        return QueueServer(self._registry, self._address, self._authkey, SERIALIZER)

    @functools.cached_property
    def client(self) -> Client:
        """The server's client, shared by all proxies of this manager."""
        return Client(self._address, self._authkey, self.retry_for)

    def _proxy(self, typeid: str, *args: Any) -> QueueProxy:
        if self._state.value != _State.STARTED:
            raise errors.NoServerError(
                "this manager has no server; call start() or connect()"
            )
        try:
            ident, exposed = self.client.ask("create", typeid, *args)
        except managers.RemoteError as error:
            if f"KeyError: {typeid!r}" not in str(error):
                raise
            raise errors.NotOfferedError(
                f"the server at {shown(self._address)} offers no {typeid}(); "
                "register that name on the server's side"
            ) from None
        token = managers.Token(typeid, self._address, ident)
        proxy = QueueProxy(token, SERIALIZER, self, self._authkey, exposed=exposed)
        if not ident.startswith(IDENT_PREFIX):
            self.client.ask("decref", ident)  # create counted, and so did the proxy
        return proxy

    @staticmethod
    def _run_server(  # in the child process that start() made
        registry: Any, address: Any, authkey: bytes, serializer: str, *rest: Any
    ) -> None:
        writer, initializer, initargs = rest
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
        if initializer is not None:
            initializer(*initargs)
        server = QueueServer(registry, address, authkey, serializer)
        stop_on_signals(server, signal.SIGTERM)
        supervised.end_with_parent(server.stop)
        writer.send(server.address)
        writer.close()
        server.serve_forever()

    @staticmethod
    def _finalize_manager(  # by signal: no client may do it over the network
        process: Any, address: Any, _key: Any, state: Any, _client: Any, timeout: float
    ) -> None:
        process.terminate()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
        state.value = _State.SHUTDOWN
        managers.BaseProxy._address_to_local.pop(address, None)  # noqa: SLF001 - its connections are dead


_NAMES = {"get_task_queue": "tasks", "get_result_queue": "results", "get_queue": None}
for _typeid, _name in _NAMES.items():
    QueueManager.register(_typeid, NamedQueue(_name), QueueProxy, create_method=False)


def connect(address: Address, authkey: bytes, retry_for: float = 0.0) -> QueueManager:
    """Return a manager connected to the server at an address, which may be a plain one.

    Threads share the manager, children do not.

    Parameters
    ----------
    address : tuple of (str, int) or str
        Host and port, or the path of a Unix socket.
    authkey : bytes
        The server's key.
    retry_for : float, default 0.0
        Seconds, 0 or more, to wait for a server that is not there yet, and later
        for one that is being started again.

    Raises
    ------
    KeyTypeError
        ``authkey`` is not ``bytes``.
    LabkitError
        As in :func:`open_connection`.
    """
    authkey = keys.check_authkey(authkey)  # from here on, no traceback can show it
    manager = QueueManager(address, authkey, retry_for=retry_for)
    try:
        manager.connect()
    except errors.LabkitError as error:
        # Its sentence helps; where in here it arose does not.
        raise error.with_traceback(None) from None
    return manager


def make_server(
    address: Address, authkey: bytes, journal: str | Path | None = None
) -> QueueServer:
    """Bind a queue server; ``serve_forever()`` runs it.

    The parameters and errors are those of :func:`labkit.start_server`.
    """
    authkey = keys.check_authkey(authkey)
    keys.check_strength(authkey, address)
    try:
        server = QueueManager(address, authkey).get_server()
    except OSError as error:
        where = shown(address)
        if error.errno == errno.EADDRINUSE:
            cure = "another path" if isinstance(address, str) else "port 0 for any"
            text = f"another program listens at {where}; stop it, or use {cure}"
            raise errors.AddressInUseError(text) from None
        cure = "use 127.0.0.1 and a port above 1023, or 0"
        text = f"cannot listen at {where}: {error.strerror or error}; {cure}"
        raise errors.ServerStartError(text) from None
    if journal is not None:
        from labkit.manager.journal import Journal  # sqlite3 loads for 5 ms

        try:
            server.keep(Journal(journal))
        except errors.JournalError:
            server.listener.close()
            raise
    return server
