"""How much of the machine other programs use while we measure."""

import os
import time

__all__ = ["Others"]


class Others:
    """Count, from now on, the processor time that is not ours.

    Notes
    -----
    Ours is this process's and that of its children that have ended: ask when they
    have. Where the system does not tell (Windows), what is in use now stands for it.
    """

    def __init__(self) -> None:
        self._before_percent = _in_use_percent() if os.name != "posix" else 0.0
        self._began = time.perf_counter()
        self._all, self._ours = _used_s()

    def percent(self) -> float:
        """Return the part of all processors that other programs used, 0 to 100."""
        if os.name != "posix":
            return self._before_percent
        all_s, ours_s = _used_s()
        other_s = (all_s - self._all) - (ours_s - self._ours)
        whole_s = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        return min(max(100 * other_s / max(whole_s, 1e-9), 0.0), 100.0)


def _used_s() -> tuple[float, float]:
    """Return the processor seconds used since the system started, and our own."""
    import psutil

    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts the guests of a virtual machine twice.
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    mine = os.times()
    ours_s = mine.user + mine.system + mine.children_user + mine.children_system
    return sum(times) - idle_s - guests_s, ours_s


def _in_use_percent() -> float:
    import psutil

    return float(psutil.cpu_percent(interval=0.3))
