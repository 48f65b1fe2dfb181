"""Do the same jobs on a manager's workers or on Dask.

A job is a function of one task. A job file says which job gets which tasks, and not a
word about where the work is done: that is what ``engine`` says.

>>> works = [Work("squares", "square", (3, 4))]
>>> [record["result"] for record in run(works, "manager", workers=1)]
[9, 16]
"""

import contextlib
import importlib
import json
import logging
import os
import pkgutil
import queue
import sys
import tempfile
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from labkit.errors import LabkitError, NoServerError, ServerStoppedError

_Say = Callable[[str], object]
_Items = Sequence[dict[str, Any]]  # numbered
_Records = Generator[dict[str, Any]]  # of each, in their order

WORN_OUT = "every worker that took this task died or ran out of time"
CONNECT_WITHIN_S = 10.0
_PEMS = ("ca.pem", "cert.pem", "key.pem")


def square(n: float) -> float:
    """Return the square of a number."""
    return n * n


def letters(text: str) -> dict[str, int]:
    """Count the letters of a text.

    >>> letters("Tea, tea")
    {'a': 2, 'e': 2, 't': 2}
    """
    return dict(sorted(Counter(filter(str.isalpha, text.lower())).items()))


def log_lines(path: str) -> dict[str, int]:
    """Count the lines of a log file by their level, which is the second word."""
    with Path(path).open(encoding="utf-8", errors="replace") as lines:
        words = (line.split(maxsplit=2) for line in lines)
        return dict(sorted(Counter(found[1] for found in words if found[1:]).items()))


def assigned(assignment: dict[str, Any]) -> Any:
    """Do a task that names its own job: ``{"job": ..., "task": ...}``."""
    return load_job(assignment["job"])(assignment["task"])


def load_job(spec: str) -> Callable[[Any], Any]:
    """Return the function that ``square`` or ``MODULE:FUNCTION`` names.

    Raises
    ------
    ValueError
        There is no such function, or its module cannot be imported.
    """
    try:
        path = spec if ":" in spec else f"labkit.jobs:{spec}"
        return pkgutil.resolve_name(path)  # type: ignore[no-any-return]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module runs any code
        raise ValueError(
            f"The job {spec!r} cannot be loaded ({type(error).__name__}: {error}). "
            "Give square, letters, log_lines, or MODULE:FUNCTION."
        ) from None


