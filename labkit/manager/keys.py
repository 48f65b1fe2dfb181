"""Make, keep, read and judge authkeys."""

import contextlib
import ipaddress
import os
import secrets
from multiprocessing import process
from pathlib import Path

from labkit.errors import KeyTypeError, WeakKeyError
from labkit.manager.wire import Address

SHORTEST = 16  # bytes, for a server that can be reached from other machines
# Keys from tutorials and the top of every list of passwords; all lower case.
_FAMOUS = frozenset(
    b"abc abracadabra password passw0rd secret secretkey secret_key authkey changeme "
    b"letmein admin test key qwerty default hello dragon master monkey iloveyou "
    b"123456 12345678 123456789 peekaboo".split()
)
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - named, not bound
MAKE_ONE = "python3 -m labkit key lab.key"


class SecretKey(process.AuthenticationString):  # type: ignore[name-defined,misc]
    """An authkey whose text form tells only its length.

    It can be pickled only while a child process is being started.
    """

    def __repr__(self) -> str:
        return f"<authkey of {len(self)} bytes, not shown>"

    __str__ = __repr__


def new_key() -> SecretKey:
    """Return 32 random bytes."""
    return SecretKey(secrets.token_bytes(32))


def check_authkey(authkey: object) -> SecretKey:
    """Return the key if it is ``bytes``; else a ``KeyTypeError`` does not show it."""
    if isinstance(authkey, bytes):
        return SecretKey(authkey)
    raise KeyTypeError(
        f"authkey must be bytes, not {type(authkey).__name__}; "
        "for a text, write it with a b in front or call its encode() method"
    )


def check_strength(authkey: bytes, address: Address) -> None:
    """Refuse a guessable key for a server that other machines can reach.

    A captured handshake lets anyone try keys at millions a second, at home. Any key
    will do on loopback and on a Unix socket; elsewhere it is a WeakKeyError if it is
    shorter than 16 bytes, a famous one, or a few characters repeated.
    """
    if isinstance(address, str) or _is_loopback(address[0]):
        return
    word = bytes(authkey).strip().lower()
    common = word in _FAMOUS or len(set(word)) < 4
    if common or len(authkey) < SHORTEST:
        why = "well known" if common else f"only {len(authkey)} bytes long"
        raise WeakKeyError(
            f"this authkey is {why}, and {address[0] or _EVERYWHERE} can be reached "
            f"from other machines; make a good one with: {MAKE_ONE}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or '' for every interface
        return host == "localhost"


def write_key_file(path: str | Path, authkey: bytes | None = None) -> Path:
    """Write a key, in hexadecimal, to a file that only its owner can read.

    An existing file is replaced; an ``authkey`` of ``None`` makes a new key. Returns
    the path.
    """
    path = Path(path)
    key = new_key() if authkey is None else check_authkey(authkey)
    # Made anew under its final mode: nobody can have opened it a moment before.
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(bytes(key).hex() + "\n")
    return path


def read_key_file(path: str | Path) -> SecretKey:
    """Read a key that :func:`write_key_file` wrote.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    WeakKeyError
        Others on this machine can read the file.
    KeyTypeError
        It holds no hexadecimal key.
    """
    path = Path(path)
    key = SecretKey()
    try:
        with contextlib.suppress(ValueError):  # no local here holds it in the clear
            key = SecretKey(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no key file {path}; copy it from the server, or make one "
            f"with: {MAKE_ONE}"
        ) from None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise WeakKeyError(
            f"others on this machine can read {path}; take that back with: "
            f"chmod 600 {path}"
        )
    if not key:
        raise KeyTypeError(
            f"{path} holds no hexadecimal key; make a new one with: {MAKE_ONE}"
        )
    return key
