"""The file that keeps a server's queues even if it is killed: SQLite.

SQLite, because it comes with Python, survives SIGKILL at any moment, and one
transaction can hold a batch. In WAL mode with ``synchronous=NORMAL`` a commit waits
for no disk: it outlives the process, not a power cut in that second.

The price, measured: a put takes about 2.5 times as long as without a journal; put,
receive and ack together 1.8 times; an item of a batch of 1,000 some 10 times.
"""

import contextlib
import itertools
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.errors import JournalError
from labkit.manager.entries import Entry

_APPLICATION_ID = 0x6C61626B  # "labk": distinguishes our files from other SQLite files
_SCHEMA = f"""
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
PRAGMA application_id={_APPLICATION_ID};
"""
_INSERT = (
    "INSERT INTO entries (id, place, queue, count, items, deliveries)"
    " VALUES (?,?,?,?,?,?)"
)
_MARK = "UPDATE entries SET deliveries=?, dead=? WHERE id=?"
_DELETE = "DELETE FROM entries WHERE id=?"


class Journal:
    """The file behind the queues of one server; made if it is not there.

    Safe for threads; for one process at a time, which the file's lock sees to: another
    gets a JournalError, as for a file that is no journal. Two more files, ``-wal`` and
    ``-shm``, may be beside it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self.late: list[tuple[int]] = []  # rows that could not be removed in time
        try:
            # Only its owner may read what is queued; SQLite makes -wal like the file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self.path.chmod(0o600)
            commits = _commits_in_log(self.path)
            # autocommit: each statement below is a transaction, or says BEGIN.
            self._db = sqlite3.connect(
                self.path, timeout=0.5, check_same_thread=False, isolation_level=None
            )
            self._open()
            self.lost_writes = 0
            with contextlib.suppress(sqlite3.Error):  # a full disk: only writes mind
                # SQLite ignores a log from its first damaged frame on, without a word.
                _, good, _ = self._db.execute("PRAGMA wal_checkpoint").fetchone()
                self.lost_writes = sum(frame > good for frame in commits)
            (last,) = self._db.execute("SELECT max(id) FROM entries").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from None
        self.new_ids = itertools.count((last or 0) + 1)

    def _error(self, error: Exception, doing: str = "used") -> JournalError:
        if "locked" in str(error):
            cure = "another server uses it: stop that, or give another file"
        elif doing == "used":
            cure = "move it away, or give another file"
        else:
            cure = "so nothing was changed: make room, or mend the disk, then try again"
        return JournalError(
            f"the journal {self.path} cannot be {doing} ({error}); {cure}"
        )

    def _open(self) -> None:
        run = self._db.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        (owner,) = run("PRAGMA application_id").fetchone()
        if owner != _APPLICATION_ID and run("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.DatabaseError("it is another program's SQLite file")
        (state,) = run("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(f"it is damaged: {state.splitlines()[-1]}")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=NORMAL")
        schema = "" if owner == _APPLICATION_ID else _SCHEMA
        # This takes the lock for as long as we live.
        self._db.executescript(f"BEGIN IMMEDIATE; {schema} COMMIT")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with contextlib.suppress(JournalError):
            self.write([])
        with self._lock:
            self._db.close()

    def queues(self) -> list[tuple[str, int]]:
        """Return the name and ``maxsize`` of every queue in the file."""
        return self.read("SELECT name, maxsize FROM queues")

    def queue(self, name: str, maxsize: int) -> "QueueJournal":
        """Return the part of the file for one queue, which it remembers."""
        self.write([("INSERT OR IGNORE INTO queues VALUES (?, ?)", [(name, maxsize)])])
        return QueueJournal(self, name)

    def read(self, query: str, *values: Any) -> list[Any]:
        """Return the rows that a query finds."""
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from None

    def write(self, steps: Sequence[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
        """Do all the steps or, with a JournalError, none; the next may work again."""
        with self._lock:
            try:
                with self._db:  # it commits, or rolls back
                    self._db.execute("BEGIN")
                    for statement, rows in (*steps, (_DELETE, self.late)):
                        self._db.executemany(statement, rows)
            except sqlite3.Error as error:
                raise self._error(error, "written") from None
            self.late = []


def _commits_in_log(path: Path) -> list[int]:
    """Return which frames of the write-ahead log end a transaction, counted from 1."""
    log = Path(f"{path}-wal")
    data = log.read_bytes() if log.exists() else b""
    page_size, salts = int.from_bytes(data[8:12], "big"), data[16:24]
    frames = enumerate(range(32, len(data), page_size + 24), 1)
    return [
        number
        for number, at in frames
        if data[at + 8 : at + 16] == salts and any(data[at + 4 : at + 8])
    ]


class QueueJournal:
    """The part of a journal that one :class:`~labkit.manager.TaskQueue` writes to."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name

    def entries(self) -> tuple[list[Entry], list[Entry]]:
        """Return what waits, and the dead letters, each oldest first."""
        rows = self._journal.read(
            "SELECT id, count, items, deliveries, dead FROM entries"
            " WHERE queue=? ORDER BY place, id",
            self._name,
        )
        waiting: list[Entry] = []
        dead: list[Entry] = []
        for row, count, blob, deliveries, is_dead in rows:
            entry = Entry(count, None, blob, row=row, deliveries=deliveries)
            (dead if is_dead else waiting).append(entry)
        return waiting, dead

    def add(self, entries: list[Entry]) -> None:
        """Write new items, all or none; an item that cannot be pickled is an error."""
        self._journal.write([(_INSERT, self._rows(entries))])

    def replace(self, entry: Entry, parts: list[Entry]) -> None:
        """Write the parts of an entry in its place."""
        ((place,),) = self._journal.read(
            "SELECT place FROM entries WHERE id=?", entry.row
        )
        rows = self._rows(parts, place)
        self._journal.write([(_INSERT, rows), (_DELETE, [(entry.row,)])])

    def _rows(
        self, entries: list[Entry], place: int | None = None
    ) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for one in entries:
            one.row = next(self._journal.new_ids)
            where = one.row if place is None else place
            blob = one.pickled()  # an item that was put alone becomes a list of one
            rows.append((one.row, where, self._name, one.count, blob, one.deliveries))
        return rows

    def remove(self, entries: list[Entry]) -> None:
        """Forget items that were acknowledged."""
        self._journal.write([(_DELETE, [(entry.row,) for entry in entries])])

    def delivered(self, entries: list[Entry]) -> None:
        """Forget items that a caller has: where that fails, at the next write."""
        try:
            self.remove(entries)
        except JournalError:
            self._journal.late += [(entry.row,) for entry in entries]

    def mark(self, entry: Entry, dead: bool) -> None:
        """Remember how often it was handed out, and if it is dead, if possible."""
        row = (entry.deliveries, dead, entry.row)
        with contextlib.suppress(JournalError):
            self._journal.write([(_MARK, [row])])
