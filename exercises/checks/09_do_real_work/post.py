"""What the checks of this set share: a real SMTP server, and workers that get killed.

A check imports it by ``importlib``, since the folder's name is no identifier.
"""

import multiprocessing
import os
import signal
import smtplib
import socket
import sqlite3
import sys
from email.message import EmailMessage
from email.utils import make_msgid

import pytest

from labkit._checks.rig import until
from labkit.lessons.mail import PostOffice
from labkit.manager import QueueManager, connect

ADA, NOBODY = "ada@shop.test", "nobody@shop.test"
WAITS = "The mail server answers at once: nothing here has to wait."


@pytest.fixture
def office():
    """Lend a real SMTP server, which knows everybody but one."""
    # smtplib introduces itself by this name; to look it up may take seconds.
    socket.getfqdn = lambda _name="": "localhost"
    office = PostOffice()
    office.reject(NOBODY)
    yield office
    office.close()


@pytest.fixture(scope="module")
def depot():
    """Lend a queue server to all checks of a task."""
    depot = QueueManager(("127.0.0.1", 0), os.urandom(16), ctx=_context())
    depot.start()
    yield depot
    depot.shutdown()


@pytest.fixture
def free_port():
    """Lend a port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def mail(message_id="<1@shop.test>", to=ADA):
    """Write a letter that can be sent."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "shop@shop.test", to, "Tea"
    letter["Message-ID"] = message_id
    letter.set_content("Your order is on its way.")
    return letter


def send(letter, address):
    """Send it, as a worker does; a dictionary is a letter with an id."""
    if isinstance(letter, dict):
        letter = mail(letter["id"])
    with smtplib.SMTP(*address, "localhost", timeout=5) as server:
        server.send_message(letter)


class Story:
    """One letter, the steps of a worker, and what ends the worker."""

    def __init__(self, office, depot, folder):
        self._office, self._depot = office, depot
        self._ledger = folder / "ledger.db"
        self._ledger.unlink(missing_ok=True)

    def copies(self, steps, dies_before=None):
        """Let a worker die before a step, another one follow; count the copies."""
        depot, name = self._depot, make_msgid()
        letters = depot.get_queue(name)
        letters.put(make_msgid(domain="shop.test"))
        job = {
            "place": (depot.address, bytes(depot._authkey), name),
            "mail": self._office.address,
            "ledger": str(self._ledger),
            "steps": steps,
        }
        if dies_before is not None:
            worker = _context().Process(target=work, args=(job, dies_before))
            worker.start()
            worker.join()
            until(lambda: not letters.stats().unacked)  # all is acked, or back
        if letters.qsize():
            work(job, None)
        return len(self._office.messages())


def _context():
    # Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def work(job, dies_before):
    """Take the letter, and do the steps."""
    address, key, name = job["place"]
    letters = connect(address, key).get_queue(name)
    ledger = sqlite3.connect(job["ledger"], isolation_level=None)
    # A killed process loses nothing by it; only a power cut would.
    ledger.execute("PRAGMA synchronous = OFF")
    ledger.execute("CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY)")
    receipt, id_ = letters.receive()
    known = ledger.execute("SELECT id FROM sent WHERE id = ?", [id_]).fetchone()
    deeds = {
        "send": lambda: known or _send_on(mail(id_), job["mail"]),
        "write": lambda: known or ledger.execute("INSERT INTO sent VALUES (?)", [id_]),
        "ack": lambda: letters.ack(receipt),
    }
    for step in job["steps"]:
        if step == dies_before:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        deeds[step]()
    ledger.close()


def _send_on(letter, address):
    for _ in range(5):
        try:
            return send(letter, address)
        except smtplib.SMTPException:
            pass
    return None
