"""Readings of a server as pictures, as a table, and as text."""

import html
import sys
from collections.abc import Callable, Iterable, Sequence

from labkit._dashboards.meters import KEPT_S, RUNNING, QueueReading, Reading

__all__ = ["cards", "links", "programs", "table", "text"]

MOST_CARDS = 8
_WIDTH, _HEIGHT = 300, 48
_NOTHING = "-"
_NO_QUEUE = "no queue yet: the first client that asks for one makes it"

_Read = Callable[[QueueReading], float]
_ROWS: tuple[tuple[str, _Read], ...] = (
    ("depth", lambda queue: queue.stats.depth),
    ("unacked", lambda queue: queue.stats.unacked),
    ("put per second", lambda queue: queue.put_per_s),
    ("got per second", lambda queue: queue.got_per_s),
    ("put", lambda queue: queue.stats.put),
    ("got", lambda queue: queue.stats.got),
    ("redelivered", lambda queue: queue.stats.redelivered),
    ("dead", lambda queue: queue.stats.dead),
    ("waiting consumers", lambda queue: queue.stats.waiting_consumers),
)
_IN_THE_LIST = ("put", "waiting consumers", "got", "unacked", "dead", "redelivered")


def cards(
    history: Sequence[Reading], names: Sequence[str], below: Iterable[str] = ()
) -> str:
    """Return a card for each queue: lines over the last 30 seconds, and numbers.

    Parameters
    ----------
    history : sequence of Reading
        Oldest first, at least one.
    names : sequence of str
        The queues, also those of a server that has stopped; eight are drawn.
    below : iterable of str, optional
        Sentences to stand below.
    """
    drawn = "".join(_card(history, name) for name in names[:MOST_CARDS])
    empty = history[-1].state == RUNNING and not history[-1].queues
    notes = [_NO_QUEUE] if empty else []
    if len(names) > MOST_CARDS:
        notes.append(f"and {len(names) - MOST_CARDS} more queues: see the table")
    said = html.escape("; ".join(filter(None, [*notes, *below])))
    return f'<div class="labkit-cards">{drawn}<p>{said}</p></div>'


def _card(history: Sequence[Reading], name: str) -> str:
    now = history[-1].queues.get(name)
    depths = _track(history, name, lambda queue: queue.stats.depth)
    puts = _track(history, name, lambda queue: queue.put_per_s)
    gots = _track(history, name, lambda queue: queue.got_per_s)
    deepest, fastest = _top(depths), _top([*puts, *gots])
    depth, put, got = (_cell(now, read) for _, read in (_ROWS[0], *_ROWS[2:4]))
    shown = html.escape(name, quote=True)
    depth_says = f"Depth of {shown}: {depth} now, at most {deepest:,.0f} in 30 s"
    rate_says = f"{shown}: put {put} and got {got} items per second"
    return (
        f'<section class="labkit-card" aria-label="queue {shown}">'
        f'<p class="legend"><b>{shown}</b><span>depth '
        f'<span class="big">{depth}</span></span></p>'
        + _svg(depth_says, _area(depths, deepest) + _lines(depths, deepest, "depth"))
        + f'<p class="legend"><span>last {KEPT_S:.0f} s</span>'
        f"<span>at most {deepest:,.0f}</span></p>"
        + _svg(rate_says, _lines(puts, fastest, "put") + _lines(gots, fastest, "got"))
        + '<p class="legend"><span><span class="labkit-key"></span>'
        f'put {put}/s</span><span><span class="labkit-key got"></span>'
        f"got {got}/s</span></p>{_numbers(now)}</section>"
    )


def _numbers(now: QueueReading | None) -> str:
    read = dict(_ROWS)
    cells = (
        f"<span>{what.partition(' ')[0]} <span>{_cell(now, read[what])}</span></span>"
        for what in _IN_THE_LIST
    )
    return f'<p class="numbers">{"".join(cells)}</p>'


# A track is the line of one number: where it is known, in units of the picture's
# width, and where there is a gap.
_Track = list[tuple[int, float] | None]


def _track(history: Sequence[Reading], name: str, read: _Read) -> _Track:
    end = history[-1].at_s
    return [
        (
            round(_WIDTH * (1 - (end - reading.at_s) / KEPT_S)),
            read(reading.queues[name]),
        )
        if name in reading.queues
        else None
        for reading in history
        if end - reading.at_s <= KEPT_S
    ]


def _top(track: Iterable[tuple[int, float] | None]) -> float:
    return max((point[1] for point in track if point is not None), default=0)


def _svg(says: str, inside: str) -> str:
    return (
        f'<svg role="img" aria-label="{says}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'preserveAspectRatio="none">{inside}</svg>'
    )


def _lines(track: _Track, top: float, kind: str) -> str:
    return "".join(
        f'<polyline class="{kind}" points="{_points(piece, top)}"/>'
        for piece in _pieces(track)
    )


def _area(track: _Track, top: float) -> str:
    return "".join(
        f'<polyline class="area" points="{piece[0][0]},{_HEIGHT} '
        f'{_points(piece, top)} {piece[-1][0]},{_HEIGHT}"/>'
        for piece in _pieces(track)
    )


def _pieces(track: _Track) -> list[list[tuple[int, float]]]:
    """Cut a track at its gaps, and leave out what lies within a level stretch."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for point in track:
        if point is None:
            pieces.append([])
            continue
        piece = pieces[-1]
        if len(piece) > 1 and piece[-1][1] == piece[-2][1] == point[1]:
            piece[-1] = point
        else:
            piece.append(point)
    return [piece for piece in pieces if piece]


def _points(piece: Sequence[tuple[int, float]], top: float) -> str:
    # Two units are left free at each edge, for the thickness of the line.
    per = (_HEIGHT - 4) / max(top, 1)
    return " ".join(f"{x},{_HEIGHT - 2 - y * per:.0f}" for x, y in piece)


def _cell(queue: QueueReading | None, read: _Read) -> str:
    return _NOTHING if queue is None else f"{read(queue):,.0f}"


def table(reading: Reading, names: Sequence[str], caption: str) -> str:
    """Return the numbers as an HTML table: a column for each queue."""
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{what}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for what, cells in _cells(reading, names)
    )
    return (
        f'<table class="labkit-table"><caption>{html.escape(caption)}</caption>'
        f'<thead><tr><th scope="col">queue</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def text(reading: Reading, names: Sequence[str], caption: str) -> str:
    """Return the numbers as lines of text: a column for each queue."""
    if not names:
        return f"{caption}\n{_NO_QUEUE}"
    lines = [("queue", list(names)), *_cells(reading, names)]
    first = max(len(what) for what, _ in lines)
    widths = [
        max(map(len, column)) for column in zip(*(c for _, c in lines), strict=True)
    ]
    return "\n".join(
        [caption]
        + [
            what.ljust(first)
            + "".join(
                f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
            )
            for what, cells in lines
        ]
    )


def _cells(reading: Reading, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    queues = [reading.queues.get(name) for name in names]
    return [(what, [_cell(queue, read) for queue in queues]) for what, read in _ROWS]


def links(reading: Reading) -> str:
    """Return the number of connections in words; nothing if it is not known."""
    number = reading.connections
    if number is None:
        return ""
    return "1 connection" if number == 1 else f"{number:,} connections"


def programs() -> str:
    """Name the programs that this kernel has started, those that run first."""
    module = sys.modules.get("labkit.programs")
    programs = [] if module is None else list(module.processes.values())
    programs.sort(key=lambda program: not program.is_alive())
    return ", ".join(map(repr, programs))
