"""Messages, and their sequence diagram, for eyes and for screen readers."""

from dataclasses import dataclass, field
from html import escape

from labkit.tap.decode import TO_SERVER

MOST_ARROWS = 60

# A frame of two lifelines, and in it a line with a head for each message.
_PICTURE = "max-width:44em; margin:0 0 1em"
_ENDS = "display:flex; justify-content:space-between; gap:1em; margin-bottom:.3em"
_LIFELINES = (
    "list-style:none; margin:0 1.2em; padding:0 0 .8em; "
    "border:2px solid var(--jp-border-color1, #bdbdbd); border-width:0 2px"
)
_ARROW = (
    "position:relative; margin:0; padding:.7em 1.2em .2em; text-align:center; "
    "line-height:1.35; overflow-wrap:anywhere"
)
_HEAD = "position:absolute; bottom:-.62em; line-height:1.2em; font-size:.85em"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that went through the tap.

    ``number`` and ``connection`` count from 1; ``direction`` is ``"to server"`` or
    ``"to client"``; ``size_bytes`` is without the length in front; ``at_s`` is when its
    last byte had come, in seconds from the start of the tap. ``text`` is what it says,
    in 100 characters, and of a secret only the beginning; ``ident`` is the name by
    which the server knows the referent of a call.

    ``kind`` is ``"challenge"``, ``"digest"``, ``"welcome"`` or ``"failure"`` in the
    handshake; ``"request"`` to the server itself, ``"call"`` to a referent; in reply
    ``"return"``, ``"error"``, ``"proxy"``, ``"traceback"`` or ``"unserializable"``;
    else ``"incomplete"`` (the connection ended within it), ``"refused"`` (the server
    could not be reached), or ``"other"`` (not of this protocol).
    """

    number: int
    connection: int
    direction: str
    kind: str
    size_bytes: int
    at_s: float
    text: str
    ident: str = field(default="", repr=False)

    def __str__(self) -> str:
        return (
            f"{self.number:>4}  {1000 * self.at_s:>9.1f} ms  "
            f"connection {self.connection}  {self.direction}  "
            f"{self.kind:<9}  {self.text}  ({self.size_bytes:,} bytes)"
        )


class Sequence:
    """Messages as arrows between clients and server, the first 60; or lines of text.

    The picture is made of text: it takes the colours of the page, wraps where the page
    is narrow, and a screen reader reads it as a list.
    """

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    def summary(self) -> str:
        """Return how many messages there are."""
        count = len(self.messages)
        connections = len({message.connection for message in self.messages})
        return (
            f"{count:,} message{'s' * (count != 1)} on {connections:,} "
            f"connection{'s' * (connections != 1)} between clients and server"
        )

    def __repr__(self) -> str:
        return "\n".join([*map(str, self.messages), self.summary()])

    def _repr_html_(self) -> str:
        drawn = self.messages[:MOST_ARROWS]
        clients = sorted({message.connection for message in drawn})
        several = len(clients) > 1
        names = f", connection{'s' * several} {', '.join(map(str, clients))}"
        arrows = "".join(_arrow(message, several) for message in drawn)
        more = len(self.messages) - len(drawn)
        note = f"<p>{more} more messages are not drawn</p>" if more else ""
        return (
            f"<p>{escape(self.summary())}</p>"
            f'<div style="{_PICTURE}"><div style="{_ENDS}">'
            f"<b>client{names if clients else ''}</b><b>server</b></div>"
            f'<ol style="{_LIFELINES}">{arrows}</ol></div>{note}'
        )


def _arrow(message: Message, several: bool) -> str:
    where = f"{message.connection}: " if several else ""
    label = escape(f"{where}{message.kind}: {message.text}")
    up = message.direction == TO_SERVER
    side, head, line = ("right", "▶", "solid") if up else ("left", "◀", "dashed")
    words = "to the server" if up else "to the client"
    return (
        f'<li style="{_ARROW}; border-bottom:1px {line}">{label}'
        f'<span role="img" aria-label=" {words}" style="{_HEAD}; {side}:0">{head}'
        "</span></li>"
    )
