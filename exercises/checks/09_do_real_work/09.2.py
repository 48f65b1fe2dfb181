"""09.2: each story is played with real processes, then compared with the prediction."""

import os
import signal
import smtplib
import sqlite3
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pytest

from labkit import connect
from labkit.grader.fixtures import points, until

PREDICTS = "copies"
USUAL = ["send", "write", "ack"]


def _play(office, queue_server, program, steps, dies_before=None):
    """Let a worker die before a step, another one follow; count the copies."""
    Path("ledger.db").unlink(missing_ok=True)
    letters = queue_server.queue([make_msgid(domain="shop.test")])
    place = queue_server.address, queue_server.authkey, letters.name
    job = place, office.address, str(Path("ledger.db").resolve()), steps
    if dies_before is not None:
        program(_work, *job, dies_before).ends()
        until(lambda: not letters.stats().unacked)  # all is acked, or back
    if letters.qsize():
        _work(None, *job, None)
    return len(office.messages())


def _work(wire, place, mail, path, steps, dies_before):
    """Take the letter, and do the steps."""
    address, key, name = place
    letters = connect(address, key).get_queue(name)
    ledger = sqlite3.connect(path, isolation_level=None)
    # A killed process loses nothing by it; only a power cut would.
    ledger.execute("PRAGMA synchronous = OFF")
    ledger.execute("CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY)")
    receipt, id_ = letters.receive()
    known = ledger.execute("SELECT id FROM sent WHERE id = ?", [id_]).fetchone()
    deeds = {
        "send": lambda: known or _send_on(id_, mail),
        "write": lambda: known or ledger.execute("INSERT INTO sent VALUES (?)", [id_]),
        "ack": lambda: letters.ack(receipt),
    }
    for step in steps:
        if step == dies_before:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        deeds[step]()
    ledger.close()


def _send_on(id_, address):
    """Send a letter, up to five times."""
    letter = EmailMessage()
    letter["From"], letter["To"] = "shop@shop.test", "ada@shop.test"
    letter["Message-ID"] = id_
    for _ in range(5):
        try:
            with smtplib.SMTP(*address, "localhost", timeout=5) as server:
                return server.send_message(letter)
        except smtplib.SMTPException:
            pass
    return None


@pytest.fixture
def must_be(prediction, office, queue_server, program):
    """Lend a function that plays a story, and compares the copies that arrived."""

    def compare(story, why, steps=USUAL, dies_before=None):
        before = len(office.messages())
        copies = _play(office, queue_server, program, steps, dies_before) - before
        prediction.must_be(story, copies, why)

    return compare


@points(2, "knows what a mail server has when it says nothing")
def test_mail_server(must_be, office):
    """The server is busy twice; then it takes a letter, and its answer is lost."""
    office.postpone(2)
    why = "451 means that the letter was not taken: only the third try counts."
    must_be("busy twice, then taken", why)
    office.hang_up(1)
    why = "The server had the letter before its answer was lost, and got it again."
    must_be("taken, answer lost, sent again", why)


@points(2, "knows what a death after the sending leads to")
def test_killed_after_sending(must_be):
    """The worker dies before the ledger, or before the acknowledgement."""
    why = "The ledger knew nothing, and the letter went back to the queue."
    must_be("sent, killed before the ledger", why, dies_before="write")
    why = "The letter went back, and the next worker found its id in the ledger."
    must_be("sent, in the ledger, killed before ack", why, dies_before="ack")


@points(2, "knows what is lost when the sending comes last")
def test_sent_too_late(must_be):
    """The ledger or the queue is told before the letter is sent."""
    why = "The ledger says that it was sent, so nobody ever sends it."
    story = "in the ledger first, killed before sending"
    must_be(story, why, ["write", "send", "ack"], "send")
    why = "After ack() only the worker knew of the letter, and it is dead."
    story = "acknowledged first, killed before sending"
    must_be(story, why, ["ack", "send", "write"], "send")
