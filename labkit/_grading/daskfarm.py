"""Grade a class on a Dask cluster: :class:`DaskFarm`, ``grade --scheduler ADDRESS``."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labkit._engines.daskclients import completed, connected
from labkit._engines.daskengine import DaskEngine
from labkit._grading.marking import Graded, Job, mark
from labkit.throughput import Measurement

__all__ = ["DaskFarm", "measure_scaling"]


class DaskFarm:
    """The workers of a Dask scheduler; a :class:`.farms.Farm`.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with `tls`.
    tls : str, Path or None, default None
        See :func:`.daskclients.security`.
    do : callable, default mark
        What a worker does with a job; tests replace it.

    Notes
    -----
    Workers need the kit, with the same exercises. Start each with one thread: an
    answer may want a whole processor. A job whose worker dies is done by another; one
    whose workers die time after time is done here, so that none is lost.
    """

    def __init__(
        self,
        address: str,
        tls: str | Path | None = None,
        *,
        do: Callable[[Job], Graded] = mark,
    ) -> None:
        self._place = address, tls
        self._do = do

    def run(
        self, jobs: Sequence[Job], on_done: Callable[[Graded], object]
    ) -> Iterator[Graded]:
        """Do every job once; as in :class:`.farms.Farm`.

        Raises
        ------
        ExerciseError, ProgramError
            As :func:`.marking.mark`, from the worker.
        NoServerError, ServerStoppedError
            No scheduler answers, or it ended; what was graded before is kept.
        """
        with connected(*self._place) as client, _cancelling(client) as submitted:
            submitted.extend(client.map(self._do, list(jobs), pure=False))
            job_of = {f.key: job for f, job in zip(submitted, jobs, strict=True)}
            for future, outcome in completed(client, submitted):
                graded = outcome
                if future.status == "error":
                    graded = self._once_more(job_of[future.key], future.exception())
                on_done(graded)
                yield graded

    def _once_more(self, job: Job, error: BaseException) -> Graded:
        if type(error).__name__ != "KilledWorker":
            raise error
        return mark(job)


@contextlib.contextmanager
def _cancelling(client: Any) -> Iterator[list[Any]]:
    """Take back, at the end, what nobody has done yet."""
    futures: list[Any] = []
    try:
        yield futures
    finally:
        if client.status == "running":
            client.cancel([future for future in futures if not future.done()])


def measure_scaling(
    jobs: Sequence[Job],
    counts: Sequence[int] = (1, 2),
    *,
    do: Callable[[Job], Graded] = mark,
) -> list[Measurement]:
    """Grade the same jobs with several numbers of worker processes, on this machine.

    Parameters
    ----------
    jobs : sequence of Job
        At least one.
    counts : sequence of int, default 1, 2
        Numbers of processes; each gets a cluster of its own, started beforehand.
    do : callable, default mark
        What a worker does with a job.

    Returns
    -------
    list of Measurement
        Answers per second, for :func:`labkit.plots.plot_scaling`.
    """
    found = []
    for count in counts:
        with DaskEngine(None, count, None, Path.cwd()) as engine:
            farm = DaskFarm(engine.client.scheduler.address, do=do)
            began = time.perf_counter()
            done = sum(1 for _ in farm.run(jobs, bool))
            rate = done / (time.perf_counter() - began)
        name = "answers graded on Dask"
        found.append(Measurement(name, 0, 1, 1, count, (rate,), (done,)))
    return found
