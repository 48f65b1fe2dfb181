"""Where the jobs of a class are done: :class:`Farm`, and the processes of this machine.

Another farm, such as one on a cluster, needs :func:`.marking.mark` and the one
method of the protocol.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol

from labkit._grading.marking import Graded, Job, mark

__all__ = ["Farm", "LocalFarm", "default_workers"]


class Farm(Protocol):
    """Does jobs, in any order, wherever it wants."""

    def run(
        self, jobs: Sequence[Job], on_done: Callable[[Graded], object]
    ) -> Iterator[Graded]:
        """Do every job once.

        Parameters
        ----------
        jobs : sequence of Job
        on_done : callable
            Called with what each job came to, in the thread that iterates, before it
            is yielded.

        Yields
        ------
        Graded
            In the order of ending.
        """
        ...


def default_workers() -> int:
    """Return how many answers are examined at a time: most of the time they wait."""
    return 2 * (os.cpu_count() or 1)


class LocalFarm:
    """Processes of this machine.

    Parameters
    ----------
    workers : int, optional
        How many answers are examined at a time; at least 1, by default two for each
        core.

    Raises
    ------
    ValueError
        `workers` is less than 1.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = default_workers() if workers is None else workers
        if self._workers < 1:
            raise ValueError(f"at least 1 worker is needed, not {workers}")

    def run(
        self, jobs: Sequence[Job], on_done: Callable[[Graded], object]
    ) -> Iterator[Graded]:
        """Do every job once; as in :class:`Farm`.

        Raises
        ------
        ExerciseError, ProgramError
            As :func:`.marking.mark`.
        """
        pool = ThreadPoolExecutor(self._workers)
        try:
            for future in as_completed([pool.submit(mark, job) for job in jobs]):
                graded = future.result()
                on_done(graded)
                yield graded
        finally:
            # On an error, or Ctrl-C: what has not begun does not.
            pool.shutdown(wait=False, cancel_futures=True)
