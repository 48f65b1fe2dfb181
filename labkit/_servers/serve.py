"""``python -m labkit serve``: a queue server as a program of its own."""

import argparse
import contextlib
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit import errors
from labkit._managers import keys
from labkit._managers.hosting import QueueServer
from labkit.managers import QueueManager
from labkit.transport import SILENCE_S, Address, Listener, shown

__all__ = ["main", "make_server"]


def make_server(
    address: Address, authkey: bytes, journal: str | Path | None = None
) -> QueueServer:
    """Bind a queue server; ``serve_forever()`` runs it.

    Parameters
    ----------
    address : tuple of (str, int) or str
        Port 0 lets the system choose.
    authkey : bytes
        Any key on loopback; a strong one where other machines can connect.
    journal : str or pathlib.Path or None, default None
        File that keeps the queues over the server's death, if any.

    Raises
    ------
    KeyTypeError, WeakKeyError
        The key is no ``bytes``, or too weak for that address.
    AddressInUseError
        Another program listens there.
    ServerStartError
        The system refuses the address.
    JournalError
        The journal is in use, or no journal.
    """
    authkey = keys.check_authkey(authkey)
    keys.check_strength(authkey, address)
    try:
        server = QueueManager(address, authkey).get_server()
    except OSError as error:
        raise _bind_error(address, error) from None
    if journal is not None:
        from labkit._queues.journals import Journal

        try:
            server.keep(Journal(journal))
        except errors.JournalError:
            server.listener.close()
            raise
    return server


def _bind_error(address: Address, error: OSError) -> errors.LabkitError:
    where = shown(address)
    if error.errno == errno.EADDRINUSE or getattr(error, "winerror", 0) == 10048:
        free = "another path" if isinstance(address, str) else "port 0 for a free one"
        return errors.AddressInUseError(
            f"another program listens at {where}; stop it, or use {free}"
        )
    return errors.ServerStartError(
        f"cannot listen at {where}: {error.strerror or error}; "
        "use 127.0.0.1 and a port above 1023, or 0"
    )


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(argv)
    _raise_descriptor_limit()
    if options.supervised:
        return _serve_supervised()
    try:
        server = make_server(*_settings(options))
        server.doorman.silence_s = options.silence
    except (errors.LabkitError, ValueError, OSError) as error:
        print(f"labkit serve: {error}", file=sys.stderr)
        return 2
    print(f"serving at {shown(server.address)}; key file {options.key_file}")
    print("stop with Ctrl-C", flush=True)
    _run(server, lambda line: print(line, flush=True))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m labkit serve",
        description="Host queues for other processes, until Ctrl-C.",
        epilog="example: python -m labkit serve --port 5555 --key-file lab.key",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="interface to listen at (%(default)s)")
    add("--port", type=int, default=0, help="port; 0, the default, takes a free one")
    add("--socket", metavar="PATH", help="listen at a Unix socket instead")
    add(
        "--key-file",
        default="labkit.key",
        type=Path,
        help="file with the authkey, made if it is not there (%(default)s)",
    )
    add(
        "--journal",
        type=Path,
        help="file that keeps the queues even if the server is killed",
    )
    add("--silence", metavar="S", type=_silence, default=SILENCE_S, help=_SILENCE_HELP)
    add("--supervised", action="store_true", help=argparse.SUPPRESS)
    return parser


_SILENCE_HELP = (
    "seconds until a client whose host is silent counts as gone (%(default)g)"
)


def _silence(text: str) -> float:
    if text.isdecimal() and 1 <= int(text) <= 3600:
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 1 to 3600")


def _settings(options: argparse.Namespace) -> tuple[Address, bytes, Path | None]:
    if not options.key_file.exists():
        keys.write_key_file(options.key_file)
    address = options.socket or (options.host, options.port)
    return address, keys.read_key_file(options.key_file), options.journal


def _raise_descriptor_limit() -> None:
    """Ask for as many descriptors as the system allows: each client takes one."""
    try:
        import resource
    except ImportError:  # Windows counts otherwise
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 10240
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _run(server: QueueServer, say: Callable[[str], None]) -> None:
    """Serve until a signal or :meth:`QueueServer.stop`, then report what is left."""

    def stop(signum: int, _frame: Any) -> None:
        if server.stop_event.is_set():
            os._exit(128 + signum)  # the second signal: at once
        server.stop()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, stop)
    server.serve_forever()
    if server.journal is not None:
        server.journal.close()
    left = {name: queue.stats() for name, queue in server.queues.items()}
    for name, numbers in left.items():
        if numbers.depth or numbers.unacked:
            say(
                f"queue {name!r} ended with {numbers.depth} items waiting and "
                f"{numbers.unacked} handed out but not acknowledged"
            )
    say("stopped")


# Below: a server that labkit.servers started. It gets its settings over its
# standard input, where no other program can read the key, and ends with it.


def _serve_supervised() -> int:
    try:
        settings = json.loads(sys.stdin.readline())
        address = settings["address"]
        address = address if isinstance(address, str) else tuple(address)
        key = bytes.fromhex(settings["authkey"])
        server = make_server(address, key, settings["journal"])
        if settings["nearby"]:
            server.doorman.listeners.append(Listener(settings["nearby"]))
    except (errors.LabkitError, ValueError, OSError) as error:
        kind = type(error).__name__
        _tell(event="failed", kind=kind, message=str(error))
        return 2
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    _tell(event="ready", address=server.address, pid=os.getpid())
    _run(server, lambda line: _tell(event="log", message=line))
    if settings["nearby"]:
        with contextlib.suppress(OSError):
            Path(settings["nearby"]).parent.rmdir()
    return 0


def _tell(**event: Any) -> None:
    try:
        print(json.dumps(event), flush=True)
    except OSError:  # the one who listened has gone
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end


def _stop_at_end_of_input(server: QueueServer) -> None:
    # However the starting process ends, the system closes its end of this pipe.
    while os.read(0, 1024):
        pass
    server.stop()
