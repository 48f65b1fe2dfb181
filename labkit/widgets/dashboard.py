"""A server, live in a notebook: its queues, and buttons that stop and restart it."""

import html
import threading
from collections import defaultdict, deque
from typing import Any

from labkit.errors import LabkitError
from labkit.manager import QueueStats
from labkit.servers import ServerProcess
from labkit.widgets import views

_INTERVAL_S = 0.5
_KEPT = 60  # readings: half a minute
_HEADS = "queue", "depth", "unacked", "put/s", "got/s", "put", "got", "waiting", "dead"
_TIPS = {
    "Stop": "Stop the server",
    "Kill": "End it at once, like a power cut",
    "Restart": "Start it again, with the same address and key",
}


class Dashboard(views.Live):
    """A live view of a server of :func:`labkit.start_server`, as a cell's end.

    It shows twice a second what each queue holds and moves, until ``close()``.
    """

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(f"server {server.name}", *_HEADS, "depth, last 30 s")
        self._server = server
        self._tracks = defaultdict[str, Any](lambda: deque(maxlen=_KEPT))
        self._problem, self._end = "", threading.Event()
        self.buttons = {name: views.button(name, tip) for name, tip in _TIPS.items()}
        for name, each in self.buttons.items():
            each.on_click(lambda _, name=name: self._press(name))
        self.box.children += (views.rows(*self.buttons.values()), self.table)
        self._read()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take it off the page, and end its thread. Safe to call twice."""
        self._end.set()
        self._thread.join(2)
        super().close()

    def _run(self) -> None:
        while not self._end.wait(_INTERVAL_S):
            self._read()

    def _read(self) -> None:
        server, numbers = self._server, dict[str, QueueStats]()
        alive, state = server.is_alive(), f"running (pid {server.pid})"
        try:
            numbers = server.stats() if alive else {}
        except (LabkitError, OSError, EOFError):
            state += ", but it does not answer"
        if not alive:
            kept = "in its journal" if server.journal else "lost"
            state = f"stopped, and the items it held are {kept}"
        for name, stats in numbers.items():
            self._tracks[name].append(stats)
        said = f"Server {server.name!r} is {state}."
        said += " No client has asked for a queue yet." * (alive and not self._tracks)
        self.say(f"{said} {self._problem}".strip())
        self.buttons["Stop"].disabled = self.buttons["Kill"].disabled = not alive
        if numbers:  # else the last ones stay
            self.rows = [self._row(name) for name in sorted(numbers)]
            self.draw(*(_line(name, self._tracks[name]) for name in sorted(numbers)))

    def _row(self, name: str) -> list[str]:
        second = list(self._tracks[name])[-1 - round(1 / _INTERVAL_S) :]
        before, now = second[0], second[-1]
        rates = max(now.put - before.put, 0), max(now.got - before.got, 0)  # restarted
        counts = now.put, now.got, now.waiting_consumers, now.dead
        return [name, *(f"{n:,}" for n in (now.depth, now.unacked, *rates, *counts))]

    def _press(self, name: str) -> None:
        self._problem = ""
        try:
            getattr(self._server, name.lower())()
        except (LabkitError, OSError) as error:
            self._problem = str(error)


def _line(name: str, track: Any) -> str:
    """Return a queue's depth as a line over half a minute, with its words."""
    depths = [stats.depth for stats in track]
    step, top = 120 / (_KEPT - 1), max(*depths, 1)
    points = " ".join(
        f"{120 - step * ago:.0f},{22 - 20 * depth / top:.0f}"
        for ago, depth in enumerate(reversed(depths))
    )
    says = f"{name}: depth {depths[-1]:,} now, {max(depths):,} at most in 30 s"
    words = f'role="img" aria-label="{html.escape(says)}"'
    return f'<svg {words} width="120" height="24"><polyline points="{points}"/></svg>'


dashboard = Dashboard
