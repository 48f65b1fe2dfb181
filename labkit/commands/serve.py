"""Host queues for other processes, until Ctrl-C.

python3 -m labkit serve --port 5555 --key-file lab.key
"""

import argparse
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from labkit import errors, supervised
from labkit.commands import common
from labkit.manager import keys, make_server, shown
from labkit.manager.acceptor import Listener
from labkit.manager.server import QueueServer, stop_on_signals
from labkit.manager.wire import SILENCE_S


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    add("--host", default="127.0.0.1", help="interface to listen at (%(default)s)")
    port, silence = common.within(int, 0, 65535), common.within(int, 1, 3600)
    add("--port", type=port, default=0, help="port to listen at (a free one)")
    add("--socket", metavar="PATH", help="listen at a Unix socket instead")
    text = "file with the authkey, made if it is not there (%(default)s)"
    add("--key-file", default="labkit.key", type=Path, metavar="FILE", help=text)
    text = "file that keeps the queues even if the server is killed"
    add("--journal", type=Path, metavar="FILE", help=text)
    text = "seconds until a client whose host is silent counts as gone (%(default)g)"
    add("--silence", metavar="S", type=silence, default=SILENCE_S, help=text)
    add("--supervised", action="store_true", help=argparse.SUPPRESS)


def run(options: common.Options) -> int:
    """Serve, with as many descriptors as the system allows."""
    with contextlib.suppress(ImportError):  # Windows counts descriptors otherwise
        import resource  # each client takes one: ask for as many as the system allows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 10_240 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    if options.supervised:
        return _run_supervised()
    if not options.key_file.exists():
        keys.write_key_file(options.key_file)
    address = options.socket or (options.host, options.port)
    server = make_server(address, keys.read_key_file(options.key_file), options.journal)
    server.acceptor.silence_s = options.silence
    print(f"serving at {shown(server.address)}; key file {options.key_file}")
    print("stop with Ctrl-C", flush=True)
    return _serve(server)


def _run_supervised() -> int:
    """Be a server that labkit.servers started: say the address, or what failed.

    No other program can read the key on its standard input.
    """
    try:
        settings = json.loads(sys.stdin.readline())
        address, key = settings["address"], bytes.fromhex(settings["authkey"])
        address = address if isinstance(address, str) else tuple(address)
        server = make_server(address, key, settings["journal"])
        if settings["nearby"]:
            server.acceptor.listeners.append(Listener(settings["nearby"]))
    except (errors.LabkitError, ValueError, OSError) as error:
        _say(json.dumps({"labkit": type(error).__name__, "message": str(error)}))
        return common.BAD_INPUT
    supervised.watch(server.stop)
    _say(json.dumps({"labkit": server.address, "pid": os.getpid()}))
    return _serve(server)


def _serve(server: QueueServer) -> int:
    """Serve until a signal or :meth:`QueueServer.stop`, then say what is left."""
    stop_on_signals(server, signal.SIGINT, signal.SIGTERM)
    if server.journal is not None and (lost := server.journal.lost_writes):
        _say(f"The end of the journal was damaged. Writes that are lost: {lost}.")
    server.serve_forever()
    if server.journal is not None:
        server.journal.close()
    said = "Stopped."
    for name, queue in server.queues.items():
        left = queue.stats()
        if count := left.depth + left.unacked:
            said += f" Left in the queue {name!r}: {common.count_of(count, 'item')}."
    _say(said)
    return common.DONE


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        common.show(line)
