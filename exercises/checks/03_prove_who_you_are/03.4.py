"""03.4: the server's side of the handshake, without holes."""

import hmac
import random
import secrets

from labkit.grader.fixtures import points


class _Digest(bytes):
    """A digest that notices when it is compared byte by byte."""

    __slots__ = ()
    __hash__ = bytes.__hash__
    compared = 0

    def __eq__(self, other):
        _Digest.compared += 1
        return bytes.__eq__(self, other)

    def __ne__(self, other):
        return not self == other


class _Client:
    """The client's end: keeps what it hears, and sends a part of the right digest."""

    def __init__(self, key, spoil):
        self._key, self._spoil = key, spoil
        self.heard = []

    def send_bytes(self, message):
        self.heard.append(bytes(message))

    def recv_bytes(self, _longest=None):
        message = self.heard[0].removeprefix(b"#CHALLENGE#")
        return _Digest(self._spoil(hmac.digest(self._key, message, "md5")))


def _wrong(digest):
    return bytes([digest[0] ^ 1]) + digest[1:]


def _let_in(answer, spoil, key=None):
    """Call let_in() for one client; return the call, the client and the log."""
    key = key or secrets.token_bytes(32)
    client, log = _Client(key, spoil), []
    call = answer.call("let_in", wire=client, key=key, log=log.append)
    call.returns("It sends a challenge, and then receives one message.")
    return call, client, log


@points(1, "sends each client a challenge that nobody can know before")
def test_challenge_is_always_new(answer):
    """Three clients come; the random module is the same for the first and the last."""
    key, challenges = secrets.token_bytes(32), []
    for seed in (1, 2, 1):
        random.seed(seed)
        call, client, _ = _let_in(answer, bytes, key)
        challenges.append(client.heard[0])
    first, second, third = challenges
    assert len(first) == 31, (
        f"{call} sent a challenge of {len(first)} bytes; expected #CHALLENGE# and 20 "
        "bytes."
    )
    assert first != second, (
        f"{call} sent the same challenge to two clients; expected a new one for each. "
        "Anyone who has overheard one digest could send it again: make 20 new random bytes "
        "inside the function."
    )
    assert first != third, (
        f"{call} sent a challenge that could be known before; expected bytes that "
        "nobody can predict. The random module repeats itself when its state is "
        "known: take secrets.token_bytes(20)."
    )


def _must_stay_out(answer, spoil, what):
    call, client, _ = _let_in(answer, spoil)
    assert call.value is False, (
        f"{call} let in a client that had sent {what}; expected False. Only the whole "
        "digest proves that a client holds the key."
    )
    return call, client


@points(2, "opens for the whole digest, and for nothing else")
def test_whole_digest_opens(answer):
    """Clients send parts of the digest; one sends all of it."""
    parts = {
        "nothing": lambda _: b"",
        "the first byte of the digest": lambda digest: digest[:1],
        "the digest without its last byte": lambda digest: digest[:-1],
        "the digest and one byte more": lambda digest: digest + b"!",
        "another digest": _wrong,
    }
    for what, spoil in parts.items():
        _must_stay_out(answer, spoil, what)
    call, client, _ = _let_in(answer, bytes)
    assert (call.value, client.heard[1:]) == (True, [b"#WELCOME#"]), (
        f"{call} {call.outcome} for the right digest, and said "
        f"{client.heard[1:]}; expected True and #WELCOME#."
    )


@points(1, "compares in a time that tells nothing")
def test_time_tells_nothing(answer):
    """The digest is compared in a time that does not depend on it."""
    _must_stay_out(answer, lambda _: b"", "nothing")
    _Digest.compared = 0
    call, _ = _must_stay_out(answer, _wrong, "another digest")
    assert not _Digest.compared, (
        f"{call} compared the digests with == or !=, which stop at the first byte that "
        "differs: the time tells how many were right. Use hmac.compare_digest()."
    )


@points(1, "tells a stranger #FAILURE# and no more")
def test_stranger_hears_one_word(answer):
    """A client without the key listens."""
    call, client, _ = _let_in(answer, _wrong)
    assert client.heard[1:] == [b"#FAILURE#"], (
        f"{call} said {_shown(client.heard[1:])} to a client with a wrong digest; "
        "expected #FAILURE# and no more. Tell nothing to a client that you don't know yet."
    )


def _shown(messages):
    heads = [message[:9].decode("ascii", "replace") for message in messages]
    more = any(len(message) > 9 for message in messages)
    return (" and ".join(heads) or "nothing") + (", and more," if more else "")


@points(1, "keeps key and digest out of the log")
def test_log_holds_no_secret(answer):
    """Somebody reads the log."""
    key = secrets.token_bytes(32)
    call, client, log = _let_in(answer, _wrong, key)
    assert log, f"{call} logged nothing about a wrong digest; expected a line."
    text = " ".join(map(str, log))
    wanted = hmac.digest(key, client.heard[0].removeprefix(b"#CHALLENGE#"), "md5")
    for what, secret in (("the key", key), ("the right digest", wanted)):
        spellings = [repr(secret), repr(secret)[2:-1], secret.hex(), str(list(secret))]
        assert not any(spelling in text for spelling in spellings), (
            f"{call} wrote {what} into the log; expected no secret there. Logs are "
            "copied, mailed and kept: say what happened, and not with which key."
        )
