import sqlite3
from contextlib import closing


def deliver(letter, ledger, send):
    """Send a letter unless the ledger has it; say whether it was sent here."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY)")
        db.execute("BEGIN IMMEDIATE")
        try:
            find = "SELECT id FROM sent WHERE id = ?"
            if db.execute(find, [letter["id"]]).fetchone():
                return False
            send(letter)
            db.execute("INSERT INTO sent VALUES (?)", [letter["id"]])
            return True
        finally:
            db.execute("COMMIT")
