"""Run the same jobs on whatever does the work: a manager server's workers, or Dask.

An engine is given a ledger and yields a record of every task in it. The jobs do not
know which engine they run on, and neither does whoever reads the records.
"""

import importlib.util
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from labkit._engines.jobfiles import Work, assignments
from labkit.commands.dispatch import Dispatcher
from labkit.commands.ledger import Ledger
from labkit.errors import LabkitError, ServerStoppedError
from labkit.manager import shown
from labkit.servers import start_server
from labkit.supervised import Supervised

__all__ = ["Engine", "ManagerEngine", "open_engine", "run"]

_ROOT = Path(__file__).resolve().parent.parent
Say = Callable[[str], object]


class Engine(ABC):
    """Something that does tasks in other processes; a context manager.

    Attributes
    ----------
    workers : int
        Processes that it was asked for; 0 where somebody else starts them.
    cleanup : contextlib.ExitStack
        What :meth:`close` undoes.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.cleanup = ExitStack()

    @abstractmethod
    def records(self, ledger: Ledger, say: Say) -> Iterator[dict[str, Any]]:
        """Yield a record of each task of a ledger; ``say`` hears how it stands."""

    def close(self) -> None:
        """End what it started; safe to call twice."""
        self.cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ManagerEngine(Engine):
    """A manager server of labkit's, and the processes of ``labkit worker``.

    Parameters
    ----------
    workers : int
        Processes, 1 or more.
    folder : Path
        Where the modules of jobs are looked for.

    Notes
    -----
    A task whose worker dies goes back to the queue, and another process takes the
    dead one's place. After five deliveries the server gives the task up.
    """

    def __init__(self, workers: int, folder: Path) -> None:
        super().__init__(workers)
        self._said: list[str] = []
        try:
            self._start(folder)
        except BaseException:
            self.close()
            raise

    def _start(self, folder: Path) -> None:
        enter = self.cleanup.enter_context
        self._server = enter(start_server(name="engine"))
        private = Path(enter(tempfile.TemporaryDirectory(prefix="labkit-")))
        key = self._server.write_key_file(private / "engine.key")
        path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._crew = enter(
            Supervised(
                self._command(key),
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
                on_output=self._said.append,
            )
        )

    def _command(self, key: Path) -> list[str]:
        where = ["--connect", shown(self._server.address), "--key-file", str(key)]
        what = [
            "--workers",
            str(self.workers),
            "--job",
            "labkit.commands.jobs:assigned",
        ]
        return [sys.executable, "-m", "labkit", "worker", *where, *what]

    def records(self, ledger: Ledger, say: Say) -> Iterator[dict[str, Any]]:
        """Hand the tasks out, through two queues of this run alone."""
        manager = self._server.connect()
        yield from Dispatcher(
            ledger,
            manager.get_task_queue(),
            manager.get_result_queue(),
            retry_for=0,
            timeout_s=None,
            say=say,
            watch=self._look_after_the_crew,
        ).records()

    def _look_after_the_crew(self) -> None:
        if self._crew.exit_code is not None:
            said = "".join(self._said).strip()
            raise ServerStoppedError(f"the workers have ended; they said: {said}")


def open_engine(
    name: str,
    *,
    workers: int | None = None,
    tls: str | Path | None = None,
    folder: str | Path = ".",
) -> Engine:
    """Start or reach an engine.

    Parameters
    ----------
    name : str
        ``manager``: a manager server and workers, here. ``dask``: a Dask cluster,
        here. ``tcp://HOST:PORT`` or ``tls://HOST:PORT``: a Dask scheduler that
        somebody else started.
    workers : int or None, default None
        Processes to start, 1 or more; None for one on each processor. A scheduler
        at an address brings its own.
    tls : str, Path or None, default None
        A folder with ``ca.pem``, ``cert.pem`` and ``key.pem``: Dask then talks
        encrypted, and to holders of a certificate of that authority alone.
    folder : str or Path, default "."
        Where the modules of jobs are looked for.

    Returns
    -------
    Engine

    Raises
    ------
    LabkitError
        There is no such engine, it cannot run here, or nobody answers there.
    """
    count = workers or os.cpu_count() or 1
    folder = Path(folder).resolve()
    if name == "manager":
        if tls is not None:
            raise LabkitError(
                "the manager protocol has no TLS: leave --tls out (the engine runs on "
                "this machine alone), or take --engine dask; lesson 10 shows a tunnel"
            )
        return ManagerEngine(count, folder)
    if name != "dask" and not name.startswith(("tcp://", "tls://")):
        raise LabkitError(
            f"there is no engine {name!r}: give manager, dask, or the address of a "
            "Dask scheduler, such as tcp://127.0.0.1:8786"
        )
    if importlib.util.find_spec("distributed") is None:
        raise LabkitError(
            "Dask is not installed here: python -m pip install distributed"
        )
    from labkit._engines.daskengine import DaskEngine

    return DaskEngine(None if name == "dask" else name, count, tls, folder)


def run(
    works: Sequence[Work], engine: Engine, say: Say = bool
) -> Iterator[dict[str, Any]]:
    """Do jobs on an engine.

    Parameters
    ----------
    works : sequence of Work
        As :func:`.jobfiles.read_job_file` returns them.
    engine : Engine
        Of :func:`open_engine`; it may be used again afterwards.
    say : callable, optional
        Called with a sentence now and then, while it takes long.

    Yields
    ------
    dict
        ``name`` of the work, ``id``, ``task``, and ``result`` or ``error``, in the
        order of the tasks, as soon as all before it are there. With an error comes
        its ``traceback``, if the job raised it.

    Raises
    ------
    LabkitError
        The engine ended in the middle of the work.
    """
    names = [work.name for work in works for _ in work.tasks]
    ledger = Ledger(assignments(works), ordered=True)
    for record in engine.records(ledger, say):
        number = record["id"]
        task = record["task"]["task"]
        yield {"name": names[number - 1], **record, "task": task}
