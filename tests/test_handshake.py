"""The handshake as two conversations, against each other and the standard library."""

from multiprocessing import AuthenticationError

import pytest

from labkit.manager import handshake


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
