"""What a learner has answered: rows in one small SQLite file.

Nothing here is ever fatal: while the file cannot be used, the answers are remembered
until the kernel ends, and :attr:`Logbook.trouble` says so in a sentence.
"""

import json
import os
import shutil
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = ("predictions", "quizzes", "orderings")
VERSION = 1  # raise it only when an older kit must not write to the file any more
PATIENCE_S = 5.0  # for other kernels, which hold the file for milliseconds
_TABLES = """
CREATE TABLE tasks (name TEXT PRIMARY KEY, attempts INTEGER NOT NULL DEFAULT 0,
  best REAL NOT NULL DEFAULT 0, out_of REAL NOT NULL DEFAULT 0,
  hints INTEGER NOT NULL DEFAULT 0);
CREATE TABLE notes (kind TEXT, name TEXT, entry TEXT, PRIMARY KEY (kind, name));
PRAGMA user_version = 1"""
_ATTEMPT = """INSERT INTO tasks (name, attempts, best, out_of) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET attempts = attempts + excluded.attempts,
best = max(best, excluded.best), out_of = excluded.out_of"""
_HINTS = """INSERT INTO tasks (name, hints) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET hints = max(hints, excluded.hints)"""
_NOTE = """INSERT INTO notes VALUES (?, ?, ?)
ON CONFLICT (kind, name) DO UPDATE SET entry = excluded.entry"""
_LOCK = threading.Lock()
_WAITING = defaultdict[Path, list[tuple[str, tuple[Any, ...]]]](list)  # for the file
_ODD = (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class TaskRow:
    """What is known of one task: the attempts, the best points, the open hints."""

    attempts: int = 0
    best: float = 0.0
    out_of: float = 0.0
    hints: int = 0


class Logbook:
    """The learner's answers, safe for several kernels and threads at once.

    The file is the one that the environment variable ``LABKIT_PROGRESS`` names (its
    ending ``.json`` becomes ``.db``), else ``.labkit/progress.db`` in the checkout, or
    in your home folder where there is no checkout to write to. Its first use takes over
    ``progress.json``, which version 0.1 kept beside it. Looking makes no file, and
    while nbgrader runs nothing is kept. After each call :attr:`trouble` is empty, or
    says why the file could not be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.trouble = path or _default_path(), ""
        self._old = self.path.with_suffix(".json")
        self._waiting = _WAITING[self.path]

    def attempt(self, task: str, points: float, out_of: float) -> None:
        """Count an attempt at a task, and keep the points if they are the best."""
        self._change(_ATTEMPT, task, 1, points, out_of)

    def open_hints(self, task: str, count: int) -> None:
        """Note that the first `count` hints of a task are open."""
        self._change(_HINTS, task, count)

    def tasks(self) -> dict[str, TaskRow]:
        """Return each task that was tried, or of which a hint was opened."""
        rows = self._use("SELECT name, attempts, best, out_of, hints FROM tasks")
        return {name: TaskRow(*row) for name, *row in rows}

    def forget(self, *tasks: str) -> Path | None:
        """Forget tasks; return a copy of the file, None if nothing was forgotten."""
        copy = self.path.with_name(f"{self.path.name}.backup")
        if not set(tasks) & set(self.tasks()) or self.trouble:
            return None
        try:
            shutil.copy2(self.path, copy)
        except OSError as error:
            self.trouble = f"Nothing was reset: no copy could be made ({error})."
            return None
        for task in tasks:
            self._change("DELETE FROM tasks WHERE name = ?", task)
        return copy

    def note(self, kind: str, name: str, entry: Mapping[str, Any]) -> None:
        """Keep JSON values for a question, instead of earlier ones; kind: of `KINDS`.

        ``labkit.progress()`` counts an entry's ``right``, True or False.
        """
        self._change(_NOTE, kind, name, json.dumps(dict(entry)))

    def notes(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return all entries of a kind, by the ids of their questions."""
        rows = self._use("SELECT name, entry FROM notes WHERE kind = ?", kind)
        return {name: json.loads(entry) for name, entry in rows}

    def _change(self, sql: str, *values: Any) -> None:
        if "NBGRADER_EXECUTION" not in os.environ:  # that is not the learner
            with _LOCK:
                self._waiting.append((sql, values))
            self._use("SELECT 1")

    def _use(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Make the changes that wait, then ask: in the file, else in memory."""
        with _LOCK:
            self.trouble = ""
            if not (self._waiting or self.path.exists() or self._old.exists()):
                return []
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                rows = self._work(str(self.path), sql, values)
                self._waiting.clear()
            except (sqlite3.Error, OSError) as error:
                rows = self._work(":memory:", sql, values)
                self.trouble = (
                    f"Your answers are not being kept: {self.path} cannot be used "
                    f"({getattr(error, 'strerror', None) or error}). Set "
                    "LABKIT_PROGRESS to a file on a local disk that you can write."
                )
            return rows

    def _work(self, place: str, sql: str, values: Any) -> list[Any]:
        with closing(
            sqlite3.connect(place, timeout=PATIENCE_S, isolation_level=None)
        ) as db:
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise sqlite3.DatabaseError("a newer version of the kit wrote it")
            if version == 0:
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                if self._old.is_file():
                    self._take_over(db)
            for change in self._waiting:
                db.execute(*change)
            rows = db.execute(sql, values).fetchall()
            db.execute("COMMIT")
            return rows

    def _take_over(self, db: sqlite3.Connection) -> None:
        """Read the JSON file of version 0.1, which stays as it is (until 0.3)."""
        try:
            data = json.loads(self._old.read_text(encoding="utf-8"))
            for name, row in data["tasks"].items():
                numbers = [float(row.get(key, 0)) for key in TaskRow.__annotations__]
                db.execute(_ATTEMPT, (name, *numbers[:3]))
                db.execute(_HINTS, (name, numbers[3]))
            for kind in KINDS:
                for name, entry in data.get(kind, {}).items():
                    db.execute(_NOTE, (kind, name, json.dumps(dict(entry))))
        except _ODD:
            self.trouble = f"{self._old} is damaged: earlier points may be missing."


def _default_path() -> Path:
    if named := os.environ.get("LABKIT_PROGRESS"):
        path = Path(named)
        return path.with_suffix(".db") if path.suffix == ".json" else path
    root = Path(__file__).resolve().parents[1]
    own = (root / "pyproject.toml").is_file() and os.access(root, os.W_OK)
    return (root if own else Path.home()) / ".labkit" / "progress.db"
