"""10.1: a server is bound to the one address that it is given."""

import contextlib
import queue
import socket
import threading

from labkit.grader.fixtures import ask, client_of, points

WHY = {
    "": "That is every address of this machine, in all of its networks.",
    "0.0.0.0": "That is every address of this machine, in all of its networks.",
    "127.0.0.1": "Only programs of the same machine can reach it there.",
    "localhost": "Only programs of the same machine can reach it there.",
}
NO_END = "get_server() returns at once; serve_forever() is called by somebody else."
ADVICE = "The address is a pair: (host, port)."


@contextlib.contextmanager
def noted():
    """Note where somebody binds to, and let it be loopback: nothing is opened."""
    seen, bind = [], socket.socket.bind

    def note(sock, address):
        seen.append(address)
        bind(sock, ("127.0.0.1", 0) if isinstance(address, tuple) else address)

    socket.socket.bind = note
    try:
        yield seen
    finally:
        socket.socket.bind = bind


def opened(answer, host, key=b"k" * 48, letters=None):
    """Open an office; return the call, its server, and where it was bound."""
    with noted() as seen:
        call = answer.call(
            "open_office", host=host, port=0, key=key, letters=letters or queue.Queue()
        )
        server = call.returns(NO_END, advice=ADVICE)
    assert hasattr(server, "serve_forever"), (
        f"{call} returned {type(server).__name__}, which has no serve_forever(); "
        "expected what get_server() returns."
    )
    assert seen, f"{call} listens nowhere; expected it to bind to {host}."
    return call, server, seen[-1]


def _must_be_bound(call, host, bound):
    assert bound == host, (
        f"{call} listens at {bound or repr(bound)}; expected {host}. "
        f"{WHY.get(bound, 'Take the host that is given.')}"
    )


@points(3, "listens at the address it is given, whichever that is")
def test_binds_to_the_host(answer):
    """Two networks of the workers, and loopback."""
    for host in ("192.0.2.7", "198.51.100.4", "127.0.0.1"):
        call, server, (bound, _) = opened(answer, host)
        server.listener.close()
        _must_be_bound(call, host, bound)


@points(1, "keeps the port, the key and the queue")
def test_port_key_and_queue_stay(answer):
    """A client with the key puts a letter into the queue that was given."""
    letters, key = queue.Queue(), b"another key " * 4
    call, server, (bound, _) = opened(answer, "127.0.0.1", key, letters)
    _must_be_bound(call, "127.0.0.1", bound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place, name = (server.address, key), "get_task_queue"
    client = ask("connect()", lambda: client_of(*place, name), "Keep the given key.")
    ask(f"{name}()", client.get_task_queue, "Keep what is registered.").put("a letter")
    assert letters.qsize() == 1, f"{call} serves another queue than `letters`."
