"""Messages as a table and as a sequence diagram, for eyes and for screen readers."""

import html

from labkit._wiretap.conversations import TO_SERVER, Message

__all__ = ["Sequence", "Table"]

MOST_ROWS = 200
MOST_ARROWS = 60
LABEL_LIMIT = 56  # characters on an arrow
_DETAIL_LIMIT = 1_000  # characters of a full text in a table

_COLUMNS = ("No.", "Time (ms)", "Connection", "Direction", "Kind", "Text", "Bytes")
_LEFT = 'style="text-align:left"'
_CODE = 'style="white-space:pre-wrap; overflow-wrap:anywhere"'
# On a narrow page the table scrolls in itself, by keys too, and its texts stay wide.
_WIDE = 'style="text-align:left; min-width:15em"'
_SCROLL = 'tabindex="0" role="region" style="overflow-x:auto"'

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
_BACK = ("left", "◀", "to the client")


class Table:
    """Messages as rows: HTML in a notebook, lines of text elsewhere.

    Parameters
    ----------
    messages : list of Message
        In order; of more than 200 the last 200 are shown.
    """

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    def _caption(self) -> str:
        if not self.messages:
            return "No message has passed the wiretap yet."
        left_out = len(self.messages) - MOST_ROWS
        note = f"; the last {MOST_ROWS} are shown" if left_out > 0 else ""
        return f"{_summary(self.messages)}{note}"

    def __repr__(self) -> str:
        rows = [str(message) for message in self.messages[-MOST_ROWS:]]
        return "\n".join([*rows, self._caption()])

    def _repr_html_(self) -> str:
        heads = "".join(f'<th scope="col" {_LEFT}>{name}</th>' for name in _COLUMNS)
        rows = "".join(map(_row, self.messages[-MOST_ROWS:]))
        return (
            f'<div {_SCROLL} aria-label="Messages on the wire">'
            f"<table><caption {_LEFT}>{html.escape(self._caption())}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def _row(message: Message) -> str:
    cells = (
        f"{1000 * message.at_s:.1f}",
        str(message.connection),
        message.direction,
        message.kind,
    )
    row = "".join(f"<td {_LEFT}>{html.escape(cell)}</td>" for cell in cells)
    return (
        f'<tr><th scope="row" {_LEFT}>{message.number}</th>{row}'
        f"<td {_WIDE}>{_text(message)}</td><td>{message.size_bytes:,}</td></tr>"
    )


def _text(message: Message) -> str:
    """Return the text, which opens to the full text where there is more."""
    text = f"<code {_CODE}>{html.escape(message.text)}</code>"
    if message.full == message.text:
        return text
    full = message.full
    full = full if len(full) <= _DETAIL_LIMIT else f"{full[:_DETAIL_LIMIT]}…"
    return (
        f"<details><summary>{text}</summary>"
        f"<code {_CODE}>{html.escape(full)}</code></details>"
    )


class Sequence:
    """Messages as arrows between clients and server, from top to bottom.

    Elsewhere than in a notebook the same in lines of text.

    Parameters
    ----------
    messages : list of Message
        In order; of more than 60 the first 60 are drawn.

    Notes
    -----
    The picture is made of text: it takes the colours of the page, wraps where the page
    is narrow, and a screen reader reads it as a list.
    """

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    def __repr__(self) -> str:
        lines = [
            f"{m.number:>4}  "
            + (f"{_client(m)} -> server" if _goes_up(m) else f"server -> {_client(m)}")
            + f"  {m.kind}: {m.text}"
            for m in self.messages
        ]
        return "\n".join([*lines, _summary(self.messages)])

    def _repr_html_(self) -> str:
        drawn = self.messages[:MOST_ARROWS]
        clients = sorted({message.connection for message in drawn})
        several = len(clients) > 1
        names = ", ".join(map(str, clients))
        left = f"client, connection{'s' if several else ''} {names}"
        arrows = "".join(_arrow(message, several) for message in drawn)
        more = len(self.messages) - len(drawn)
        note = f"<p>{more} more messages are not drawn</p>" if more else ""
        return (
            f"<p>{html.escape(_summary(self.messages))}</p>"
            f'<div style="{_PICTURE}"><div style="{_ENDS}">'
            f"<b>{left if clients else 'client'}</b><b>server</b></div>"
            f'<ol style="{_LIFELINES}">{arrows}</ol></div>{note}'
        )


def _goes_up(message: Message) -> bool:
    return message.direction == TO_SERVER


def _client(message: Message) -> str:
    return f"client {message.connection}"


def _summary(messages: list[Message]) -> str:
    connections = len({message.connection for message in messages})
    return (
        f"{_count(len(messages), 'message')} on {_count(connections, 'connection')} "
        "between clients and server"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _arrow(message: Message, several: bool) -> str:
    label = f"{message.kind}: {message.text}"
    if len(label) > LABEL_LIMIT:
        label = f"{label[:LABEL_LIMIT]}…"
    if several:
        label = f"{message.connection}: {label}"
    up = _goes_up(message)
    place, head, words = ("right", "▶", "to the server") if up else _BACK
    return (
        f'<li style="{_ARROW}; border-bottom:1px {"solid" if up else "dashed"}">'
        f"{html.escape(label)}"
        f'<span role="img" aria-label=" {words}" style="{_HEAD}; {place}:0">{head}'
        "</span></li>"
    )
