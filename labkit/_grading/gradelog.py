"""Keep what has been graded in a file, so that a crash costs one answer and no more."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit._grading.marking import CheckResult, Graded

__all__ = ["GradeLog"]


class GradeLog:
    """The journal of a class: a line of JSON for each answer that was graded.

    An answer is found again by its job's id, a digest of the answer and of its checks:
    when one of the two has changed, it is graded anew.

    Parameters
    ----------
    path : Path
        The file; it is made when the first line is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Graded]:
        """Return what has been graded, by job id.

        A line that a crash cut short is passed over, and so is one that is damaged.
        """
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return {}
        found = (_graded(line) for line in lines)
        return {graded.job_id: graded for graded in found if graded}

    def add(self, graded: Graded, students: Iterable[str]) -> None:
        """Write down one answer; it is in the file when this returns.

        Parameters
        ----------
        graded : Graded
        students : iterable of str
            Whose answer it is, for people who read the file.
        """
        line = json.dumps({**asdict(graded), "students": sorted(students)})
        with self.path.open("a+b") as file:
            # After a line that a crash cut short, begin a new one.
            file.seek(max(0, file.tell() - 1))
            cut = file.read(1) not in {b"", b"\n"}
            file.write(b"\n" * cut + line.encode() + b"\n")


def _graded(line: str) -> Graded | None:
    try:
        entry: dict[str, Any] = json.loads(line)
        del entry["students"]
        entry["checks"] = tuple(CheckResult(**check) for check in entry["checks"])
        for name in ("notes", "noticed"):
            entry[name] = tuple(entry[name])
        return Graded(**entry)
    except (ValueError, TypeError, KeyError):
        return None
