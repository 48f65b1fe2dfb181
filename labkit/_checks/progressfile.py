"""The file of a learner's progress: read, judged, replaced in one step, set aside.

It holds JSON: ``version``, ``tasks`` and one mapping for each kind of note. What this
version of the kit does not know is kept as it is, so that a newer one finds it again.
"""

import json
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from labkit.errors import LabkitError

__all__ = [
    "KINDS",
    "VERSION",
    "DamagedFileError",
    "NewerFileError",
    "back_up",
    "nothing",
    "read",
    "set_aside",
    "write",
]

VERSION = 1
"""Raised only when a field that is there changes its meaning; new fields do not."""

KINDS = ("predictions", "quizzes", "orderings")
"""The kinds of notes beside the tasks: one mapping of names to entries for each."""

_NUMBERS = ("attempts", "best", "out_of", "hints")


class DamagedFileError(LabkitError):
    """A file of progress holds something else."""


class NewerFileError(LabkitError):
    """A newer version of the kit wrote the file, so this one cannot judge it."""


def nothing() -> dict[str, Any]:
    """Return what the file of somebody who has done nothing would hold."""
    return {"version": VERSION, "tasks": {}} | {kind: {} for kind in KINDS}


def read(path: Path) -> dict[str, Any]:
    """Read a file of progress.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict
        All that it holds, with a mapping under ``tasks`` and under each of `KINDS`.

    Raises
    ------
    DamagedFileError
        It is no file of progress; the message says why.
    NewerFileError
        A newer version of the kit wrote it.
    OSError
        It is not there, or cannot be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is not JSON: {error}.") from error
    if not isinstance(data, dict) or "tasks" not in data:
        raise DamagedFileError(f"{path} holds no tasks.")
    version = data.setdefault("version", VERSION)
    if _is_number(version) and version > VERSION:
        raise NewerFileError(
            f"Your progress is not being kept: {path} comes from a newer version of "
            "the kit and is left as it is; get that version, or set LABKIT_PROGRESS to "
            "another file."
        )
    _judge(path, data)
    return data


def _judge(path: Path, data: dict[str, Any]) -> None:
    for section in ("tasks", *KINDS):
        entries = data.setdefault(section, {})
        if not _is_mapping_of_mappings(entries):
            raise DamagedFileError(f"{path}: {section} is no mapping of entries.")
    numbers = [
        entry[field]
        for entry in data["tasks"].values()
        for field in _NUMBERS
        if field in entry
    ]
    if not all(map(_is_number, [data["version"], *numbers])):
        raise DamagedFileError(f"{path} has something else where numbers belong.")


def _is_mapping_of_mappings(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) for entry in value.values()
    )


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )


def set_aside(path: Path) -> Path:
    """Give a damaged file another name, which no earlier one has.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    pathlib.Path
        Its new name: ``progress.json.broken``, or ``progress.json.broken-2``.

    Raises
    ------
    OSError
        It cannot be renamed.
    """
    return path.rename(_free_name(path, "broken"))


def back_up(path: Path) -> Path:
    """Copy the file to a name that no earlier copy has.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    pathlib.Path
        The copy: ``progress.json.backup``, or ``progress.json.backup-2``.

    Raises
    ------
    OSError
        It cannot be copied.
    """
    return Path(shutil.copy2(path, _free_name(path, "backup")))


def _free_name(path: Path, ending: str) -> Path:
    free, count = path.with_name(f"{path.name}.{ending}"), 1
    while free.exists():
        count += 1
        free = path.with_name(f"{path.name}.{ending}-{count}")
    return free


def write(path: Path, data: dict[str, Any]) -> None:
    """Replace the file in one step: whoever reads it sees all of it, old or new.

    Parameters
    ----------
    path : pathlib.Path
        Its folder is there.
    data : dict

    Raises
    ------
    OSError
        It cannot be written; the old file is as it was.
    """
    text = json.dumps(data, indent=1)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
