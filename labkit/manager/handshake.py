"""The manager protocol's handshake, as two conversations without a socket.

Each is a generator that yields the next message to send and is sent the reply. The
same few lines then serve the server's loop over many sockets and the client's
blocking call, and a lesson can play them by hand.

References
----------
CPython ``Lib/multiprocessing/connection.py``: ``deliver_challenge`` and
``answer_challenge``, 3.8 to 3.14. From 3.12 a challenge names its digest.
"""

import hmac
import os
from collections.abc import Generator
from multiprocessing import AuthenticationError

CHALLENGE = b"#CHALLENGE#"
WELCOME = b"#WELCOME#"
FAILURE = b"#FAILURE#"
LONGEST = 256  # bytes; what the standard library accepts before authentication

_DIGESTS = ("md5", "sha256", "sha384", "sha3_256", "sha3_384")
_OLD_CHALLENGE_LENGTH = 20  # bytes, up to Python 3.11; the answer is a bare HMAC-MD5
_OLD_DIGEST_LENGTH = 16

Conversation = Generator[bytes, bytes, bytes]


def server_side(authkey: bytes) -> Conversation:
    """Speak the server's part: challenge first, then answer the client's challenge.

    Yields each message to send, without its length header, and is sent the answer;
    returns a last message, which nobody answers, empty for none. An AuthenticationError
    says that the other side does not hold the key, or speaks something else: then the
    last message is ``FAILURE``.
    """
    yield from _challenge(authkey)
    yield from _answer(authkey, (yield WELCOME))
    return b""


def client_side(authkey: bytes) -> Conversation:
    """Speak the client's part, likewise; its first message is empty: it waits."""
    yield from _answer(authkey, (yield b""))
    yield from _challenge(authkey)
    return WELCOME


def _challenge(authkey: bytes) -> Generator[bytes, bytes, None]:
    message = b"{sha256}" + os.urandom(40)
    name, digest = _split((yield CHALLENGE + message))
    if not hmac.compare_digest(_digest(authkey, message, name), digest):
        raise AuthenticationError("digest received was wrong")


def _answer(authkey: bytes, challenge: bytes) -> Generator[bytes, bytes, None]:
    message = challenge.removeprefix(CHALLENGE)
    if message == challenge or len(message) < _OLD_CHALLENGE_LENGTH:
        raise AuthenticationError("expected a challenge")
    if len(message) == _OLD_CHALLENGE_LENGTH:
        reply = yield _digest(authkey, message, "md5")
    else:
        name, _ = _split(message)
        reply = yield b"{%s}" % name.encode() + _digest(authkey, message, name)
    if reply != WELCOME:
        raise AuthenticationError("digest sent was rejected")


def _digest(authkey: bytes, message: bytes, name: str) -> bytes:
    try:
        return hmac.digest(authkey, message, name)
    except ValueError:  # FIPS mode knows no MD5
        raise AuthenticationError(f"this Python has no {name}") from None


def _split(message: bytes) -> tuple[str, bytes]:
    """Return the digest's name and the rest; a bare 16 bytes are HMAC-MD5."""
    if len(message) == _OLD_DIGEST_LENGTH:
        return "md5", message
    name, curly, rest = message[1:].partition(b"}")
    if message[:1] == b"{" and curly and name.decode("ascii", "replace") in _DIGESTS:
        return name.decode(), rest
    raise AuthenticationError("no digest that both sides know")
