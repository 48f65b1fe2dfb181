"""Keep what a learner has reached: best points, attempts, hints opened.

The progress is a small JSON file, ``.labkit/progress.json`` in the checkout. Nothing
about it is ever fatal: where it cannot be kept, one sentence says so.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from labkit.tasks import EXERCISES

__all__ = ["Progress"]


class Progress:
    """The progress of one learner; a copy in memory, where there is no file.

    Parameters
    ----------
    path : Path, optional
        The file. By default what the environment variable ``LABKIT_PROGRESS`` names,
        or ``.labkit/progress.json`` in the checkout.

    Notes
    -----
    The file is read before and replaced after each change, in one step: several
    notebooks may share it. Two that change it in the same instant may lose one of
    the changes, and nothing else.
    """

    def __init__(self, path: Path | None = None) -> None:
        named = os.environ.get("LABKIT_PROGRESS")
        default = EXERCISES.parent / ".labkit" / "progress.json"
        self.path = path or (Path(named) if named else default)
        self._tasks: dict[str, dict[str, Any]] = {}

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
        trouble = self._read()
        entry = self._tasks.setdefault(task_id, {})
        entry["attempts"] = entry.get("attempts", 0) + 1
        entry["best"] = max(entry.get("best", 0.0), points)
        entry["out_of"] = out_of
        return self._write() or trouble

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
        trouble = self._read()
        entry = self._tasks.setdefault(task_id, {})
        opened = int(entry.get("hints", 0)) + 1
        entry["hints"] = min(opened, count)
        return opened, self._write() or trouble

    def _read(self) -> str:
        try:
            tasks = json.loads(self.path.read_text(encoding="utf-8"))["tasks"]
            self._tasks = {name: dict(entry) for name, entry in tasks.items()}
        except OSError:
            return ""  # not there yet, or not readable: writing will say which
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._set_aside()
        return ""

    def _set_aside(self) -> str:
        broken = self.path.with_name(self.path.name + ".broken")
        try:
            self.path.replace(broken)
        except OSError as error:
            return f"{self.path} is damaged and cannot be moved aside: {error}."
        return (
            f"Your progress file was damaged; it is now {broken}, and counting "
            "starts again."
        )

    def _write(self) -> str:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.path.parent, encoding="utf-8", delete=False
            ) as file:
                json.dump({"version": 1, "tasks": self._tasks}, file, indent=1)
            Path(file.name).replace(self.path)
        except OSError as error:
            return (
                f"Your progress is not being kept: {self.path} cannot be written "
                f"({error.strerror}); set LABKIT_PROGRESS to a file that can."
            )
        return ""
