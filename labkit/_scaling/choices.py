"""What a task costs the one process that all tasks go through, for each choice."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit._scaling import modelchecks
from labkit._scaling.teams import Shift, Team

__all__ = ["NETWORK_BYTES_PER_S", "Choice", "dask_s", "measure_choices"]

NETWORK_BYTES_PER_S = 10e9 / 8  # 10 Gbit/s
_SEVERAL = 4
_BATCH = 100
_LARGE = 1 << 18  # bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that stands between those who have tasks and those who do them.

    Attributes
    ----------
    name : str
    server_s : float
        Processor seconds for each task, of the process that all tasks go through.
    servers : int, default 1
        How many such processes share the tasks.
    byte_s : float, default 0.0
        Processor seconds of such a process for each byte that passes it; 0 where
        nobody measured it.
    """

    name: str
    server_s: float
    servers: int = 1
    byte_s: float = 0.0

    @property
    def limit_per_s(self) -> float:
        """Tasks per second at most, however many workers there are."""
        return self.servers / self.server_s

    def demands_s(self, payload_bytes: int = 0) -> list[float]:
        """Return the seconds at each server, and on a network of 10 Gbit/s.

        A task crosses the network to its worker, and its result, as large, comes back.
        """
        bytes_both_ways = 2 * payload_bytes
        mine_s = (self.server_s + bytes_both_ways * self.byte_s) / self.servers
        return [mine_s] * self.servers + [bytes_both_ways / NETWORK_BYTES_PER_S]

    @property
    def network_from_bytes(self) -> float:
        """The size of tasks from which the network is full first; ``inf``: never."""
        spare_s = 1 / NETWORK_BYTES_PER_S - self.byte_s / self.servers
        if spare_s <= 0:
            return float("inf")
        return self.server_s / self.servers / 2 / spare_s

    def rate(self, workers: int, task_s: float, payload_bytes: int = 0) -> float:
        """Return the tasks per second of so many workers, by the model."""
        from labkit._scaling.queueing import mva

        return mva(self.demands_s(payload_bytes), task_s, workers)

    def keeps_busy(self, task_s: float) -> int:
        """Return how many workers are 90 % busy with tasks of so many seconds."""
        return modelchecks.kept_busy(self.demands_s(), 0.0, task_s)

    def shortest_task_s(self, workers: int) -> float:
        """Return the shortest task, in seconds, that keeps so many 90 % busy."""
        low, high = 1e-7, 1e3
        while high / low > 1.01:
            middle = (low * high) ** 0.5
            busy = self.rate(workers, middle) * middle / workers
            low, high = (low, middle) if busy >= 0.9 else (middle, high)
        return high


def measure_choices(
    team: Team,
    *,
    seconds: float = 0.5,
    say: Callable[[str], object] = print,  # noqa: ARG001
) -> list[Choice]:
    """Measure every choice that can run here.

    Parameters
    ----------
    team : Team
        Within its ``with`` block.
    seconds : float, default 0.5
        That a run aims at.
    say : callable, default print
        Called with a sentence for each choice that is left out.
    """
    one = _manager(team, Shift(1, 1), seconds)
    batched = _manager(team, Shift(1, 1, batch_size=_BATCH), seconds)
    few = max(int(150 * seconds), 10)  # they take room in the server
    large = team.run(Shift(3, few, payload_bytes=_LARGE)).server_s
    byte_s = max(large - one, 0.0) / (2 * _LARGE)
    return [
        Choice("manager", one, 1, byte_s),
        Choice("batched manager", batched, 1, byte_s),
        Choice("several servers", one, _SEVERAL, byte_s),
        Choice("dask", _dask_s(max(int(1000 * seconds), 100))),
    ]


def _manager(team: Team, shift: Shift, seconds: float) -> float:
    tasks = (5000 if shift.batch_size == 1 else 300_000) * seconds / 3
    return team.run(Shift(3, int(tasks), batch_size=shift.batch_size)).server_s


def dask_s(tasks: int, client: Any) -> float:
    """Return the seconds of scheduler and client for each task; both run here.

    Parameters
    ----------
    tasks : int
        How many empty tasks to do.
    client : distributed.Client
        Of a cluster that runs in this process.
    """
    client.gather(client.map(abs, range(50), pure=False))
    began = time.process_time()
    client.gather(client.map(abs, range(tasks), pure=False))
    return (time.process_time() - began) / tasks


def _dask_s(tasks: int) -> float:
    from labkit.jobs import dask_client

    with dask_client(workers=os.cpu_count() or 1) as client:
        return dask_s(tasks, client)
