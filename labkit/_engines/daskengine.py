"""Jobs on Dask: a cluster of this machine's processes, or a scheduler elsewhere."""

import contextlib
import importlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labkit._engines.daskclients import (
    completed,
    connected,
    event_loop,
    reason,
    security,
)
from labkit.commands.jobs import assigned, perform
from labkit.commands.ledger import Ledger
from labkit.engines import Engine, Say

__all__ = ["DaskEngine"]


class DaskEngine(Engine):
    """A Dask cluster.

    Parameters
    ----------
    address : str or None
        Of a scheduler; None starts one here, with worker processes.
    workers : int
        Processes to start here, 1 or more.
    tls : str, Path or None
        See :func:`security`.
    folder : Path
        Where the modules of jobs are; a scheduler elsewhere gets copies of them.

    Notes
    -----
    Listens on 127.0.0.1 alone, and has no dashboard. A task whose worker dies is
    done by another; after four deaths the scheduler gives it up. Tasks that only
    waited at the dead worker count that death, too.
    """

    def __init__(
        self,
        address: str | None,
        workers: int,
        tls: str | Path | None,
        folder: Path,
    ) -> None:
        super().__init__(0 if address else workers)
        self._folder = folder
        self._is_elsewhere = address is not None
        try:
            enter = self.cleanup.enter_context
            self.client = enter(connected(address, tls) if address else self._here(tls))
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def _here(self, tls: str | Path | None) -> Iterator[Any]:
        """Run a cluster, and a client of it."""
        distributed: Any = importlib.import_module("distributed")
        secure = None if tls is None else security(tls)
        with (
            event_loop() as loop,
            distributed.LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                host="127.0.0.1",
                protocol="tls" if tls else "tcp",
                dashboard_address="127.0.0.1:0",  # a free port; None would be 8787
                silence_logs=logging.CRITICAL,
                security=secure,
                loop=loop,
            ) as cluster,
            distributed.Client(cluster, loop=loop, set_as_default=False) as client,
        ):
            yield client

    def records(self, ledger: Ledger, say: Say) -> Iterator[dict[str, Any]]:
        """Submit the tasks all at once; the scheduler holds back what is too much."""
        if self._is_elsewhere:
            self._send_modules(ledger)
        self._tell(say)
        futures = self.client.map(_perform, list(ledger.unsent), pure=False)
        # By key, for a future that was lost has nothing else left.
        numbers = {future.key: place for place, future in enumerate(futures, 1)}
        for future, outcome in completed(self.client, futures):
            if future.status == "finished":
                yield from ledger.enter(outcome)
            else:
                yield from ledger.give_up([numbers[future.key]], reason(future))

    def _tell(self, say: Say) -> None:
        if not self.client.scheduler_info().get("workers"):
            say("the scheduler has no worker yet; start one with: dask worker ADDRESS")

    def _send_modules(self, ledger: Ledger) -> None:
        """Give workers that do not see our folder the modules that jobs come from."""
        specs = {assignment["job"] for assignment in ledger.open.values()}
        for module in {spec.partition(":")[0] for spec in specs if ":" in spec}:
            path = self._folder / f"{module}.py"
            if path.is_file():
                self.client.upload_file(str(path))


def _perform(item: dict[str, Any]) -> dict[str, Any]:
    return perform(assigned, item)
