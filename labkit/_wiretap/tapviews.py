"""Messages as a table and as a sequence diagram, for eyes and for screen readers."""

import html
import re

from labkit._wiretap.conversations import TO_SERVER, Message

__all__ = ["Sequence", "Table"]

MOST_ROWS = 200
MOST_ARROWS = 60
LABEL_LIMIT = 56  # characters on an arrow
_DETAIL_LIMIT = 1_000  # characters of a full text in a table

_COLUMNS = ("No.", "Time (ms)", "Connection", "Direction", "Kind", "Text", "Bytes")
_LEFT = 'style="text-align:left"'
_CODE = 'style="white-space:pre-wrap; overflow-wrap:anywhere"'


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
            f"<table><caption {_LEFT}>{html.escape(self._caption())}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
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
        f"<td {_LEFT}>{_text(message)}</td><td>{message.size_bytes:,}</td></tr>"
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
    """Messages as arrows between clients and server, drawn by JupyterLab's mermaid.

    Elsewhere the same in lines of text.

    Parameters
    ----------
    messages : list of Message
        In order; of more than 60 the first 60 are drawn.

    Notes
    -----
    Nothing is fetched from the network. JupyterLab makes the diagram's title the
    alternative text of the picture, and its description a caption for screen readers.
    """

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    @property
    def mermaid(self) -> str:
        """The diagram's source."""
        drawn = self.messages[:MOST_ARROWS]
        clients = sorted({message.connection for message in drawn})
        lines = [
            "sequenceDiagram",
            f"    accTitle: {_summary(self.messages)}",
            f"    accDescr: {_description(drawn)}",
            *(f"    participant C{n} as client, connection {n}" for n in clients),
            "    participant S as server",
            *map(_arrow, drawn),
        ]
        if len(self.messages) > len(drawn):
            more = len(self.messages) - len(drawn)
            lines.append(f"    Note over S: {more} more messages are not drawn")
        return "\n".join(lines)

    def __repr__(self) -> str:
        lines = [
            f"{m.number:>4}  "
            + (f"{_client(m)} -> server" if _goes_up(m) else f"server -> {_client(m)}")
            + f"  {m.kind}: {m.text}"
            for m in self.messages
        ]
        return "\n".join([*lines, _summary(self.messages)])

    def _repr_markdown_(self) -> str:
        if not self.messages:
            return _summary(self.messages)
        return f"{_summary(self.messages)}\n\n```mermaid\n{self.mermaid}\n```\n"


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


def _description(messages: list[Message]) -> str:
    """Say in one line what the arrows show, in mermaid's safest characters."""
    words = [
        f"{_client(m)} {'sends' if _goes_up(m) else 'gets'} {m.kind}" for m in messages
    ]
    return ", ".join(words)


def _arrow(message: Message) -> str:
    label = f"{message.kind}: {message.text}"
    if len(label) > LABEL_LIMIT:
        label = f"{label[:LABEL_LIMIT]}…"
    client = f"C{message.connection}"
    ends = f"{client}->>S" if _goes_up(message) else f"S-->>{client}"
    return f"    {ends}: {_escaped(label)}"


def _escaped(text: str) -> str:
    """Write as entities whatever might mean something to mermaid or HTML."""
    return re.sub(r"[^A-Za-z0-9 .,_()'=:…-]", lambda m: f"#{ord(m[0])};", text)
