"""From the frames of one connection to messages that people can read, without I/O."""

from dataclasses import dataclass, field, replace
from typing import Any

from labkit._transport.handshake import CHALLENGE, FAILURE, LONGEST, WELCOME
from labkit._wiretap.frames import Frame
from labkit._wiretap.picklenodes import MORE, Leaf, Node, text_of
from labkit._wiretap.pickles import read_pickle

__all__ = ["TO_CLIENT", "TO_SERVER", "Conversation", "Message", "Said"]

TO_SERVER = "to server"
TO_CLIENT = "to client"

TEXT_LIMIT = 100  # characters of a message's text
LEAF_LIMIT = 60  # characters of one value in it
FULL_LIMIT = 4_000  # characters of the full text
SHOWN_SECRET = 4  # bytes of a challenge or digest

_REPLIES = {
    "#RETURN": "return",
    "#ERROR": "error",
    "#PROXY": "proxy",
    "#TRACEBACK": "traceback",
    "#UNSERIALIZABLE": "unserializable",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message that went through the tap.

    Attributes
    ----------
    number : int
        From 1, in the order in which the messages passed.
    connection : int
        From 1, in the order in which the clients connected.
    direction : str
        ``"to server"`` or ``"to client"``.
    kind : str
        Of the handshake: ``"challenge"``, ``"digest"``, ``"welcome"``,
        ``"failure"``. To the server: ``"request"`` asks for a function of the
        server itself, ``"call"`` for a method of a referent. To the client:
        ``"return"``, ``"error"``, ``"proxy"``, ``"traceback"``,
        ``"unserializable"``. And ``"incomplete"``: the connection ended within
        it; ``"refused"``: the server could not be reached, so that the tap hung
        up; ``"other"``: not of this protocol.
    size_bytes : int
        Of the body; the length before it, 4 bytes, is not counted.
    at_s : float
        Seconds from the start of the tap until its last byte had come.
    text : str
        What it says, such as ``put('hello', True, None)``, in 100 characters; of
        a challenge or a digest the first bytes only.
    full : str
        The same in up to 4,000 characters.
    ident : str
        Of a call: the name by which the server knows the referent.
    """

    number: int
    connection: int
    direction: str
    kind: str
    size_bytes: int
    at_s: float
    text: str
    full: str = field(repr=False)
    ident: str = field(default="", repr=False)

    def __str__(self) -> str:
        return (
            f"{self.number:>4}  {1000 * self.at_s:>9.1f} ms  "
            f"connection {self.connection}  {self.direction}  "
            f"{self.kind:<9}  {self.text}  ({self.size_bytes:,} bytes)"
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What one frame says."""

    kind: str
    text: str
    full: str
    ident: str = ""


class Conversation:
    """One connection: knows whose turn it is, and so what a message means.

    A digest is bytes like any other; that it is one is known only because a
    challenge went the other way before it.
    """

    def __init__(self) -> None:
        self._is_shaking_hands = True
        self._welcomes = 0
        self._answers_challenge = ""  # the direction of the digest that is due

    def read(self, direction: str, frame: Frame) -> Said:
        """Return what the next message in a direction says."""
        if frame.came < frame.size:
            text = f"{frame.came:,} of {frame.size:,} bytes came"
            return Said("incomplete", text, text)
        if self._is_shaking_hands and frame.size <= LONGEST:
            said = self._handshake(direction, frame.head)
            if said is not None:
                return said
        self._is_shaking_hands = False
        return (_request if direction == TO_SERVER else _reply)(frame)

    def _handshake(self, direction: str, body: bytes) -> Said | None:
        if body in {WELCOME, FAILURE}:
            self._welcomes += 1
            self._is_shaking_hands = self._welcomes < 2
            kind = "welcome" if body == WELCOME else "failure"
            return Said(kind, body.decode(), body.decode())
        if direction == self._answers_challenge:
            self._answers_challenge = ""
            return _secret("digest", body)
        if body.startswith(CHALLENGE):
            self._answers_challenge = TO_CLIENT if direction == TO_SERVER else TO_SERVER
            return _secret("challenge", body.removeprefix(CHALLENGE))
        return None


def _secret(kind: str, body: bytes) -> Said:
    name, curly, rest = body.partition(b"}")
    if curly and name[:1] == b"{" and name[1:].replace(b"_", b"").isalnum():
        shown = f"{name.decode()}}} {rest[:SHOWN_SECRET].hex()}…"
        text = f"{shown} ({len(rest)} bytes)"
    else:  # up to Python 3.11 nothing says so
        text = f"{body[:SHOWN_SECRET].hex()}… ({len(body)} bytes, MD5)"
    return Said(kind, text, text)


def _parts(value: Any) -> list[Any]:
    return value.parts if isinstance(value, Node) and value.shape == "tuple" else []


def _request(frame: Frame) -> Said:
    """Read ``(ident, method, args, kwds)``; of a long one, what there is."""
    reading = read_pickle(frame.head)
    match _parts(reading.value):
        case [(None | Leaf(head=str())) as ident, Leaf(head=str(method)), *rest]:
            call = _called(method, rest)
            kind = "request" if ident is None else "call"
            name = "" if ident is None else str(ident.head)
            return _said(kind, call, reading.trouble, ident=name[:FULL_LIMIT])
    return _said("other", reading.value, reading.trouble)


def _called(method: str, rest: list[Any]) -> Node:
    name = method if method.isidentifier() else repr(method[:LEAF_LIMIT])
    match rest:
        case [Node(shape="tuple", parts=args), *more]:
            keywords = more[:1] if more and more[0] is not MORE else []
            args = args if not more or keywords else [*args, MORE]
        case _:  # cut off before the arguments were made a tuple
            args, keywords = rest, []
    return Node("call", args, Node("name", called=name), state=keywords)


def _reply(frame: Frame) -> Said:
    """Read ``(tag, value)``."""
    reading = read_pickle(frame.head)
    match _parts(reading.value):
        case [Leaf(head=str(tag)), value, *_] if tag in _REPLIES:
            kind = _REPLIES[tag]
            if kind in {"traceback", "unserializable"} and isinstance(value, Leaf):
                return _traceback(kind, str(value.head))
            said = _said(kind, value, reading.trouble)
            return _with_token(said, value) if kind == "proxy" else said
    return _said("other", reading.value, reading.trouble)


def _with_token(said: Said, value: Any) -> Said:
    """Show of ``(exposed, token)`` the token, which says where the new referent is."""
    match value:
        case Node(parts=[_, Node(shape="call") as token]):
            return replace(said, text=text_of(token, TEXT_LIMIT, LEAF_LIMIT))
    return said


def _traceback(kind: str, trace: str) -> Said:
    """Show its last line, which says what happened."""
    lines = trace.strip().splitlines() or [""]
    return Said(kind, lines[-1][:TEXT_LIMIT], trace[-FULL_LIMIT:])


def _said(kind: str, value: Any, trouble: str, ident: str = "") -> Said:
    note = f" ({trouble})" if trouble.startswith("broken") else ""
    text = text_of(value, TEXT_LIMIT, LEAF_LIMIT) + note
    # Without an ellipsis nothing was left out, and there is no more to say.
    full = text_of(value, FULL_LIMIT, FULL_LIMIT) + note if "…" in text else text
    return Said(kind, text, full, ident)
