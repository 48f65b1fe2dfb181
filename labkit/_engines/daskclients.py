"""The way to a Dask scheduler, with TLS where asked, and to what it has done."""

import asyncio
import contextlib
import importlib
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from labkit.commands.dispatch import WORE_OUT
from labkit.errors import LabkitError, NoServerError, ServerStoppedError

__all__ = ["completed", "connected", "event_loop", "reason", "security"]

_CONNECT_WITHIN_S = 10
_PEMS = ("ca.pem", "cert.pem", "key.pem")


def security(folder: str | Path) -> Any:
    """Return Dask's settings for TLS, from a folder with three files.

    Parameters
    ----------
    folder : str or Path
        With ``ca.pem``, the authority; ``cert.pem`` and ``key.pem``, what it signed.

    Returns
    -------
    distributed.Security
        One certificate in all three roles, and nothing in clear text.

    Raises
    ------
    LabkitError
        A file is missing.
    """
    paths = [Path(folder) / name for name in _PEMS]
    for path in paths:
        if not path.is_file():
            raise LabkitError(
                f"{path} is missing; --tls FOLDER needs {', '.join(_PEMS)}"
            )
    authority, cert, key = map(str, paths)
    roles = ("client", "scheduler", "worker")
    files = {f"tls_{role}_cert": cert for role in roles}
    files |= {f"tls_{role}_key": key for role in roles}
    distributed: Any = importlib.import_module("distributed")
    return distributed.Security(tls_ca_file=authority, require_encryption=True, **files)


@contextlib.contextmanager
def event_loop() -> Iterator[Any]:
    """Run a loop for clients in a thread, until the end of the block.

    A client that lost its scheduler, or found none, leaves its own loop running.
    """
    from tornado.ioloop import IOLoop

    ready: Future[tuple[Any, asyncio.Event]] = Future()

    async def stay() -> None:
        ended = asyncio.Event()
        ready.set_result((IOLoop.current(), ended))
        await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(stay()), daemon=True)
    thread.start()
    loop, ended = ready.result()
    try:
        yield loop
    finally:
        loop.add_callback(ended.set)
        thread.join(_CONNECT_WITHIN_S)


@contextlib.contextmanager
def connected(address: str, tls: str | Path | None = None) -> Iterator[Any]:
    """Connect to a scheduler that somebody else started, until the end of the block.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
    tls : str, Path or None, default None
        See :func:`security`.

    Yields
    ------
    distributed.Client

    Raises
    ------
    NoServerError
        No scheduler answers there, or not with these certificates.
    LabkitError
        A ``tls://`` address without certificates, or the reverse.
    """
    if address.startswith("tls://") != (tls is not None):
        raise LabkitError(
            f"{address} and --tls do not fit: an address of tls:// needs --tls FOLDER, "
            "and one of tcp:// is clear text"
        )
    _quieten()
    settings = {"timeout": _CONNECT_WITHIN_S, "security": tls and security(tls)}
    with event_loop() as loop, _client(address, loop, settings) as client:
        yield client


def _client(address: str, loop: Any, settings: dict[str, Any]) -> Any:
    distributed: Any = importlib.import_module("distributed")
    try:
        return distributed.Client(address, loop=loop, set_as_default=False, **settings)
    except (OSError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
    raise NoServerError(
        f"no Dask scheduler answers at {address} ({reason}); start one with: "
        "dask scheduler, and workers with: dask worker ADDRESS"
    )


def _quieten() -> None:
    """Keep to exceptions, which say the same as Dask's log."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def completed(client: Any, futures: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each future that is done with its result, as they come.

    Raises
    ------
    ServerStoppedError
        The scheduler has gone; what is not done yet is lost.
    """
    from tornado.ioloop import PeriodicCallback

    distributed: Any = importlib.import_module("distributed")
    found = distributed.as_completed(
        futures, loop=client.loop, with_results=True, raise_errors=False
    )

    def look() -> None:
        if client.status not in {"running", "connecting"}:
            found.clear()  # these would be waited for without end

    watch = PeriodicCallback(look, 200)
    client.loop.add_callback(watch.start)
    done = 0
    try:
        for future, outcome in found:
            if future.status not in {"finished", "error"}:
                break
            done += 1
            yield future, outcome
    finally:
        client.loop.add_callback(watch.stop)
    if done < len(futures):
        raise ServerStoppedError("the Dask scheduler has ended")


def reason(future: Any) -> str:
    """Say why a task came to nothing: its worker died too often, or it raised."""
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return WORE_OUT
    return f"{type(error).__name__}: {error}"
