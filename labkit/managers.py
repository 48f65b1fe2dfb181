"""The manager class: what a server offers by name, and how a program reaches it.

References
----------
CPython ``Lib/multiprocessing/managers.py``, 3.11 to 3.14, class ``BaseManager``.
"""

import signal
import threading
from multiprocessing import managers, util
from typing import Any

from labkit._managers.dialing import dial, hung_up, retrying
from labkit._managers.hosting import QueueServer
from labkit._managers.keys import (
    SecretKey,
    check_authkey,
    read_key_file,
    write_key_file,
)
from labkit._managers.proxies import QueueProxy
from labkit._managers.referents import IDENT_PREFIX, NamedQueue
from labkit.errors import LabkitError, NoServerError, NotOfferedError
from labkit.queues import QueueStats, TaskQueue
from labkit.transport import SERIALIZER, Address, shown

__all__ = ["QueueManager", "QueueProxy", "QueueStats", "TaskQueue", "connect"]
__all__ += ["read_key_file", "write_key_file"]


class QueueManager(managers.BaseManager):
    """Offer a task queue, a result queue, and any number of queues by name.

    A ``BaseManager``: ``start()``, ``get_server()``, ``connect()`` and ``register()``
    are the standard library's, and its clients and servers understand ours.

    Parameters
    ----------
    address : tuple of (str, int) or str or None, default None
        Where to listen or connect. ``None`` listens on loopback, at a free port.
    authkey : bytes or None, default None
        The shared key; ``None`` takes this process's own.
    retry_for : float, default 0.0
        Seconds, 0 or more, that a lost connection is tried again before a call
        fails.
    **options
        ``serializer``, ``ctx`` and ``shutdown_timeout`` as in ``BaseManager``.

    Raises
    ------
    KeyTypeError
        ``authkey`` is not ``bytes``.
    """

    _Server = QueueServer
    # Of the base class, where type checkers do not see them.
    _registry: dict[str, Any]
    _address: Address
    _authkey: bytes
    _serializer: str
    _state: Any

    def __init__(
        self,
        address: Address | None = None,
        authkey: bytes | None = None,
        *,
        retry_for: float = 0.0,
        **options: Any,
    ) -> None:
        if authkey is not None:
            authkey = check_authkey(authkey)
        options.setdefault("serializer", SERIALIZER)
        super().__init__(address, authkey, **options)
        self._authkey = SecretKey(self._authkey)
        self.retry_for = retry_for
        # One connection for each thread, shared by all proxies of this manager.
        self.links = util.ForkAwareLocal()

    def get_task_queue(self) -> QueueProxy:
        """Return a proxy of the queue of tasks."""
        return self._proxy("get_task_queue")

    def get_result_queue(self) -> QueueProxy:
        """Return a proxy of the queue of results."""
        return self._proxy("get_result_queue")

    def get_queue(self, name: str, maxsize: int = 0) -> QueueProxy:
        """Return a proxy of the queue of that name, made at its first use.

        Parameters
        ----------
        name : str
            Any text; the same name is the same queue for every client.
        maxsize : int, default 0
            Its bound, 0 for none. Once the queue exists, the same number or 0.

        Raises
        ------
        multiprocessing.managers.RemoteError
            The queue exists with another ``maxsize``.
        """
        return self._proxy("get_queue", name, maxsize)

    def connect(self) -> None:
        """Check that the server answers and holds the same key.

        Raises
        ------
        LabkitError
            As in :func:`connect`.
        """
        self.ask("dummy")
        self._state.value = managers.State.STARTED  # type: ignore[attr-defined]

    def get_server(self) -> QueueServer:
        """Return a server object; its ``serve_forever`` serves in this process."""
        state = managers.State  # type: ignore[attr-defined]
        if self._state.value != state.INITIAL:
            super().get_server()  # says what is wrong; else it makes the wrong class
        place = self._address, self._authkey, self._serializer
        return self._Server(self._registry, *place)

    def ask(self, function: str, *args: Any) -> Any:
        """Call one of the server's own functions, over a connection of its own."""
        kind, result = retrying(lambda: self._try(function, args), self.retry_for)
        if kind == "#RETURN":
            return result
        raise managers.convert_to_error(kind, result)  # type: ignore[attr-defined]

    def _try(self, function: str, args: tuple[Any, ...]) -> tuple[str, Any]:
        wire = dial(self._address, self._authkey)
        try:
            wire.send((None, function, args, {}))
            answer: tuple[str, Any] = wire.recv()
        except (EOFError, OSError):
            raise hung_up(self._address) from None
        finally:
            wire.close()
        return answer

    def _proxy(self, typeid: str, *args: Any) -> QueueProxy:
        state = managers.State  # type: ignore[attr-defined]
        if self._state.value != state.STARTED:
            raise NoServerError("this manager has no server; call start() or connect()")
        try:
            ident, exposed = self.ask("create", typeid, *args)
        except managers.RemoteError as error:
            if f"KeyError: {typeid!r}" not in str(error):
                raise
            raise NotOfferedError(
                f"the server at {shown(self._address)} offers no {typeid}(); "
                "register that name on the server's side"
            ) from None
        token = managers.Token(typeid, self._address, ident)
        proxy = QueueProxy(token, manager=self, authkey=self._authkey, exposed=exposed)
        if not ident.startswith(IDENT_PREFIX):
            self.ask("decref", ident)  # create counted once, and so did the proxy
        return proxy

    @classmethod
    def _run_server(
        cls,
        registry: dict[str, Any],
        address: Address | None,
        authkey: bytes,
        serializer: str,
        writer: Any,
        initializer: Any = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        """Serve in the child process that ``start()`` made."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
        if initializer is not None:
            initializer(*initargs)
        server = cls._Server(registry, address, authkey, serializer)
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
        threading.Thread(target=server.stop_with_parent, daemon=True).start()
        writer.send(server.address)
        writer.close()
        server.serve_forever()

    @staticmethod
    def _finalize_manager(
        process: Any,
        address: Address,  # noqa: ARG004 - the standard library's signature
        authkey: bytes,  # noqa: ARG004
        state: Any,
        _client: Any,
        shutdown_timeout: float,
    ) -> None:
        """End the server by signal: no client may do it over the network."""
        process.terminate()
        process.join(shutdown_timeout)
        if process.is_alive():
            process.kill()
            process.join()
        state.value = managers.State.SHUTDOWN  # type: ignore[attr-defined]


for _typeid, _name in (
    ("get_task_queue", "tasks"),
    ("get_result_queue", "results"),
    ("get_queue", None),
):
    QueueManager.register(
        _typeid,
        NamedQueue(_name),  # type: ignore[arg-type]
        QueueProxy,
        create_method=False,
    )


def connect(address: Address, authkey: bytes, retry_for: float = 0.0) -> QueueManager:
    """Return a manager connected to the server at an address.

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
    NoServerError
        Nobody listens there.
    WrongKeyError
        The server has another key.
    NotAQueueServerError
        Something else listens there.
    ServerTimeoutError
        Nothing came back for 5 seconds.

    Notes
    -----
    The server may also be a plain one. Threads share the manager, children do not.
    """
    authkey = check_authkey(authkey)  # from here on, no traceback can show it
    manager = QueueManager(address, authkey, retry_for=retry_for)
    try:
        manager.connect()
    except LabkitError as error:  # its sentence helps; where in here it arose does not
        raise error.with_traceback(None) from None
    return manager
