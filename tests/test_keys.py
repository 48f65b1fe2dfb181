"""Keys: made, kept, read, judged, and never shown."""

import pytest
from programs import posix_only

from labkit.errors import KeyTypeError, WeakKeyError
from labkit.manager import keys


def test_a_key_does_not_show_itself():
    """repr, str and formatting tell the length only."""
    key = keys.SecretKey(b"lighthouse-keeper")
    for text in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert "lighthouse" not in text
        assert "17 bytes" in text
    assert key == b"lighthouse-keeper"


@posix_only
def test_a_key_file_is_for_its_owner_only(tmp_path):
    """It is written 0600, and refused when others can read it."""
    path = keys.write_key_file(tmp_path / "lab.key")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(WeakKeyError, match="chmod 600"):
        keys.read_key_file(path)


@pytest.mark.parametrize("text", ["", "not hexadecimal", "abc"])
def test_a_file_without_a_key_is_refused(tmp_path, text):
    """The error never shows what the file holds."""
    path = keys.write_key_file(tmp_path / "lab.key")
    path.write_text(text, encoding="ascii")
    with pytest.raises(KeyTypeError, match="holds no hexadecimal key") as caught:
        keys.read_key_file(path)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("key", ["lighthouse", None, 5, ["a"]])
def test_a_key_must_be_bytes(key):
    """The message names the type, not the key."""
    with pytest.raises(KeyTypeError, match=f"not {type(key).__name__}") as caught:
        keys.check_authkey(key)
    assert "lighthouse" not in str(caught.value)


@pytest.mark.parametrize("key", [b"abc", b"abracadabra", b"PASSWORD", b"a" * 40])
@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.0.2.7", "::", "lab.example"])
def test_a_famous_key_is_refused_beyond_loopback(key, host):
    """Other machines may try keys; the message names the remedy."""
    with pytest.raises(WeakKeyError, match="python3 -m labkit key"):
        keys.check_strength(key, (host, 0))


@pytest.mark.parametrize(
    "address",
    [("127.0.0.1", 0), ("127.8.8.8", 0), ("::1", 0), ("localhost", 0), "/run/x"],
)
def test_any_key_will_do_on_this_machine(address):
    """A lesson may use a short key on loopback."""
    keys.check_strength(b"abc", address)


def test_a_short_key_is_refused_beyond_loopback():
    """Fifteen bytes are too few, sixteen are enough; our own have 32, each others."""
    assert len({keys.new_key(), keys.new_key()}) == 2
    assert len(keys.new_key()) == 32
    with pytest.raises(WeakKeyError, match="only 15 bytes long"):
        keys.check_strength(bytes(range(15)), ("0.0.0.0", 0))
    keys.check_strength(bytes(range(16)), ("0.0.0.0", 0))
