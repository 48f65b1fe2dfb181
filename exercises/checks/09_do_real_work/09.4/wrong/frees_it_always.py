import sqlite3
from contextlib import closing


def deliver(letter, ledger, send):
    """Send a letter unless the ledger has it; say whether it was sent here."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY)")
        note = "INSERT OR IGNORE INTO sent VALUES (?)"
        if not db.execute(note, [letter["id"]]).rowcount:
            return False
        try:
            send(letter)
        finally:
            db.execute("DELETE FROM sent WHERE id = ?", [letter["id"]])
        return True
