"""What to measure, and what is known of it from earlier measurements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labkit import costs
from labkit._plots.pictures import bytes_text
from labkit._throughput.catalog import TRANSPORTS
from labkit._throughput.measurements import Measurement

__all__ = ["PICTURES", "Setup", "count", "expected_per_s", "found_for", "key"]

PER_TRANSPORT_S = 2.0
_START_S = 2.0
_MOST_PROCESSES = 24  # all of them run at the same time, some 25 MB each
_MOST_CALL_BYTES = 64 << 20

PICTURES: Mapping[str, str] = {
    "these settings": "",
    "by payload": "payload_bytes",
    "by batch size": "batch_size",
    "by producers": "producers",
    "by consumers": "consumers",
}
"""What a picture can show, and the setting that varies in it."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What to measure.

    Attributes
    ----------
    transports : tuple of str
        Names of :data:`labkit.TRANSPORTS`.
    payload_bytes, batch_size, producers, consumers : int
        As for :func:`labkit.throughput.compare`.
    """

    transports: tuple[str, ...]
    payload_bytes: int = 8
    batch_size: int = 1000
    producers: int = 1
    consumers: int = 1

    def __str__(self) -> str:
        return (
            f"items of {bytes_text(self.payload_bytes)}, {self.batch_size:,} in one "
            f"call where there are batches, {count(self.producers, 'producer')}, "
            f"{count(self.consumers, 'consumer')}"
        )

    @property
    def budget_s(self) -> float:
        """The seconds that measuring it may take."""
        return PER_TRANSPORT_S * len(self.transports) + _START_S

    @property
    def objection(self) -> str | None:
        """Why it cannot be measured here, in a sentence; None if it can."""
        if not self.transports:
            return "tick at least one transport"
        processes = len(self.transports) * (self.producers + self.consumers)
        if processes > _MOST_PROCESSES:
            return (
                f"that takes {processes} processes at the same time, and "
                f"{_MOST_PROCESSES} are the most here: tick fewer transports, or take "
                "fewer producers and consumers"
            )
        call = self.payload_bytes * self.batch_size
        if call > _MOST_CALL_BYTES and any(map(_is_batched, self.transports)):
            return (
                f"one call would carry {call >> 20:,} MiB, and "
                f"{_MOST_CALL_BYTES >> 20} are the most here: take a smaller payload "
                "or a smaller batch"
            )
        return None


def found_for(
    setup: Setup, measurements: Iterable[Measurement], varies: str = ""
) -> list[Measurement]:
    """Return the measurements of a set-up, or of all that differ in one setting.

    Parameters
    ----------
    setup : Setup
    measurements : iterable of Measurement
    varies : str, optional
        The setting that may differ.
    """
    names = setup.transports
    wanted = {key(_blank(setup, name), varies) for name in names}
    return sorted(
        (one for one in measurements if key(one, varies) in wanted),
        key=lambda one: names.index(one.transport),
    )


def expected_per_s(
    setup: Setup, transport: str, measurements: Iterable[Measurement]
) -> float | None:
    """Predict a rate from the same transport's rates with other payloads.

    Returns
    -------
    float or None
        Items per second by the cost model; None where there are not two payloads.
    """
    one_alone = replace(setup, transports=(transport,))
    others = [
        one
        for one in found_for(one_alone, measurements, "payload_bytes")
        if one.payload_bytes != setup.payload_bytes
    ]
    if len({one.payload_bytes for one in others}) < 2:
        return None
    seconds = costs.fit(others).predict(setup.payload_bytes)
    return 1 / seconds if seconds > 0 else None


def _blank(setup: Setup, transport: str) -> Measurement:
    batch = setup.batch_size if _is_batched(transport) else 1
    return Measurement(
        *(transport, setup.payload_bytes, batch, setup.producers, setup.consumers), ()
    )


def key(one: Measurement, varies: str = "") -> tuple[Any, ...]:
    """Return what tells measurements apart, but for one setting."""
    fields = ("transport", "payload_bytes", "batch_size", "producers", "consumers")
    return tuple(getattr(one, name) for name in fields if name != varies)


def _is_batched(transport: str) -> bool:
    return TRANSPORTS[transport].batched


def count(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"
