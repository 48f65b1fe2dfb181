"""The handshake as two conversations, against each other and the standard library."""

from multiprocessing import AuthenticationError

import pytest

from labkit.manager import handshake


def converse(server_key, client_key):
    """Let both sides talk until they are done; return what went over the wire."""
    server = handshake.server_side(server_key)
    client = handshake.client_side(client_key)
    said = [next(server)]
    next(client)
    while True:
        try:
            said.append(client.send(said[-1]))
        except StopIteration as done:
            said.append(done.value)
        try:
            said.append(server.send(said[-1]))
        except StopIteration:
            return said


def test_two_holders_of_the_key_agree():
    """Challenge, digest, welcome; then the same the other way round."""
    said = converse(b"lighthouse", b"lighthouse")
    assert [message[:11] for message in said[::2]][:1] == [b"#CHALLENGE#"]
    assert said.count(handshake.WELCOME) == 2
    assert b"lighthouse" not in b"".join(said)


@pytest.mark.parametrize("client_key", [b"", b"Lighthouse", b"lighthouse "])
def test_another_key_is_refused(client_key):
    """The first wrong digest ends the conversation."""
    with pytest.raises(AuthenticationError):
        converse(b"lighthouse", client_key)


def test_every_challenge_is_new():
    """A recorded conversation is worth nothing the next time."""
    first, second = (next(handshake.server_side(b"k")) for _ in range(2))
    assert first != second


def test_an_old_peer_speaks_bare_md5():
    """Python up to 3.11 sends 16 bytes of HMAC-MD5, or a challenge of 20 bytes."""
    import hmac

    server = handshake.server_side(b"k")
    message = next(server).removeprefix(b"#CHALLENGE#")
    assert server.send(hmac.digest(b"k", message, "md5")) == handshake.WELCOME
    client = handshake.client_side(b"k")
    next(client)
    answer = client.send(b"#CHALLENGE#" + b"x" * 20)
    assert answer == hmac.digest(b"k", b"x" * 20, "md5")


@pytest.mark.parametrize(
    "message", [b"", b"hello", b"#CHALLENGE#", b"#CHALLENGE#{sha256}", b"{sha1}" * 9]
)
def test_anything_but_a_challenge_is_refused(message):
    """A client does not answer what is no challenge."""
    client = handshake.client_side(b"k")
    next(client)
    with pytest.raises(AuthenticationError):
        client.send(message)
