"""Keep what a learner has reached: points, attempts, hints, predictions, answers.

The progress is a small JSON file, ``.labkit/progress.json`` in the checkout. Nothing
about it is ever fatal: where it cannot be kept, one sentence says so.
"""

import copy
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit._checks.progressfile import (
    KINDS,
    DamagedFileError,
    NewerFileError,
    back_up,
    nothing,
    read,
    set_aside,
    write,
)
from labkit._checks.tasks import EXERCISES
from labkit.locks import hold

__all__ = ["Progress"]

_Edit = Callable[[dict[str, Any]], object]

PATIENCE_S = 5.0
"""How long to wait for another notebook, which holds the file for milliseconds."""


class Progress:
    """The progress of one learner; a copy in memory, where there is no file.

    Parameters
    ----------
    path : Path, optional
        The file. By default what the environment variable ``LABKIT_PROGRESS`` names,
        or ``.labkit/progress.json`` in the checkout.

    Notes
    -----
    Several notebooks, processes and threads may share the file: it is read, changed
    and replaced under a lock, so none loses what another noted. A file that a newer
    version of the kit wrote is left as it is. A damaged one is set aside.
    """

    def __init__(self, path: Path | None = None) -> None:
        named = os.environ.get("LABKIT_PROGRESS")
        default = EXERCISES.parent / ".labkit" / "progress.json"
        self.path = path or (Path(named) if named else default)
        self._kept = nothing()  # what the file held when it was last read
        self._unkept: list[_Edit] = []  # changes that could not be written yet
        self._data = nothing()  # the one, changed by the others

    def attempt(self, task_id: str, points: float, out_of: float) -> str:
        """Note an attempt.

        Parameters
        ----------
        task_id : str
        points, out_of : float
            What it got, and the most it could get.

        Returns
        -------
        str
            A sentence, if the progress cannot be kept; otherwise nothing.
        """

        def count(data: dict[str, Any]) -> None:
            entry = data["tasks"].setdefault(task_id, {})
            entry["attempts"] = entry.get("attempts", 0) + 1
            entry["best"] = max(entry.get("best", 0.0), points)
            entry["out_of"] = out_of

        return self._change(count)

    def open_hint(self, task_id: str, count: int) -> tuple[int, str]:
        """Open one hint more.

        Parameters
        ----------
        task_id : str
        count : int
            How many hints the task has.

        Returns
        -------
        opened : int
            How many are open now; ``count + 1`` if there was none left to open.
        trouble : str
            As of :meth:`attempt`.
        """
        opened = 0

        def open_one(data: dict[str, Any]) -> None:
            nonlocal opened
            entry = data["tasks"].setdefault(task_id, {})
            opened = int(entry.get("hints", 0)) + 1
            entry["hints"] = min(opened, count)

        trouble = self._change(open_one)
        return opened, trouble

    def note(self, kind: str, name: str, entry: Mapping[str, object]) -> str:
        """Note what a learner predicted or answered.

        Parameters
        ----------
        kind : {"predictions", "quizzes", "orderings"}
        name : str
            The id of the prediction, quiz or ordering; an older entry is replaced.
        entry : mapping of str to JSON values
            Where it has ``right``, true or false, the progress counts it as such.

        Returns
        -------
        str
            As of :meth:`attempt`.

        Raises
        ------
        ValueError
            There is no such kind.
        TypeError
            JSON cannot hold the entry.
        """
        kept = json.loads(json.dumps(dict(entry)))
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of note: use one of {KINDS}.")

        def put(data: dict[str, Any]) -> None:
            data[kind][name] = kept

        return self._change(put)

    def noted(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what was noted.

        Parameters
        ----------
        kind : {"predictions", "quizzes", "orderings"}
        name : str

        Returns
        -------
        dict or None
            A copy of the entry, if there is one.
        """
        entry: dict[str, Any] | None = self.read()[0].get(kind, {}).get(name)
        return entry

    def reset(self, task_id: str, *once: str) -> str:
        """Forget attempts, points and hints of one task; keep a copy of the file.

        Parameters
        ----------
        task_id : str
        *once : str
            Other ids under which the file may have the task.

        Returns
        -------
        str
            What was done, in a sentence or two.
        """
        data, trouble = self.read()
        names = {task_id, *once} & set(data["tasks"])
        if not names:
            nothing_there = f"{task_id} was not begun: there is nothing to reset."
            return f"{nothing_there} {trouble}".strip()
        try:
            copy_of_all = back_up(self.path)
        except OSError as error:
            return (
                f"{task_id} was not reset: {self.path} cannot be copied first "
                f"({error.strerror})."
            )

        def forget(data: dict[str, Any]) -> None:
            for name in names:
                data["tasks"].pop(name, None)

        return self._change(forget) or (
            f"{task_id} begins again: its attempts, points and hints are gone. The "
            f"file as it was is {copy_of_all}."
        )

    def read(self) -> tuple[dict[str, Any], str]:
        """Return everything.

        Returns
        -------
        dict
            What the file holds, a copy: ``tasks`` and one mapping per kind of note.
        str
            As of :meth:`attempt`.
        """
        # Looking makes no file.
        trouble = self._change(None) if self.path.exists() or self._unkept else ""
        return copy.deepcopy(self._data), trouble

    def _change(self, edit: _Edit | None) -> str:
        """Read the file, apply a change, write it; return what is wrong, in words."""
        if edit is not None:
            self._unkept.append(edit)
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            with hold(lock, lambda: None, PATIENCE_S):
                trouble, writable = self._load()
                if writable and self._unkept:
                    write(self.path, self._data)
                    self._unkept.clear()
        except OSError as error:
            with suppress(OSError):
                self._load()
            return (
                f"Your progress is not being kept: {self.path} cannot be written "
                f"({error.strerror}); set LABKIT_PROGRESS to a file that can."
            )
        return trouble

    def _load(self) -> tuple[str, bool]:
        """Read what is kept; return what is wrong, and whether to write over it."""
        trouble, writable = "", True
        try:
            self._kept = read(self.path)
        except FileNotFoundError:
            self._kept = nothing()
        except NewerFileError as error:
            trouble, writable = str(error), False
        except DamagedFileError:
            trouble = (
                f"Your progress file was damaged; it is now {set_aside(self.path)}, "
                "and counting starts again."
            )
        finally:
            self._data = copy.deepcopy(self._kept)
            for edit in self._unkept:
                edit(self._data)
        return trouble, writable