def to_json(item: Any) -> str:
    """Return the item as JSON; what JSON cannot hold becomes ``{"repr": text}``."""
    try:
        return json.dumps(item, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        try:
            text = repr(item)
        except Exception:  # noqa: BLE001 - a class may raise anything here
            text = object.__repr__(item)
        return json.dumps({"repr": text}, ensure_ascii=False)


def record_of(item: Any) -> dict[str, Any]:
    """Return a record without a result: of a master's numbered item, or a bare task."""
    is_numbered = isinstance(item, dict) and item.keys() == {"run", "id", "task"}
    return dict(item) if is_numbered else {"task": item}


def perform(job: Callable[[Any], Any], item: Any) -> dict[str, Any]:
    """Do a job with an item's task; return the record of it.

    It has ``result``, in the types that JSON has and any program can unpickle; or
    ``error``, one line, and ``traceback``.
    """
    record = record_of(item)
    try:
        record["result"] = json.loads(to_json(job(record["task"])))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a job runs any code
        record["error"] = "".join(traceback.format_exception_only(error)).strip()
        theirs = error.__traceback__ and error.__traceback__.tb_next  # without ours
        lines = traceback.format_exception(type(error), error, theirs)
        record["traceback"] = "".join(lines)
    return record


@dataclass(frozen=True, slots=True)
class Work:
    """A job and its tasks; ``name`` is what the job file calls them."""

    name: str
    job: str
    tasks: tuple[Any, ...]


def read_job_file(path: str | Path) -> list[Work]:
    """Read a job file.

    Parameters
    ----------
    path : str or Path
        TOML, with a table for each job: ``job``, and ``tasks``, a list, or ``files``,
        patterns of files beside the job file, each handed over as its whole path.

    Raises
    ------
    ValueError
        It is not TOML, a table lacks an entry, or a job cannot be loaded.
    OSError
        It cannot be read.
    """
    path = Path(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}.") from None
    if not tables:
        raise ValueError(f"{path} has no job. Begin with a line such as [squares].")
    return [_work(path, name, table) for name, table in tables.items()]


def _work(path: Path, name: str, table: Any) -> Work:
    what, table = f"[{name}] of {path}", table if isinstance(table, dict) else {}
    match {"tasks": [], "files": [], **table}:
        case {"job": str(job), "tasks": [*tasks], "files": [*files]} if tasks or files:
            load_job(job)
        case _:
            raise ValueError(
                f'{what} needs a job, such as job = "square", and in square brackets '
                "its tasks = [...] or files = [...]."
            )
    for pattern in files:
        paths = sorted(path.resolve().parent.glob(pattern))
        if not paths:
            raise ValueError(f"{what}: no file beside it matches {pattern!r}.")
        tasks += map(str, paths)
    return Work(name, job, tuple(tasks))


def run(
    works: Sequence[Work],
    engine: Any = "manager",
    *,
    workers: int | None = None,
    tls: str | Path | None = None,
    folder: str | Path = ".",
    say: _Say = bool,
) -> Iterator[dict[str, Any]]:
    """Do jobs on an engine, which is started for them and ends with them.

    Parameters
    ----------
    works : sequence of Work
    engine : str or distributed.Client, default "manager"
        ``manager`` or ``dask``, on this machine; ``tcp://HOST:PORT`` or
        ``tls://HOST:PORT``, somebody's Dask scheduler; or a client of a cluster.
    workers : int or None, default None
        Processes to start here; None for one on each processor.
    tls : str, Path or None, default None
        A folder with ``ca.pem``, ``cert.pem`` and ``key.pem``: Dask then encrypts,
        and talks only to holders of a certificate of that authority.
    folder : str or Path, default "."
        Where the modules of jobs are.
    say : callable, optional
        Called with a sentence when somebody has to do something.

    Yields
    ------
    dict
        ``name`` of the work, ``id``, ``task``, and ``result`` or ``error`` (with its
        ``traceback`` if the job raised it), in the order of the tasks. A task whose
        worker dies is done by another; after five deaths, on Dask four, it failed.

    Raises
    ------
    LabkitError
        There is no such engine, it cannot run here, or it ended during the work.
    """
    given = [(w.name, {"job": w.job, "task": t}) for w in works for t in w.tasks]
    items = [{"run": "", "id": n, "task": one} for n, (_, one) in enumerate(given, 1)]
    count, folder = workers or os.cpu_count() or 1, Path(folder).resolve()
    if engine == "manager":
        if tls is not None:
            raise LabkitError(
                "The manager protocol has no TLS. Leave --tls out (this engine stays "
                "on this machine), or take --engine dask. Lesson 10 shows a tunnel."
            )
        records = _on_manager(items, count, folder)
    elif not isinstance(engine, str):
        records = _on_dask(items, contextlib.nullcontext(engine), say)
    elif engine == "dask":
        records = _on_dask(items, dask_client(workers=count, tls=tls), say)
    elif engine.startswith(("tcp://", "tls://")):
        records = _on_dask(items, dask_client(engine, tls=tls), say, folder)
    else:
        raise LabkitError(
            f"There is no engine {engine!r}. Give manager, dask, or the address of a "
            "Dask scheduler, such as tcp://127.0.0.1:8786."
        )
    with contextlib.closing(records):
        for (name, one), record in zip(given, records, strict=True):
            del record["run"]
            yield {"name": name, **record, "task": one["task"]}


def _on_manager(items: _Items, workers: int, folder: Path) -> _Records:
    """Start a server, and ``python3 -m labkit worker`` beside it."""
    from labkit.manager import shown
    from labkit.servers import start_server
    from labkit.supervised import Supervised

    said: list[str] = []
    with (
        start_server(name="jobs") as server,
        tempfile.TemporaryDirectory(prefix="labkit-") as private,
    ):
        key = server.write_key_file(Path(private) / "jobs.key")
        argv = [sys.executable, "-m", "labkit", "worker", "--job=labkit.jobs:assigned"]
        argv += ["--connect", shown(server.address), "--key-file", str(key)]
        argv += ["--workers", str(workers)]
        with Supervised(argv, said.append, cwd=folder) as pool:
            manager = server.connect()
            tasks, results = manager.get_task_queue(), manager.get_result_queue()
            tasks.put_many(items)
            records: dict[int, dict[str, Any]] = {}
            for item in items:
                while item["id"] not in records:
                    try:
                        record = results.get(timeout=0.5)
                        records[record["id"]] = record
                    except queue.Empty:
                        for dead in tasks.dead_letters():
                            records.setdefault(dead["id"], {**dead, "error": WORN_OUT})
                        if pool.exit_code is not None:
                            why = "".join(said).strip()
                            sentence = f"The workers have ended. {why}"
                            raise ServerStoppedError(sentence) from None
                yield records.pop(item["id"])


@contextlib.contextmanager
def dask_client(
    address: str | None = None, *, workers: int = 1, tls: str | Path | None = None
) -> Iterator[Any]:
    """Connect to a Dask scheduler, or start one with workers on this machine.

    Parameters and errors are those of :func:`run`; without an address one is started.
    """
    if address and address.startswith("tls://") != (tls is not None):
        raise LabkitError(
            f"{address} and --tls do not fit together: a tls:// address needs "
            "--tls FOLDER, and a tcp:// address is clear text."
        )
    distributed: Any = importlib.import_module("distributed")
    for name in ("distributed", "distributed.client"):  # exceptions say the same
        logging.getLogger(name).setLevel(logging.CRITICAL)
    security = None if tls is None else _security(Path(tls))
    with contextlib.ExitStack() as cleanup:
        place: Any = address or cleanup.enter_context(
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                protocol="tls" if tls else "tcp",
                dashboard_address="127.0.0.1:0",  # a free port; None would be 8787
                silence_logs=logging.CRITICAL,
                security=security,
            )
        )
        options = {"timeout": CONNECT_WITHIN_S, "set_as_default": False}
        try:
            client = distributed.Client(place, security=security, **options)
        except (OSError, TypeError, ValueError) as error:
            raise NoServerError(
                f"No Dask scheduler answers at {place} ({str(error).splitlines()[0]}). "
                "Start one with: dask scheduler; and workers with: dask worker ADDRESS"
            ) from None
        yield cleanup.enter_context(client)


