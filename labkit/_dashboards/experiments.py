"""Measurements made in the background, and kept."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from labkit import throughput
from labkit._dashboards.setups import Setup, count, key
from labkit._throughput.measurements import UNSTABLE, Measurement
from labkit.errors import LabkitError, MeasurementCancelledError

__all__ = ["Experiment"]


class Experiment:
    """A measurement in the background, one at a time; keeps the latest of each kind.

    Parameters
    ----------
    measure : callable, default labkit.throughput.compare
        Makes the measurements; tests replace it.

    Attributes
    ----------
    listener : callable
        Called without arguments when something has changed, in the thread that did.
    is_running : bool
        Whether it is measuring.
    setup : Setup or None
        What it measures, or measured last.
    words : str
        What it does, or how it ended.
    progress : float
        The part of the time that is over, 0 to 1.

    Notes
    -----
    All methods are safe for threads, and none waits but :meth:`wait`.
    """

    def __init__(
        self, measure: Callable[..., list[Measurement]] = throughput.compare
    ) -> None:
        self.listener: Callable[[], object] = lambda: None
        self.setup: Setup | None = None
        self.words = ""
        self.progress = 0.0
        self.is_running = False
        self._measure = measure
        self._found: dict[tuple[Any, ...], Measurement] = {}
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._idle = threading.Event()
        self._idle.set()

    @property
    def found(self) -> list[Measurement]:
        """The latest measurement of each transport in each setting."""
        return list(self._found.values())

    def start(self, setup: Setup) -> bool:
        """Begin; tell whether it did. It does not while it is measuring."""
        with self._lock:
            if not self._idle.is_set():
                return False
            self._idle.clear()
            self.is_running, self.setup = True, setup
            self._cancel.clear()
        self.progress = 0.0
        what = count(len(setup.transports), "transport")
        self.words = f"measuring {what}, {setup.budget_s:.0f} s at most"
        self.listener()
        threading.Thread(
            target=self._run, args=(setup,), name="measuring", daemon=True
        ).start()
        return True

    def cancel(self) -> None:
        """Give up what is being measured; its processes end within a second or so."""
        self._cancel.set()

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is being measured, so many seconds at most."""
        return self._idle.wait(timeout)

    def _run(self, setup: Setup) -> None:
        try:
            self.words = self._carry_out(setup)
        except MeasurementCancelledError:
            self.words = "cancelled; nothing is left running"
        except LabkitError as error:
            self.words = str(error)
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            self.words = f"{type(error).__name__}: {error}"
        finally:
            self.progress = 0.0
            self.is_running = False
            self.listener()
            self._idle.set()  # whoever waits finds everything told

    def _carry_out(self, setup: Setup) -> str:
        notes: list[str] = []
        end = time.monotonic() + setup.budget_s
        found = self._measure(
            setup.transports,
            payload_bytes=setup.payload_bytes,
            batch_size=setup.batch_size,
            producers=setup.producers,
            consumers=setup.consumers,
            budget_s=setup.budget_s,
            progress=False,
            cancel=_Watched(self._cancel, lambda: self._tick(end, setup.budget_s)),
            say=notes.append,
        )
        self._found |= {key(one): one for one in found}
        return "; ".join(["measured", *notes, *_warnings(found)])

    def _tick(self, end: float, budget_s: float) -> None:
        over = round(1 - (end - time.monotonic()) / budget_s, 2)
        if over != self.progress:
            self.progress = min(over, 0.99)
            self.listener()


class _Watched:
    """A cancel event; being looked at several times a second, it also keeps time."""

    def __init__(self, event: threading.Event, tick: Callable[[], object]) -> None:
        self._event = event
        self._tick = tick

    def is_set(self) -> bool:
        self._tick()
        return self._event.is_set()


def _warnings(found: list[Measurement]) -> Iterator[str]:
    """Say what is wrong with measurements: each problem, and all spreads in one."""
    yield from (one.problem for one in found if one.problem)
    unstable = [one for one in found if one.spread > UNSTABLE]
    if unstable:
        names = ", ".join(one.transport for one in unstable)
        spread = max(one.spread for one in unstable)
        yield (
            f"the repeats of {names} differ by up to {spread:.0%}: close other "
            "programs, or measure again"
        )
