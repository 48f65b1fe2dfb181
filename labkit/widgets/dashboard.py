"""A server, live in a notebook: its queues, and buttons that stop and restart it."""

import html
import threading
import weakref
from collections import defaultdict, deque
from typing import Any

from labkit.errors import LabkitError
from labkit.servers import ServerProcess
from labkit.widgets import views

__all__ = ["Dashboard", "dashboard"]

_INTERVAL_S = 0.5
_KEPT = 60  # readings: half a minute
_HEADS = (
    "queue", "depth", "unacked", "put/s", "got/s", "put", "got", "waiting", "dead"
)  # fmt: skip
_ACTS = {
    "Stop": ("stopping", ServerProcess.stop, "Stop the server"),
    "Kill": ("being killed", ServerProcess.kill, "End it at once, like a power cut"),
    "Restart": ("restarting", ServerProcess.restart, "The same address and key"),
}


class Dashboard(views.Live):
    """A live view of a server; made by :func:`dashboard`."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(f"server {server.name}", *_HEADS)
        self._name, self._server = repr(server.name), weakref.ref(server)
        self._tracks: dict[str, Any] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._doing = self._problem = ""
        self._paused, self._end = False, threading.Event()
        tips = {name: tip for name, (*_, tip) in _ACTS.items()}
        tips["Pause"] = "Hold the numbers still; the server goes on"
        self.buttons = {name: views.button(name, tip) for name, tip in tips.items()}
        for name, each in self.buttons.items():
            each.on_click(lambda _, name=name: self._press(name))
        row = views.rows(*self.buttons.values())
        self.box.children += (self.state, row, self.table)
        self._read()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take it off the page, and end its thread. Safe to call twice."""
        self._end.set()
        self._thread.join(2)
        super().close()

    def _run(self) -> None:
        while not self._end.wait(_INTERVAL_S) and self._read():
            pass

    def _read(self) -> bool:
        server = self._server()
        if server is None:
            self._tell("gone, because its object was dropped: keep it in a variable")
            return False
        numbers, alive = {}, server.is_alive()
        state = f"running (pid {server.pid})"
        try:
            numbers = server.stats() if alive else {}
        except (LabkitError, OSError, EOFError):
            state += ", but it does not answer"
        if not alive:
            kept = "in its journal" if server.journal else "lost"
            state = f"stopped, and the items it held are {kept}"
        for name, stats in numbers.items():
            self._tracks[name].append(stats)
        self._tell(self._doing or state)
        for name in _ACTS:
            idle = not self._doing and (alive or name == "Restart")
            self.buttons[name].disabled = not idle
        if numbers and not self._paused:  # else the last ones stay
            self.rows = [self._row(name) for name in sorted(numbers)]
            self.draw(*(_line(name, self._tracks[name]) for name in sorted(numbers)))
        return True

    def _tell(self, state: str) -> None:
        said = [f"Server {self._name} is {state}."]
        said += ["The numbers below are paused."] if self._paused else []
        said += ["No client has asked for a queue yet."] if not self._tracks else []
        self.say(" ".join([*said, self._problem]).strip())

    def _row(self, name: str) -> list[str]:
        track = self._tracks[name]
        now, back = track[-1], min(round(1 / _INTERVAL_S), len(track) - 1)
        before, span = track[-1 - back], max(back, 1) * _INTERVAL_S
        moved = now.put - before.put, now.got - before.got
        rates = [max(count, 0) / span for count in moved]  # none over a restart
        counts = now.put, now.got, now.waiting_consumers, now.dead
        numbers = [now.depth, now.unacked, *rates, *counts]
        return [name, *(f"{number:,.0f}" for number in numbers)]

    def _press(self, name: str) -> None:
        """Do what a button says, without keeping the kernel waiting."""
        if name == "Pause":
            self._paused = not self._paused
            self.buttons[name].description = "Resume" if self._paused else name
        elif not self._doing:
            self._doing, self._problem = _ACTS[name][0], ""
            threading.Thread(target=self._act, args=[name], daemon=True).start()

    def _act(self, name: str) -> None:
        try:
            if server := self._server():
                _ACTS[name][1](server)
        except (LabkitError, OSError) as error:
            self._problem = str(error)
        finally:
            self._doing = ""


def _line(name: str, track: Any) -> str:
    """Return a queue's depth as a line over half a minute, with its words."""
    depths = [stats.depth for stats in track]
    top, step = max(*depths, 1), 120 / (_KEPT - 1)
    places = [(120 - step * n, d) for n, d in enumerate(reversed(depths))]
    points = " ".join(f"{x:.0f},{22 - 20 * depth / top:.0f}" for x, depth in places)
    says = f"{name}: depth {depths[-1]:,} now, {max(depths):,} at most in 30 s"
    line = f'<polyline points="{points}"/>'
    words = f'role="img" aria-label="{html.escape(says)}"'
    return f'<svg {words} width="120" height="24">{line}</svg>'


def dashboard(server: ServerProcess) -> Dashboard:
    """Return a live view of a server of :func:`labkit.start_server`, as a cell's end.

    It shows twice a second what each queue holds and moves. Keep the server in a
    variable: the view ends when it is dropped, or by ``close()``.
    """
    return Dashboard(server)