def _security(folder: Path) -> Any:
    """Return Dask's settings: one certificate in all roles, nothing in clear text."""
    for name in _PEMS:
        if not (folder / name).is_file():
            raise LabkitError(
                f"{folder / name} is missing. --tls FOLDER needs {', '.join(_PEMS)}."
            )
    authority, cert, key = (str(folder / name) for name in _PEMS)
    settings: dict[str, Any] = {"tls_ca_file": authority, "require_encryption": True}
    for role in ("client", "scheduler", "worker"):
        settings |= {f"tls_{role}_cert": cert, f"tls_{role}_key": key}
    return importlib.import_module("distributed").Security(**settings)


def _on_dask(
    items: _Items, cluster: Any, say: _Say, folder: Path | None = None
) -> _Records:
    """Do items on a client's cluster; workers elsewhere get the modules of a folder."""
    with cluster as client:
        for module in {item["task"]["job"].partition(":")[0] for item in items}:
            if folder and (path := folder / f"{module}.py").is_file():
                client.upload_file(str(path))
        if not client.scheduler_info()["workers"]:
            say("The scheduler has no worker yet. Start one with: dask worker ADDRESS")
        futures = client.map(partial(perform, assigned), items, pure=False)
        for item, future in zip(items, futures, strict=True):
            try:
                yield future.result()
            except CancelledError:
                raise ServerStoppedError("The Dask scheduler has ended.") from None
            except Exception as error:  # noqa: BLE001 - the job's own is in a record
                is_dead = type(error).__name__ == "KilledWorker"
                why = WORN_OUT if is_dead else f"{type(error).__name__}: {error}"
                yield {**item, "error": why}
