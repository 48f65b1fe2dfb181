"""03.5: a weak key is found from one handshake, at home."""

import hmac
import math
import secrets

from labkit.grader.fixtures import points, shown

WORDS = ["letmein", "dragon", "monkey", "peekaboo", "qwerty", "ábràcadabra", "secret"]
KEY = "ábràcadabra".encode()  # not every letter is one byte
NO_WAIT = "It has a challenge, a digest and words, and nothing to wait for."


def _overheard(key, old):
    """Return a challenge and its digest, as they went over the wire."""
    name = "md5" if old else "sha256"
    head = b"" if old else b"{sha256}"
    digest = b""
    while len(repr(digest)) <= 40:  # a longer one is named, not shown, in feedback
        message = head + secrets.token_bytes(20 if old else 40)
        digest = head + hmac.digest(key, message, name)
    return b"#CHALLENGE#" + message, digest


def _find(answer, key, words, old=True):
    challenge, digest = _overheard(key, old)
    call = answer.call("find_key", challenge=challenge, digest=digest, words=words)
    got = call.returns(NO_WAIT, advice="A key is bytes: encode() each word.")
    return call, tuple(got) if isinstance(got, list) else got


@points(1, "finds the key in a handshake of the old and of the new form")
def test_finds_the_key(answer):
    """The key is the sixth word; the handshake has the old, then the new form."""
    for old in (True, False):
        call, got = _find(answer, KEY, iter(WORDS), old)
        form = "old" if old else "new"
        assert got == (KEY, 6), (
            f"{call} returned {shown(got)} for a handshake of the {form} form; expected "
            f"({shown(KEY)}, 6): the key is the sixth word. Let prove() answer for each "
            "word, and count each word that was tried."
        )


@points(1, "takes no word more than needed")
def test_stops_at_the_key(answer):
    """The words come from a generator, which counts how many were taken."""
    taken = []

    def words():
        for number in range(10_000):
            taken.append(number)
            yield KEY.decode() if number == 3 else f"word {number}"

    call, _ = _find(answer, KEY, words())
    assert len(taken) == 4, (
        f"{call} took {len(taken):,} words, and the fourth was the key; expected 4. "
        "Try each word when it comes: a list of words may have no end."
    )


@points(1, "says so when the key is not among the words")
def test_gives_up(answer):
    """The key is 32 random bytes."""
    call, got = _find(answer, secrets.token_bytes(32), iter(WORDS))
    assert got == (None, len(WORDS)), (
        f"{call} returned {shown(got)} when the key was 32 random bytes; expected (None, "
        f"{len(WORDS)}): none of the words is the key."
    )


@points(1, "counts the keys of a given length")
def test_counts_all_keys(answer):
    """Words of three letters, and 32 random bytes."""
    for alphabet, length, keys_per_s in ((26, 3, 500_000), (256, 32, 10**9)):
        call = answer.call(
            "seconds_to_try", alphabet=alphabet, length=length, keys_per_s=keys_per_s
        )
        got, wanted = call.returns(NO_WAIT), alphabet**length / keys_per_s
        right = isinstance(got, int | float) and math.isclose(got, wanted, rel_tol=1e-6)
        assert right, (
            f"{call} returned {shown(got)}; expected about {wanted:.3g}. Each place of a "
            "key can hold each letter: their numbers multiply, once for each place."
        )


@points(1, "says why no server can stop it")
def test_says_why(answer):
    """Why a server cannot stop it."""
    call = answer.call("why")
    got = call.returns(NO_WAIT)
    wrong = {
        "a": "Of a digest by SHA-256 the key was found as well.",
        "c": "It could count each wrong digest, and would count none here.",
    }
    assert got == "b", (
        f"{call} returned {shown(got)}; expected another letter. "
        f"{wrong.get(got, 'It is one of a, b and c, as text.')} What did find_key() "
        "send to the server?"
    )
