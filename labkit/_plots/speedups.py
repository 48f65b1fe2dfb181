"""The speed-up of work among workers, beside the ideal; see :mod:`labkit.plots`."""

from collections.abc import Mapping

from labkit._plots.pictures import Plot, canvas, number_text, styles
from labkit.errors import MeasurementError

__all__ = ["plot_speedup"]


def plot_speedup(
    seconds: Mapping[str, Mapping[int, float]],
    cores: int | None = None,
    title: str = "",
) -> Plot:
    """Draw how many times as fast several workers are as one, and the ideal line.

    Parameters
    ----------
    seconds : mapping of str to mapping of int to float
        Of each kind of task: by the number of workers, 1 among them, the seconds
        that the same tasks took; above 0.
    cores : int, optional
        How many of them can compute at once; marked when given.
    title : str, optional

    Returns
    -------
    Plot

    Raises
    ------
    MeasurementError
        There is nothing to draw, or some kind was not measured with one worker.
    """
    gains = {name: _gains(name, measured) for name, measured in seconds.items()}
    if not gains:
        raise MeasurementError("there is nothing to draw; measure something first")
    figure, axis = canvas(title or "Speed-up and workers")
    sizes = sorted({size for gain in gains.values() for size in gain})
    ends = [1, sizes[-1]]
    axis.plot(
        ends, ends, color="#777777", linewidth=1, label="ideal: n workers, n times"
    )
    for (name, gain), look in zip(gains.items(), styles(gains).values(), strict=True):
        axis.plot(list(gain), list(gain.values()), label=name, **look.line())
    if cores is not None and cores <= sizes[-1]:
        label = f"cores of this machine: {cores}"
        axis.axhline(cores, color="#777777", linewidth=1, linestyle=":", label=label)
    axis.set_xticks(sizes)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("number of workers")
    axis.set_ylabel("times as fast as one worker")
    axis.legend(fontsize=8)
    return Plot(figure, _words(gains, cores))


def _gains(name: str, measured: Mapping[int, float]) -> dict[int, float]:
    """Return by the number of workers how many times as fast as one they are."""
    if 1 not in measured:
        raise MeasurementError(
            f"{name!r} was not measured with 1 worker, which the others are compared "
            f"with; there is {', '.join(map(str, measured)) or 'nothing'}"
        )
    return {size: measured[1] / measured[size] for size in sorted(measured)}


def _words(gains: Mapping[str, Mapping[int, float]], cores: int | None) -> str:
    told = []
    for name, gain in gains.items():
        times = (f"{number_text(one)} with {size}" for size, one in gain.items())
        told.append(f"{name}: {', '.join(times)}")
    there = f" This machine has {cores} cores." if cores is not None else ""
    return (
        "Line chart of how many times as fast several workers are as one, beside the "
        f"ideal line, n times with n workers. {'; '.join(told)}.{there}"
    )
