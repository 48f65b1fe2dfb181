"""Grade a class on a Dask cluster: :class:`DaskFarm`, ``grade --scheduler ADDRESS``."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from labkit._grading.marking import Graded, Job, mark
from labkit.errors import ServerStoppedError
from labkit.jobs import dask_client

__all__ = ["DaskFarm"]


class DaskFarm:
    """The workers of a Dask scheduler; a :class:`.farms.Farm`.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with `tls`.
    tls : str, Path or None, default None
        See :func:`labkit.jobs.run`.
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
        from distributed import as_completed

        address, tls = self._place
        with (
            dask_client(address, tls=tls) as client,
            _cancelling(client) as submitted,
        ):
            submitted.extend(client.map(self._do, list(jobs), pure=False))
            job_of = {f.key: job for f, job in zip(submitted, jobs, strict=True)}
            found: Any = as_completed
            for future in found(submitted, loop=client.loop):
                try:
                    graded = future.result()
                except CancelledError:
                    raise ServerStoppedError("The Dask scheduler has ended.") from None
                except Exception as error:  # noqa: BLE001 - or it is raised again
                    graded = self._once_more(job_of[future.key], error)
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
