"""Live views in a notebook: of a server, and of measurements that you set up.

No cell waits for them: threads read, measure, and set the values of widgets that
were made when the view was.
"""

import threading
import weakref
from collections.abc import Callable

from labkit._dashboards import gauges
from labkit._dashboards.explorers import Explorer, explorer
from labkit._dashboards.meters import (
    GONE,
    KEPT_S,
    RUNNING,
    SILENT,
    STOPPED,
    Meter,
    Reading,
)
from labkit._dashboards.views import STYLE, View, button, rows, status
from labkit.errors import LabkitError, ViewTimeoutError
from labkit.manager import shown
from labkit.servers import ServerProcess

__all__ = ["Dashboard", "Explorer", "dashboard", "explorer"]

_RESTARTING = "restarting"
_TABLE_EVERY_S = 1.0  # often enough to follow, rare enough to read


class Dashboard(View):
    """A server, live: its queues, and buttons that stop, kill and restart it.

    Made by :func:`dashboard`.

    Attributes
    ----------
    state, picture, table : ipywidgets.HTML
        The state in a sentence, read out when it changes; a card for each queue;
        the same numbers as a table, hidden at first.
    stop_button, kill_button, restart_button : ipywidgets.Button
        They act at once if no cell runs, else when it has ended; in a thread.
    pause_button, table_button : ipywidgets.Button
        Hold the numbers still; show the table.
    """

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(f"dashboard of {server.name}")
        self._server = weakref.ref(server)
        self._name = f"server {server.name!r} at {shown(server.address)}"
        self._keeps = server.journal is not None
        self._doing = self._problem = ""
        self._paused = False
        self._seen: dict[str, float] = {}  # queues, and when they were last there
        self._table_due = 0.0
        self._drawing = threading.RLock()
        self._make_widgets()
        self._meter = Meter(server, self._refresh)
        self._meter.start()
        self._meter.wait_for(lambda _: True, 1.0)

    def _make_widgets(self) -> None:
        import ipywidgets

        auto = {"width": "auto", "margin": "2px"}
        self.state = ipywidgets.HTML(layout=auto)
        self.picture = ipywidgets.HTML(layout=auto)
        self.table = ipywidgets.HTML(layout=auto | {"display": "none"})
        style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        self.stop_button = button("Stop", "Stop the server: it answers what it began")
        self.kill_button = button("Kill", "End the server at once, as a power cut")
        self.restart_button = button("Restart", "Start it again, same address and key")
        self.pause_button = button("Pause", "Hold the numbers still, or go on")
        self.table_button = button("Show table", "The same numbers as a table")
        self._connect_buttons()
        buttons = rows(
            *(self.stop_button, self.kill_button, self.restart_button),
            *(self.pause_button, self.table_button),
        )
        parts = [style, self.state, buttons, self.picture, self.table]
        self.box = ipywidgets.VBox(parts)

    def _connect_buttons(self) -> None:
        for each, words, act in (
            (self.stop_button, "stopping", ServerProcess.stop),
            (self.kill_button, "being killed", ServerProcess.kill),
            (self.restart_button, _RESTARTING, ServerProcess.restart),
        ):
            each.on_click(lambda _, words=words, act=act: self._act(words, act))
        self.pause_button.on_click(lambda _: self._pause())
        self.table_button.on_click(lambda _: self._toggle_table())

    def __repr__(self) -> str:
        history = self._meter.history
        if not history:
            return f"{self._name}: not read yet"
        return gauges.text(history[-1], list(self._seen), self._caption(history[-1]))

    def wait_for(
        self, what: Callable[[Reading], bool], timeout: float = 5.0
    ) -> Reading:
        """Return the first reading that is as wanted, from the latest one on.

        Parameters
        ----------
        what : callable
            Of a :class:`~.meters.Reading`, whether it is the one.
        timeout : float, default 5.0
            Seconds to wait at most.

        Raises
        ------
        ViewTimeoutError
            There was none in time.
        """
        found = self._meter.wait_for(what, timeout)
        if found is None:
            raise ViewTimeoutError(
                f"the dashboard showed no such reading within {timeout:g} s; it shows:"
                f"\n{self!r}"
            )
        return found

    def _end(self) -> None:
        self._meter.close()

    # Drawing: in the meter's thread, and after a button in that of the kernel.

    def _refresh(self, reading: Reading) -> None:
        with self._drawing:
            if self.closed:
                return
            self._keep_names(reading)
            self._say(reading)
            if self._paused and reading.state == RUNNING:
                return
            self._draw(reading)

    def _draw(self, reading: Reading) -> None:
        names, below = list(self._seen), [gauges.links(reading), gauges.programs()]
        self.picture.value = gauges.cards(self._meter.history, names, below)
        hidden = self.table.layout.display == "none"
        if not hidden and (reading.at_s >= self._table_due or not reading.queues):
            self._table_due = reading.at_s + _TABLE_EVERY_S * 0.99
            self.table.value = gauges.table(
                reading, names, f"The numbers of {self._name}"
            )

    def _keep_names(self, reading: Reading) -> None:
        self._seen |= dict.fromkeys(reading.queues, reading.at_s)
        if reading.state == RUNNING:  # else the last ones stay, with their lines
            oldest = reading.at_s - KEPT_S
            self._seen = {n: at for n, at in self._seen.items() if at >= oldest}

    def _say(self, reading: Reading) -> None:
        # Only what changes seldom: a screen reader reads it out at each change.
        self.state.value = status(self._sentence(reading))
        alive = reading.state in {RUNNING, SILENT}
        self.stop_button.disabled = self.kill_button.disabled = (
            bool(self._doing) or not alive
        )
        self.restart_button.disabled = bool(self._doing) or reading.state == GONE

    def _sentence(self, reading: Reading) -> str:
        state = self._doing or reading.state
        if reading.state == STOPPED and self._doing != _RESTARTING:
            state = STOPPED  # what was to be done is, though not yet tidied up
        if state in {RUNNING, SILENT}:
            state += f" (pid {reading.pid})"
        if state == STOPPED:
            kept = "in its journal" if self._keeps else "lost"
            state += f"; the items it held are {kept}"
        paused = "; paused" if self._paused else ""
        problem = f"; {self._problem}" if self._problem else ""
        return f"{self._name}: {state}{paused}{problem}"

    def _caption(self, reading: Reading) -> str:
        parts = [self._sentence(reading), gauges.links(reading), gauges.programs()]
        return "; ".join(filter(None, parts))

    # Buttons: none of them keeps the kernel waiting.

    def _act(self, words: str, act: Callable[[ServerProcess], object]) -> None:
        server = self._server()
        if server is None or self._doing:
            return
        self._doing, self._problem = words, ""
        self._show_now()
        threading.Thread(
            target=self._carry_out, args=(server, act), daemon=True
        ).start()

    def _carry_out(
        self, server: ServerProcess, act: Callable[[ServerProcess], object]
    ) -> None:
        try:
            act(server)
        except (LabkitError, OSError) as error:
            self._problem = str(error)
        finally:
            self._doing = ""

    def _pause(self) -> None:
        self._paused = not self._paused
        self.pause_button.description = "Go on" if self._paused else "Pause"
        self._show_now()

    def _toggle_table(self) -> None:
        hidden = self.table.layout.display == "none"
        self.table.layout.display = "block" if hidden else "none"
        self.table_button.description = "Hide table" if hidden else "Show table"
        self._table_due = 0.0
        self._meter.wake()
        with self._drawing:
            self._draw(self._meter.history[-1])  # also while paused

    def _show_now(self) -> None:
        self._meter.wake()
        self._refresh(self._meter.history[-1])


def dashboard(server: ServerProcess) -> Dashboard:
    """Return a live view of a server: the last line of a cell.

    Ten times a second: how many items wait in each queue, how many are put and got,
    how many consumers wait, who is connected. Buttons stop, kill and restart it.

    Parameters
    ----------
    server : ServerProcess
        Of :func:`labkit.start_server`. Keep it in a variable: the view ends when the
        object is dropped.

    Returns
    -------
    Dashboard
        Also with methods: ``wait_for()``, ``close()``; as text it is a table.

    Notes
    -----
    A daemon thread reads the server over connections of its own, which are not
    counted; it reads less often where the server or this machine is slow.
    Ten minutes after the last click it reads once a second. It ends with ``close()``
    and with the kernel, and an earlier view of a server of the same name is closed.
    """
    return Dashboard(server)
