"""Queues that are still there after their server was killed: kept in one SQLite file.

SQLite, because it comes with Python, survives SIGKILL at any moment, and one
transaction can hold a batch. The package persist-queue would put a second queue
with its own acknowledgements below ours. In WAL mode with ``synchronous=NORMAL`` a
commit waits for no disk: it outlives the process, not a power cut in that second.

The price, measured: a put takes about 2.5 times as long as without a journal; put,
receive and ack together 1.8 times; an item of a batch of 1,000 some 10 times.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labkit._queues.callers import CALLER
from labkit._queues.packing import TAKING, Packed, pack
from labkit.errors import JournalError
from labkit.queues import TaskQueue

__all__ = ["Journal", "JournaledQueue"]

_APPLICATION_ID = 0x6C61626B  # "labk": tells our files from other SQLite files
_SCHEMA = """
CREATE TABLE queues (name TEXT PRIMARY KEY, maxsize INTEGER NOT NULL);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    queue TEXT NOT NULL,
    count INTEGER NOT NULL,
    items BLOB NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
);
"""
_INSERT = "INSERT INTO entries (id, place, queue, count, items) VALUES (?,?,?,?,?)"
_DELETE = "DELETE FROM entries WHERE id=?"

_Entry = tuple[int, Any]  # the row's id, and the item or Packed in it


class Journal:
    """The file behind the queues of one server.

    Parameters
    ----------
    path : str or pathlib.Path
        Made if it is not there. Two more files, ``-wal`` and ``-shm``, may stand
        beside it.

    Raises
    ------
    JournalError
        Another server uses the file, or it is no journal.

    Notes
    -----
    Safe for threads; for one process at a time, which the file's lock sees to.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            # autocommit: each statement below is a transaction, or says BEGIN.
            self._db = sqlite3.connect(
                self.path, timeout=0.5, check_same_thread=False, isolation_level=None
            )
            self._open()
            (last,) = self._db.execute("SELECT max(id) FROM entries").fetchone()
        except sqlite3.Error as error:
            raise self._error(error) from None
        self._next_id = (last or 0) + 1

    def _error(self, error: sqlite3.Error) -> JournalError:
        if "locked" in str(error):
            return JournalError(
                f"another server uses the journal {self.path}; stop it, or give "
                "another file"
            )
        return JournalError(
            f"{self.path} cannot be used as a journal ({error}); move it away, or give "
            "another file"
        )

    def _open(self) -> None:
        run = self._db.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        (owner,) = run("PRAGMA application_id").fetchone()
        if owner != _APPLICATION_ID and run("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.DatabaseError("it is another program's SQLite file")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=NORMAL")
        run("BEGIN IMMEDIATE")  # takes the lock for as long as we live
        if owner != _APPLICATION_ID:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                run(statement)
            run(f"PRAGMA application_id={_APPLICATION_ID}")
        run("COMMIT")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._db.close()

    def queues(self) -> list[tuple[str, int]]:
        """Return the name and ``maxsize`` of every queue in the file."""
        with self._lock:
            return list(self._db.execute("SELECT name, maxsize FROM queues"))

    def add_queue(self, name: str, maxsize: int) -> None:
        """Remember a queue."""
        with self._lock:
            row = (name, maxsize)
            self._db.execute("INSERT OR IGNORE INTO queues VALUES (?, ?)", row)

    def entries(self, queue: str) -> list[tuple[int, Packed, int, int]]:
        """Return id, items, deliveries and whether they are dead, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, count, items, deliveries, dead FROM entries"
                " WHERE queue=? ORDER BY place, id",
                (queue,),
            )
            return [(row[0], Packed(row[1], row[2]), row[3], row[4]) for row in rows]

    def add(self, queue: str, values: Sequence[Any]) -> list[_Entry]:
        """Write items in one transaction; return each with its row's id."""
        packed = [_packed(value) for value in values]
        with self._lock:
            ids = range(self._next_id, self._next_id + len(packed))
            rows = [
                (row, row, queue, one.count, one.blob)
                for row, one in zip(ids, packed, strict=True)
            ]
            self._run([(_INSERT, rows)])
            self._next_id = ids.stop
        return list(zip(ids, values, strict=True))

    def replace(self, queue: str, entry: _Entry, items: list[Any]) -> list[_Entry]:
        """Write the items of an opened entry in its place; return them with ids."""
        with self._lock:
            ids = range(self._next_id, self._next_id + len(items))
            (place,) = self._db.execute(
                "SELECT place FROM entries WHERE id=?", (entry[0],)
            ).fetchone()
            rows = [
                (row, place, queue, 1, pack([item]))
                for row, item in zip(ids, items, strict=True)
            ]
            self._run([(_INSERT, rows), (_DELETE, [(entry[0],)])])
            self._next_id = ids.stop
        return list(zip(ids, items, strict=True))

    def remove(self, entries: Iterable[_Entry]) -> None:
        """Forget items that were handed over or acknowledged."""
        with self._lock:
            self._run([(_DELETE, [(entry[0],) for entry in entries])])

    def mark(self, entry: _Entry, deliveries: int, dead: bool) -> None:
        """Remember how often an item was handed out, and whether it was given up."""
        row = (deliveries, dead, entry[0])
        with self._lock:
            self._run([("UPDATE entries SET deliveries=?, dead=? WHERE id=?", [row])])

    def _run(self, steps: list[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
        self._db.execute("BEGIN")
        try:
            for statement, rows in steps:
                self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except BaseException:  # a full disk, say: nothing is half written
            self._db.execute("ROLLBACK")
            raise


def _packed(value: Any) -> Packed:
    return value if type(value) is Packed else Packed(1, pack([value]))


class JournaledQueue(TaskQueue):
    """A :class:`TaskQueue` whose items are in a journal until they are done.

    An item is in the file before ``put`` answers. It leaves the file when it is
    acknowledged, or, taken with ``get``, when the answer has been sent.

    Parameters
    ----------
    journal : Journal
    name : str
        Its name in the file; the items found under it are its first ones.
    maxsize : int, default 0
        As for :class:`TaskQueue`.
    """

    # Here an entry is a pair: the row's id, and the item or Packed in it.

    def __init__(self, journal: Journal, name: str, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.journal = journal
        self.name = name
        journal.add_queue(name, maxsize)
        for row, packed, deliveries, dead in journal.entries(name):
            if dead:
                self._dead.append((row, packed))
            else:
                self._returned.append(((row, packed), deliveries))
                self._size += packed.count
        self.unfinished_tasks = self._size

    def _store(self, entries: list[Any], count: int) -> None:
        super()._store(self.journal.add(self.name, entries), count)

    def _value(self, entry: Any) -> Any:
        return entry[1]

    def _replace(self, entry: Any, items: list[Any]) -> list[Any]:
        return self.journal.replace(self.name, entry, items)

    def delivered(self, method: str) -> None:
        """Forget what was handed over for good."""
        if method in TAKING:
            self.journal.remove([entry for entry, _ in CALLER.taken])

    def _done(self, entry: Any) -> None:
        self.journal.remove([entry])

    def _note(self, entry: Any, deliveries: int, dead: bool) -> None:
        self.journal.mark(entry, deliveries, dead)
