"""Where the jobs of a class are done: :class:`Farm`, and the processes of this machine.

Another farm, such as one on a cluster, needs :func:`.marking.mark` and the one
method of the protocol.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from typing import Protocol

from labkit._checks.proctors import Proctors, can_fork
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
    """Processes of this machine: forks of warm ones, or fresh ones where it must.

    Parameters
    ----------
    workers : int, optional
        How many answers are examined at a time; at least 1, by default two for each
        core.
    warm : bool, optional
        Whether to fork warm examiners: by default where that is possible (Linux).

    Raises
    ------
    ValueError
        `workers` is less than 1.
    """

    def __init__(self, workers: int | None = None, *, warm: bool | None = None) -> None:
        self._workers = default_workers() if workers is None else workers
        if self._workers < 1:
            raise ValueError(f"at least 1 worker is needed, not {workers}")
        self._warm = can_fork() if warm is None else warm

    def run(
        self, jobs: Sequence[Job], on_done: Callable[[Graded], object]
    ) -> Iterator[Graded]:
        """Do every job once; as in :class:`Farm`.

        Raises
        ------
        ExerciseError, ProgramError
            As :func:`.marking.mark`.
        """
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(self._workers))
            run = None
            if self._warm and jobs:
                run = stack.enter_context(Proctors(min(self._workers, len(jobs)))).run
            # On an error, or Ctrl-C: what has not begun does not, and what runs ends.
            stack.callback(pool.shutdown, wait=False, cancel_futures=True)
            for future in as_completed([pool.submit(mark, job, run) for job in jobs]):
                graded = future.result()
                on_done(graded)
                yield graded
