"""07.2: both ends of a connection have the option; the check asks the sockets."""

import concurrent.futures
import contextlib
import functools
import multiprocessing.connection
import os
import queue
import socket
import threading
from multiprocessing.managers import BaseManager
from pathlib import Path

from labkit.grader.fixtures import Call, points, shown

PLAIN_SOCKETS = True  # nobody but the answer sets the option
PATIENCE_S = 3.0
NO_END = "Nobody is waited for here: the other side is there already."
OF_ONE_SIDE = (
    "The option holds for what its own side sends: the client's socket needs it, and "
    "each socket that the server accepts."
)
ON = "1 turns it on, 0 off."


def _connection(call, words):
    """Return the connection that a call made, alive and open."""
    wire = call.returns(NO_END, advice=OF_ONE_SIDE)
    assert isinstance(wire, multiprocessing.connection.Connection), (
        f"{words} returned {shown(wire)}; expected the connection. hurry() changes it and "
        "returns it."
    )
    try:
        _option(wire)
    except OSError:
        wire._handle = None  # closed behind its back; it must not close another's
        raise AssertionError(
            f"{words} returned a connection that is closed. socket.socket(fileno=...) "
            "takes the descriptor over, and closes it at its end; socket.fromfd() "
            "makes a second one."
        ) from None
    return wire


def _option(wire):
    """Ask the socket of a connection; OSError if it is closed."""
    with socket.fromfd(wire.fileno(), socket.AF_INET, socket.SOCK_STREAM) as sock:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def _must_hurry(is_set, words, why):
    assert is_set, (
        f"{words} returned a connection without TCP_NODELAY; expected it to be set. "
        f"{why}"
    )


@points(1, "sets the option on the client's side, and leaves the connection open")
def test_client_side(answer):
    """A client connects to a listening socket of ours."""
    words = "hurried_client(address)"
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = door.getsockname()
        wire = _connection(answer.call("hurried_client", address=address), words)
        with contextlib.closing(wire):
            _must_hurry(_option(wire), words, f"{ON} {OF_ONE_SIDE}")


@points(2, "sets the option on each connection that the server accepts")
def test_server_side(answer):
    """Two plain clients of ours connect to the listener."""
    call = answer.call("HurriedListener", address=("127.0.0.1", 0))
    words = "HurriedListener.accept()"
    with contextlib.closing(call.returns(NO_END)) as listener:
        for _ in range(2):
            with socket.create_connection(listener.address):
                accept = Call(words, listener.accept, answer.path)
                wire = _connection(accept, words)
                with contextlib.closing(wire):
                    _must_hurry(_option(wire), words, OF_ONE_SIDE)


@points(1, "leaves Unix sockets as they are")
def test_unix_socket(answer):
    """A client connects to a path."""
    if not hasattr(socket, "AF_UNIX"):
        return  # nothing to leave alone
    path = Path("mail.socket")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        words = f"hurried_client({shown(str(path))})"
        call = answer.call("hurried_client", address=str(path))
        error = call.ends(NO_END).error
        assert error is None, (
            f"{words} raised {shown(error)}; expected the "
            "connection. A Unix socket has no TCP_NODELAY, and needs none: leave it "
            "as it is."
        )
        assert isinstance(call.value, multiprocessing.connection.Connection), (
            f"{words} {call.outcome}; expected the connection."
        )
        assert call.value.writable, f"{words} returned a connection that is closed."
        call.value.close()
    path.unlink()


class _Manager(BaseManager):
    """A plain manager; the registry of its server is below."""


def _serve(accepted, address, authkey, letters):
    """Serve one queue, in threads of this process."""
    _Manager.register("get_letters", callable=lambda: letters)
    server = _Manager(address, authkey, serializer="hurried").get_server()
    server.stop_event = threading.Event()
    accepted.set_result(server.address)
    server.accepter()


@points(1, "carries a plain manager")
def test_manager(answer):
    """A manager serves and connects through the answer's pair."""
    accepted, authkey = concurrent.futures.Future(), os.urandom(16)
    serve = functools.partial(
        _serve, accepted, ("127.0.0.1", 0), authkey, queue.Queue()
    )
    threading.Thread(target=serve, daemon=True).start()
    address = accepted.result(PATIENCE_S)

    def exchange():
        manager = _Manager(address, authkey, serializer="hurried")
        manager.connect()
        letters = manager.get_letters()
        letters.put(bytes(20_000))
        size = len(letters.get(timeout=PATIENCE_S))
        return size, _option(letters._tls.connection)

    call = Call("A manager with serializer 'hurried'", exchange, answer.path)
    size, is_set = call.returns(NO_END, advice=OF_ONE_SIDE)
    assert size == 20_000, f"{size} of 20000 bytes came back; expected all of them."
    _must_hurry(is_set, str(call), OF_ONE_SIDE)
