"""Read a job file: what is to be done, without a word about where."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.commands.jobs import load_job

__all__ = ["Work", "assignments", "read_job_file"]


@dataclass(frozen=True, slots=True)
class Work:
    """One job, and the tasks it is to be done with.

    Attributes
    ----------
    name : str
        What the job file calls it.
    job : str
        See :func:`.jobs.load_job`.
    tasks : tuple
        What the job is given, one after the other.
    """

    name: str
    job: str
    tasks: tuple[Any, ...]


def read_job_file(path: str | Path) -> list[Work]:
    """Read a job file.

    Parameters
    ----------
    path : str or Path
        TOML, with a table for each job: ``job``, as ``--job`` of the worker, and
        ``tasks``, a list, or ``files``, patterns of files beside the job file. A
        file is handed over as its whole path, for the worker to open.

    Returns
    -------
    list of Work

    Raises
    ------
    ValueError
        It is no TOML, a table lacks an entry, or a job cannot be loaded.
    OSError
        It cannot be read.
    """
    path = Path(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    if not tables:
        raise ValueError(f"{path} has no job: begin with a line such as [squares]")
    return [_work(path, name, table) for name, table in tables.items()]


def _work(path: Path, name: str, table: Any) -> Work:
    what = f"[{name}] of {path}"
    if not isinstance(table, dict) or not isinstance(table.get("job"), str):
        raise ValueError(  # noqa: TRY004 - of a text
            f'{what} names no job: add a line such as job = "square"'
        )
    tasks = table.get("tasks", [])
    patterns = table.get("files", [])
    if not all(isinstance(given, list) for given in (tasks, patterns)):
        raise ValueError(f"{what}: tasks and files are lists, in square brackets")
    load_job(table["job"])
    found = [*tasks, *_files(path.resolve().parent, patterns, what)]
    if not found:
        raise ValueError(f"{what} has no task: add tasks = [...] or files = [...]")
    return Work(name, table["job"], tuple(found))


def _files(folder: Path, patterns: Sequence[str], what: str) -> Iterator[str]:
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if not found:
            raise ValueError(f"{what}: no file beside it matches {pattern!r}")
        yield from map(str, found)


def assignments(works: Sequence[Work]) -> list[dict[str, Any]]:
    """Return every task of every job, as :func:`.jobs.assigned` takes them."""
    return [{"job": work.job, "task": task} for work in works for task in work.tasks]
