"""03.2: the answer to a challenge, in the old and in the new form."""

import contextlib
import hashlib
import hmac
import secrets
import threading
from multiprocessing.connection import Client, Listener

from labkit.grader.fixtures import points, shown

CHALLENGE = b"#CHALLENGE#"


def _must_answer(answer, message, name):
    """Call prove() with a challenge, and compare with what the protocol wants."""
    key = secrets.token_bytes(32)
    digest = hmac.digest(key, message, name)
    new = len(message) != 20
    wanted = b"{%s}" % name.encode() + digest if new else digest
    form = f"a challenge that names {name}" if new else "a challenge of 20 bytes"
    random = (
        ""
        if new
        else ", which are random, and may begin with a { or as #CHALLENGE# does"
    )
    call = answer.call("prove", challenge=CHALLENGE + message, key=key)
    got = call.returns("It has nothing to wait for.", advice=f"It got {form}{random}.")
    got = bytes(got) if isinstance(got, bytearray) else got
    assert got == wanted, (
        f"{call} returned {_shown(got)} for {form}; expected {_shown(wanted)}. "
        f"{_likely(got, key, message, name)}"
    )


def _shown(got):
    if got is None:
        return "None"
    if not isinstance(got, bytes):
        return f"{type(got).__name__}, not bytes"
    name, curly, rest = got.partition(b"}")
    if got[:1] == b"{" and curly and len(name) < 10:
        return f"{name.decode('ascii', 'replace')}}} and {len(rest)} bytes"
    return f"{len(got)} bytes"


def _likely(got, key, message, name):
    """Say what the answer most likely did instead."""
    if not isinstance(got, bytes):
        return "hmac.digest() gives the bytes that go over the wire."
    rest = got.partition(b"}")[2] if got[:1] == b"{" else got
    bare = message.partition(b"}")[2]
    other = "md5" if name != "md5" else "sha256"
    made = {
        hmac.digest(key, message, "sha256"): "That is sha256: take the digest that the "
        "challenge names.",
        hmac.digest(key, CHALLENGE + message, name): "Take #CHALLENGE# off first: it "
        "is no part of the message.",
        hmac.digest(message, key, name): "The key comes first, then the message.",
        hashlib.new(name, key + message).digest(): "That is a plain hash of both; use "
        "hmac.digest().",
        hmac.digest(key, message, name).hex().encode(): "These are the digest's "
        "letters in hexadecimal; send the digest itself.",
        hmac.digest(key, bare, name): "The name in its braces belongs to the message.",
        hmac.digest(key, message, name): "The answer repeats the name, in its braces, "
        "if there is one in the challenge.",
        hmac.digest(key, message, other): f"That is {other}: the form of the challenge "
        "says which digest is wanted.",
    }
    return made.get(rest, "Compare with the two forms in the task.")


@points(2, "answers a challenge of 20 bytes with the bare MD5 digest")
def test_old_form(answer):
    """A server of Python 3.11 asks; its random bytes may be any."""
    _must_answer(answer, secrets.token_bytes(20), "md5")
    # A brace that is never closed; no zero byte, of which hashlib speaks otherwise;
    # and no letters, for a text that can be read would be shown in the message.
    some = bytes(secrets.choice(range(1, 32)) for _ in range(19))
    _must_answer(answer, b"{" + some, "md5")
    # Random bytes may begin like the prefix: it is a text, not a set of letters.
    _must_answer(answer, b"C" + some, "md5")


@points(2, "answers a challenge that names sha256")
def test_new_form(answer):
    """A server of Python 3.12 asks."""
    _must_answer(answer, b"{sha256}" + secrets.token_bytes(40), "sha256")


@points(2, "takes the digest that the challenge names")
def test_named_digest(answer):
    """A server asks for a digest that is not the usual one."""
    _must_answer(answer, b"{sha3_256}" + secrets.token_bytes(40), "sha3_256")
    _must_answer(answer, b"{sha384}" + secrets.token_bytes(40), "sha384")


@points(1, "is welcomed by a server of the standard library")
def test_server_welcomes(answer):
    """A listener of this Python's own standard library asks."""
    key = secrets.token_bytes(32)
    with Listener(("127.0.0.1", 0), authkey=key) as listener:
        server = threading.Thread(target=_accept, args=(listener,), daemon=True)
        server.start()
        with Client(listener.address) as wire:
            call = answer.call("prove", challenge=wire.recv_bytes(256), key=key)
            got = call.returns("It has nothing to wait for.")
            assert isinstance(got, bytes | bytearray), (
                f"{call} returned {shown(got)}; expected bytes."
            )
            wire.send_bytes(got)
            said = wire.recv_bytes(256)
        server.join(2)
    assert said == b"#WELCOME#", (
        f"A server of the standard library said {said.decode()} to what {call} "
        "returned; expected #WELCOME#."
    )


def _accept(listener):
    """Let one client in; it goes again before it has asked back."""
    with contextlib.suppress(EOFError, OSError):
        listener.accept().close()
