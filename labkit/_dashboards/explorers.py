"""Set up a measurement with sliders, predict, measure, look."""

import threading
from typing import Any

from labkit._dashboards import findings
from labkit._dashboards.experiments import Experiment
from labkit._dashboards.setups import PICTURES, Setup, found_for
from labkit._dashboards.views import STYLE, View, button, rows, slider, status
from labkit._plots.pictures import bytes_text
from labkit._throughput.measurements import Measurement
from labkit.errors import ViewTimeoutError
from labkit.throughput import TRANSPORTS

__all__ = ["Explorer", "explorer"]

_CHOSEN = ("direct queue", "plain tcp", "labkit tcp", "labkit batched")
# The plain manager's cliff lies between 16 and 32 KiB.
_PAYLOADS = [8, 64, 512, 1 << 10, 4 << 10, 10 << 10, 16 << 10, 20 << 10]
_PAYLOADS += [32 << 10, 64 << 10, 256 << 10, 1 << 20]
_BATCHES = [1, 10, 100, 1000, 10_000]
_MOST_AT_AN_END = 8


class Explorer(View):
    """Sliders, a button that measures, and a picture of what was found.

    Made by :func:`explorer`.

    Attributes
    ----------
    payload, batch, producers, consumers : ipywidgets sliders
        The settings.
    transports : dict of str to ipywidgets.Checkbox
        What is measured, by name; those that cannot run here are left out.
    what : ipywidgets.Dropdown
        What the picture shows: a name of :data:`.setups.PICTURES`.
    measure_button, cancel_button : ipywidgets.Button
    state, picture, table : ipywidgets.HTML
        What it does, in a sentence; the picture; the same as a table.
    """

    def __init__(self, experiment: Experiment | None = None) -> None:
        super().__init__("explorer")
        self._experiment = experiment or Experiment()
        self._writing = threading.RLock()
        self._pen = threading.Lock()
        self._wanted: list[Measurement] = []
        self._picture: tuple[list[Measurement], str] = [], ""
        self._artist: threading.Thread | None = None
        self._make_settings()
        self._make_views()
        self._experiment.listener = self._refresh
        self._refresh()

    def _make_settings(self) -> None:
        import ipywidgets

        ends = [(str(number), number) for number in range(1, _MOST_AT_AN_END + 1)]
        self.payload = slider("payload", [(bytes_text(n), n) for n in _PAYLOADS], 8)
        self.batch = slider("batch size", [(f"{n:,}", n) for n in _BATCHES], 1000)
        self.producers = slider("producers", ends, 1)
        self.consumers = slider("consumers", ends, 1)
        fitting = {"width": "auto", "margin": "0 12px 0 2px"}
        self.transports = {
            name: ipywidgets.Checkbox(
                value=name in _CHOSEN, description=name, indent=False, layout=fitting
            )
            for name, kind in TRANSPORTS.items()
            if kind.missing() is None
        }
        self.what = ipywidgets.Dropdown(
            options=list(PICTURES), description="picture", layout={"width": "20em"}
        )
        for widget in (*self._sliders(), *self.transports.values(), self.what):
            widget.observe(lambda _: self._refresh(), "value")

    def _make_views(self) -> None:
        import ipywidgets

        self.measure_button = button("Measure", "Measure the transports ticked, now")
        self.measure_button.on_click(lambda _: self.measure())
        self.cancel_button = button("Cancel", "Give up this measurement")
        self.cancel_button.on_click(lambda _: self.cancel())
        # 0 to 100; hidden while nothing is measured.
        self.progress = ipywidgets.IntProgress(layout={"width": "8em"})
        style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        wide = {"width": "auto", "margin": "2px"}
        self.state = ipywidgets.HTML(layout=wide)
        self.picture = ipywidgets.HTML(layout=wide)
        self.table = ipywidgets.HTML(layout=wide)
        self.box = ipywidgets.VBox(
            [
                rows(*self._sliders()),
                rows(*self.transports.values()),
                rows(
                    *(self.measure_button, self.cancel_button),
                    *(self.progress, self.what),
                ),
                *(style, self.state, self.table, self.picture),
            ]
        )

    def _sliders(self) -> tuple[Any, ...]:
        return self.payload, self.batch, self.producers, self.consumers

    @property
    def setup(self) -> Setup:
        """What the sliders and the ticks say."""
        ticked = tuple(name for name, box in self.transports.items() if box.value)
        return Setup(ticked, *(slider.value for slider in self._sliders()))

    @property
    def measurements(self) -> list[Measurement]:
        """Everything measured here, the latest of each kind."""
        return self._experiment.found

    def measure(self) -> None:
        """Measure what is set up, in the background; as the button does."""
        setup = self.setup
        if setup.objection is None and not self.closed:
            self._experiment.start(setup)

    def cancel(self) -> None:
        """Give up what is being measured; as the button does."""
        self._experiment.cancel()

    def wait(self, timeout: float = 60.0) -> list[Measurement]:
        """Wait until nothing is being measured, and the picture shows it.

        Parameters
        ----------
        timeout : float, default 60.0
            Seconds at most.

        Returns
        -------
        list of Measurement
            Of what is set up, as far as it has been measured.

        Raises
        ------
        ViewTimeoutError
            It goes on.
        """
        if not self._experiment.wait(timeout):
            raise ViewTimeoutError(
                f"still measuring after {timeout:g} s: wait longer, or cancel()"
            )
        if self._artist is not None:
            self._artist.join(timeout)
        return found_for(self.setup, self.measurements)

    def _end(self) -> None:
        self._experiment.cancel()
        self._experiment.wait(2.0)

    # Drawing: words in whatever thread has news, pictures in a thread of their own.

    def __repr__(self) -> str:
        rows = findings.findings(self.setup, self.measurements)
        return f"explorer: {self._words()}\n{findings.text(self.setup, rows)}"

    def _words(self) -> str:
        experiment, setup = self._experiment, self.setup
        if experiment.is_running:
            return experiment.words
        if setup.objection is not None:
            return setup.objection
        if experiment.setup == setup:
            return experiment.words
        if len(found_for(setup, self.measurements)) == len(setup.transports):
            return "measured earlier"
        return "not measured yet: say what you expect, then press Measure"

    def _refresh(self) -> None:
        with self._writing:
            if self.closed:
                return
            setup, running = self.setup, self._experiment.is_running
            self.measure_button.disabled = running or setup.objection is not None
            self.cancel_button.disabled = not running
            self.progress.layout.visibility = "visible" if running else "hidden"
            self.progress.value = round(100 * self._experiment.progress)
            self.state.value = status(self._words())
            rows = findings.findings(setup, self.measurements)
            self.table.value = findings.table(setup, rows)
            wanted = found_for(setup, self.measurements, PICTURES[self.what.value])
            self._place_picture(old=wanted != self._picture[0])
            if wanted and wanted not in (self._wanted, self._picture[0]):
                self._wanted = wanted
                args = (wanted, self.what.value)
                self._artist = threading.Thread(
                    target=self._draw, args=args, name="drawing", daemon=True
                )
                self._artist.start()

    def _place_picture(self, old: bool) -> None:
        _, picture = self._picture
        note = "The picture is of earlier settings: press Measure." if old else ""
        # A narrow page scrolls it sideways, by keyboard too: smaller it says nothing.
        self.picture.value = picture and (
            f'<p>{note}</p><div class="labkit-picture{" old" if old else ""}" '
            f'tabindex="0"><div>{picture}</div></div>'
        )

    def _draw(self, wanted: list[Measurement], what: str) -> None:
        with self._pen:
            if wanted is not self._wanted or self.closed:
                return  # the sliders have moved on
            self._picture = wanted, findings.picture(wanted, what)
        self._refresh()


def explorer() -> Explorer:
    """Return sliders for a measurement, and what it found: the last line of a cell.

    Set payload, batch size, producers and consumers, tick transports, say to yourself
    what you expect, and press Measure. It takes 2 seconds for each transport, and 2
    to start, at the most.

    Returns
    -------
    Explorer
        Also with methods: ``measure()``, ``cancel()``, ``wait()``, ``close()``; as
        text it is the table of what was found.

    Notes
    -----
    Moving a slider measures nothing: a measurement needs the whole machine for
    seconds, and five positions on the way would be five of them. The table shows at
    once what is known of the new settings: what was measured with them before, and
    what the cost model expects if two other payloads were measured. A picture of
    other settings is faded.

    The kernel is never blocked, and the explorer of an earlier cell is closed.
    """
    return Explorer()
