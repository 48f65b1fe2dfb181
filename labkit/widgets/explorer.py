"""Guess which of two transports is faster, and by how much; then measure it."""

import threading
from typing import Any

import ipywidgets

from labkit import throughput
from labkit.errors import LabkitError
from labkit.plots import bytes_text
from labkit.widgets import views

_SIZES = 8, 1 << 10, 10 << 10, 20 << 10, 60 << 10, 200 << 10, 1 << 20  # bytes
_HEADS = "first", "second", "item", "first/s", "second/s", "ratio", "guess"


class Explorer(views.Live):
    """Guess which of two transports is faster, and measure it, as a cell's end.

    The kernel is not blocked, and what was measured stays in a table.
    """

    def __init__(self) -> None:
        super().__init__("explorer", *_HEADS)

        def choice(name: str, options: Any, value: Any) -> Any:
            chosen = {"options": options, "value": value, "style": views.WIDE["style"]}
            return ipywidgets.Dropdown(description=name, **chosen)

        names = list(throughput.TRANSPORTS)
        self.first = choice("First", names, "direct queue")
        self.second = choice("Second", names, "plain tcp")
        self.size = choice("Item", [(bytes_text(size), size) for size in _SIZES], 8)
        self.guess = ipywidgets.Text(
            description="Your guess: the first is this many times as fast:",
            placeholder="a number, such as 3",
            **views.WIDE,
        )
        self.measure_button = views.button("Measure", "Measure both, in turns")
        self.measure_button.on_click(lambda _: self.measure())
        settings = views.rows(self.first, self.second, self.size)
        controls = settings, self.guess, self.measure_button
        self.box.children = (*controls, *self.box.children, self.table)
        self.say("Choose, type your guess, then press Measure.")

    def measure(self) -> None:
        """Measure what is chosen, in the background; as the button does."""
        try:
            guess = float(self.guess.value.replace(",", ""))
        except ValueError:
            guess = 0.0
        if guess <= 0:
            self.say("Type your guess first: a number like 3 or 0.5.")
        elif self.first.value == self.second.value:
            self.say("Choose two different transports.")
        elif not self.measure_button.disabled:
            self.measure_button.disabled = True
            self.say("Measuring both in turns; this takes a few seconds.")
            threading.Thread(target=self._run, args=[guess], daemon=True).start()

    def _run(self, guess: float) -> None:
        names = [self.first.value, self.second.value]
        what = {"payload_bytes": self.size.value, "batch_size": 100}  # of lists
        try:
            one, two = throughput.compare(names, repeats=3, **what)
        except LabkitError as error:
            self.say(str(error))
        else:
            ratio = one.rate_per_s / two.rate_per_s
            rates = [f"{each.rate_per_s:,.0f}" for each in (one, two)]
            found = [*rates, f"{ratio:.2g}", f"{guess:.2g}"]
            self.rows.insert(0, [*names, self.size.label, *found])
            self.draw()
            off = max(ratio / guess, guess / ratio)
            said = [f"Measured: {ratio:.2g} times as fast."]
            said += [f"Your guess was off by a factor of {off:.2g}."]
            said += [f"But {each.warning}." for each in (one, two) if each.warning]
            self.say(" ".join(said))
        self.measure_button.disabled = False


explorer = Explorer
