"""The wiretap between real peers, labkit's and the standard library's."""

import contextlib
import os
import pickle
import queue
import socket
import struct
import subprocess
import threading
from ast import literal_eval
from pathlib import Path

import pytest
from exchange import KEY
from programs import until
from pythons import pythons

from labkit import connect, errors, start_server, wiretap
from labkit.manager import QueueManager
from labkit.tap.decode import HEAD_BYTES, TO_CLIENT, TO_SERVER, frames
from labkit.tap.views import Message, Sequence

EXCHANGE = Path(__file__).with_name("exchange.py")
HANDSHAKE = ["challenge", "digest", "welcome"] * 2


def framed(body):
    """Return a message as it stands on the wire."""
    return struct.pack("!i", len(body)) + body


@contextlib.contextmanager
def raw_server(serve):
    """Yield the address of a plain socket server; ``serve`` gets one connection."""

    def run():
        with contextlib.suppress(OSError), listener.accept()[0] as sock:
            serve(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()
        thread.join()


def swallow(sock):
    """Read to the end."""
    while sock.recv(1 << 16):
        pass


def greet(sock):
    """Say something first, then read to the end."""
    sock.sendall(b"!HTTP/1.1 400 Bad Request\r\n\r\n")
    swallow(sock)


def wait_for(tap, kind, within_s=20):
    """Return the first message of a kind, or of which a function is true."""
    fits = kind if callable(kind) else lambda message: message.kind == kind
    return until(lambda: next(filter(fits, tap.messages), None), within_s)


def dial(tap):
    """Connect to a tap."""
    return socket.create_connection(tap.address, timeout=10)


# What is on the wire.


@contextlib.contextmanager
def shop(python, where):
    """Run the exchange's server with an interpreter; yield its address."""
    command = [python, str(EXCHANGE), "serve", repr(where)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as server:
        try:
            address = server.stdout.readline().strip()
            yield literal_eval(address)
        finally:
            server.stdin.close()
            server.wait(10)


@pytest.mark.parametrize("version", sorted({"3.11", "3.12", "3.13", *pythons()}))
def test_every_message_of_each_kind_on_each_python(version, tmp_path):
    """Nothing of the standard library's protocol is left undecoded."""
    if version not in pythons():
        pytest.skip(f"there is no Python {version} here")
    python = pythons()[version]
    # A Unix socket, for over TCP the standard library waits 44 ms again and again.
    where = str(tmp_path / "shop") if hasattr(socket, "AF_UNIX") else ("127.0.0.1", 0)
    with shop(python, where) as address, wiretap(address) as tap:
        command = [python, str(EXCHANGE), "talk", repr(tap.address)]
        subprocess.run(command, check=True, timeout=30, capture_output=True)
        wait_for(tap, "unserializable")
        messages = tap.messages
    assert [m.kind for m in messages[:3]] == ["challenge", "digest", "failure"]
    handshake = [m for m in messages if m.kind in {"challenge", "digest"}]
    assert all(("MD5" in m.text) == (version == "3.11") for m in handshake)
    assert all(("{sha256}" in m.text) != (version == "3.11") for m in handshake)
    assert [m.kind for m in messages if m.connection == 2][:6] == HANDSHAKE
    requests = [m.text.partition("(")[0] for m in messages if m.kind == "request"]
    assert requests[:5] == ["dummy", "create", "incref", "decref", "accept_connection"]
    talk = [f"{m.kind} {m.text}" for m in messages if m.connection == 6][8:]
    assert talk[7].startswith("proxy multiprocessing.managers.Token(state=('Page'")
    assert talk[:7] + talk[8:] == TALK


TALK = [
    "call put('hello', block=True)",
    "return None",
    "call get()",
    "return 'hello'",
    "call get(False)",
    "error _queue.Empty()",
    "call page()",
    "call __getitem__(1)",
    "return 'milk'",
    "call burn()",
    "traceback KeyError: 'burn'",
    "call lock()",
    "unserializable TypeError: cannot pickle '_thread.lock' object",
]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_labkits_own_peers(kind, tmp_path):
    """Items that travel packed are shown opened; the tap is of the server's kind."""
    if kind == "unix" and not hasattr(socket, "AF_UNIX"):
        pytest.skip("this system has no Unix sockets")
    where = ("127.0.0.1", 0) if kind == "tcp" else str(tmp_path / "server")
    with start_server(where) as server, wiretap(server) as tap:
        assert type(tap.address) is type(server.address)
        letters = connect(tap.address, server.authkey).get_queue("letters")
        letters.put("hello")
        with pytest.raises(queue.Empty):
            connect(tap.address, server.authkey).get_task_queue().get_nowait()
        assert wait_for(tap, "error").text == "_queue.Empty()"
        assert letters.get() == "hello"
        call = wait_for(tap, "call")
        assert "put" in call.text
        assert "'hello'" in call.text
        assert call.ident == "queue:0:letters"
        assert (
            "'hello'"
            in wait_for(tap, lambda m: m.kind == "return" and "h" in m.text).text
        )
    if kind == "unix":
        assert not Path(tap.address).parent.exists()


def test_a_manager_a_path_and_an_address_can_be_tapped(tmp_path):
    """Whatever tells where a server listens will do."""
    with QueueManager(authkey=KEY) as manager, wiretap(manager) as tap:
        assert connect(tap.address, KEY).get_task_queue().empty()
        assert tap.server_address == manager.address
    with wiretap(("0.0.0.0", 5)) as tap:
        assert tap.address[0] == "127.0.0.1"
    if hasattr(socket, "AF_UNIX"):
        with wiretap(str(tmp_path / "nobody")) as tap:
            assert tap.server_address == str(tmp_path / "nobody")
    for nonsense in (None, 5000, QueueManager()):
        with pytest.raises(ValueError, match="give a running server"):
            wiretap(nonsense)


# What the relay does with bytes.


def test_bytes_pass_unchanged_in_both_directions_at_once():
    """More than any buffer holds, of no protocol, to a reader that is slow to begin."""
    blob = os.urandom(3 << 20)
    came = bytearray()

    def echo(sock):
        sender = threading.Thread(target=sock.sendall, args=(blob,))
        sender.start()
        while chunk := sock.recv(1 << 16):
            came.extend(chunk)
        sender.join()

    with raw_server(echo) as address, wiretap(address) as tap, dial(tap) as client:
        client.sendall(blob)
        client.shutdown(socket.SHUT_WR)
        back = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert bytes(came) == blob
    assert back == blob


def test_an_end_of_file_is_passed_on_and_the_other_way_goes_on():
    """A client that has said all it has to say still gets its answer."""

    def answer(sock):
        swallow(sock)
        sock.sendall(framed(pickle.dumps(("#RETURN", "late"))))

    with raw_server(answer) as address, wiretap(address) as tap, dial(tap) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4)
        assert wait_for(tap, "return").text == "'late'"


def test_the_tap_outlives_a_killed_server_and_a_client_that_vanishes():
    """Each is told of the other's end, and the next connection works."""
    with start_server() as server, wiretap(server) as tap:
        letters = connect(tap.address, server.authkey).get_queue("letters")
        letters.put("hello")
        server.kill()
        with pytest.raises((EOFError, OSError)):
            letters.get()
        with pytest.raises(errors.NotAQueueServerError):
            connect(tap.address, server.authkey)
        assert "cannot be reached" in wait_for(tap, "refused").text
        server.restart()
        rude = dial(tap)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rude.close()  # by a reset
        assert connect(tap.address, server.authkey).get_queue("letters").empty()
        until(lambda: server.stats()["letters"].connections <= 3)


def test_closing_hangs_up():
    """A client that waits is told so; the address is free, and closing is repeated."""
    with raw_server(greet) as address:
        tap = wiretap(address)
        with dial(tap) as client:
            assert client.recv(64).startswith(b"!")
            tap.close()
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        tap.close()
        with pytest.raises(ConnectionRefusedError):
            dial(tap)


# What is kept and shown.


def test_a_length_of_3_gib_is_believed_and_not_kept():
    """Of a message only the beginning is held, whatever its header says."""
    header = struct.pack("!iQ", -1, 3 << 30)
    with raw_server(swallow) as address, wiretap(address) as tap:
        with dial(tap) as client:
            client.sendall(header + bytes(1 << 20))
        cut = wait_for(tap, "incomplete")
    assert (cut.size_bytes, cut.direction) == (3 << 30, "to server")
    assert cut.text == "1,048,576 of 3,221,225,472 bytes came"
    (frame,) = frames([header, *[bytes(1 << 18)] * 40])
    assert (frame.came, len(frame.head)) == (40 << 18, HEAD_BYTES)


def test_messages_arrive_in_pieces_and_in_bunches():
    """Where the stream is cut makes no difference."""
    sizes = (0, 1, 5, 300, 70_000, 0)
    stream = b"".join(framed(b"x" * size) for size in sizes)
    stream += struct.pack("!iQ", -1, 2) + b"xx"
    for step in (1, 3, 7, 100_000, len(stream)):
        chunks = (stream[n : n + step] for n in range(0, len(stream), step))
        found = list(frames(chunks))
        assert [frame.size for frame in found] == [*sizes, 2]
        assert [len(frame.head) for frame in found] == [0, 1, 5, 300, 70_000, 0, 2]
    assert not list(frames([b"\0\0\0"]))


def test_clear_and_keep(monkeypatch):
    """Numbers start again, and the oldest are forgotten."""
    monkeypatch.setattr("labkit.tap.KEPT", 3)
    with raw_server(swallow) as address, wiretap(address) as tap, dial(tap) as client:
        for number in range(5):
            call = ("tea", "put", (number,), {})
            client.sendall(framed(pickle.dumps(call)))
        last = wait_for(tap, lambda m: m.text == "put(4)")
        assert [m.text for m in tap.messages] == ["put(2)", "put(3)", "put(4)"]
        assert (last.number, last.kind, last.connection) == (5, "call", 1)
        tap.clear()
        assert tap.messages == []
        client.sendall(framed(pickle.dumps(call)))
        assert wait_for(tap, "call").number == 1


def test_what_was_received_is_recorded():
    """After a call its answer stands in the messages; nobody needs to wait."""
    with start_server() as server, wiretap(server) as tap:
        letters = connect(tap.address, server.authkey).get_queue("letters")
        assert letters.empty()
        for number in range(100):
            tap.clear()
            letters.put(number)
            assert [m.kind for m in tap.messages] == ["call", "return"]


def test_secrets_are_shown_in_part():
    """Of a challenge and a digest there are 4 bytes."""
    with start_server() as server, wiretap(server) as tap:
        connect(tap.address, server.authkey)
        shown = [m for m in tap.messages if m.kind in {"challenge", "digest"}]
    assert len(shown) == 4
    assert all(len(m.text.split()[1]) == 9 for m in shown)


def test_long_texts_are_shortened():
    """Of whatever size the message is."""
    items = ["x" * 500, "y" * 100_000, "z" * HEAD_BYTES, list(range(90_000))]
    with raw_server(swallow) as address, wiretap(address) as tap:
        with dial(tap) as client:
            for item in items:
                call = ("tea", "put", (item, True), {"timeout": None})
                client.sendall(framed(pickle.dumps(call)))
        wait_for(tap, lambda m: m.number == len(items))
        assert [m.text for m in tap.messages[:3]] == [
            f"put('{'x' * 60}'… (500 characters), True, timeout=…",
            f"put('{'y' * 60}'… (100,000 characters), True, time…",
            "put(…)",
        ]
        assert tap.messages[3].text.startswith("put([0, 1, 2, ")
        assert len(tap.messages[3].text) == 101


@pytest.mark.parametrize("notes", ["", "\nwhen serializing list item 0"])
def test_the_line_that_names_the_error_is_shown(notes):
    """Neither a note after it, as from Python 3.14, nor a second line of its text."""
    trace = (
        "Traceback (most recent call last):\n"
        '  File "shop.py", line 3, in brew\n    pour()\n    ~~~~^^\n'
        f"ValueError: no milk\nleft{notes}\n"
    )
    body = pickle.dumps(("#TRACEBACK", trace))

    def answer(sock):
        swallow(sock)
        sock.sendall(framed(body))

    with raw_server(answer) as address, wiretap(address) as tap, dial(tap) as client:
        client.shutdown(socket.SHUT_WR)
        assert wait_for(tap, "traceback").text == "ValueError: no milk"


# The diagram.

NASTY = "put('</code><script>alert(1)</script>; end #x; \\n```')"


def made(count):
    """Return messages that go up and down in turn."""
    rows = [(1, TO_SERVER, "call"), (2, TO_CLIENT, "return")] * (count // 2)
    return [
        Message(number, connection, direction, kind, 1234, 0.5, NASTY)
        for number, (connection, direction, kind) in enumerate(rows, 1)
    ]


def test_the_diagram_has_an_arrow_for_each_message():
    """Its direction is heard, no tag is of a message's making, and it has an end."""
    page = Sequence(made(100))._repr_html_()
    assert page.count("<li ") == 60
    assert page.count('aria-label=" to the server"') == 30
    assert page.count('aria-label=" to the client"') == 30
    assert "100 messages on 2 connections between clients and server" in page
    assert "<script" not in page
    assert page.endswith("<p>40 more messages are not drawn</p>")
    assert "0 messages on 0 connections" in Sequence([])._repr_html_()


def test_the_diagram_as_text():
    """A line for each message, for front ends without HTML; and how many there are."""
    lines = repr(Sequence(made(2))).splitlines()
    line = f"connection 1  to server  call       {NASTY}  (1,234 bytes)"
    assert lines[0].endswith(line)
    assert lines[2] == "2 messages on 2 connections between clients and server"
