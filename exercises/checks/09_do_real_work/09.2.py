"""09.2: each story is played with real processes, then compared with the prediction."""

import os
import signal
import smtplib
import sqlite3
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

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


@points(1, "knows what a busy server keeps")
def test_busy(prediction, office, queue_server, program):
    """The server is busy twice."""
    office.postpone(2)
    copies = _play(office, queue_server, program, USUAL)
    why = "What is answered with 451 has not been taken: only the third try counts."
    prediction.must_be("busy twice, then taken", copies, why)


@points(1, "knows what a lost answer leads to")
def test_lost_answer(prediction, office, queue_server, program):
    """The server takes the letter, and its answer is lost."""
    office.hang_up(1)
    copies = _play(office, queue_server, program, USUAL)
    why = "The server had the letter before its answer was lost, and it got it again."
    prediction.must_be("taken, answer lost, sent again", copies, why)


@points(1, "knows what a death before the ledger leads to")
def test_killed_before_the_ledger(prediction, office, queue_server, program):
    """The worker dies between the sending and the ledger."""
    copies = _play(office, queue_server, program, USUAL, "write")
    why = "The ledger knew nothing, and the letter came back to the queue."
    prediction.must_be("sent, killed before the ledger", copies, why)


@points(1, "knows what the ledger saves")
def test_killed_before_ack(prediction, office, queue_server, program):
    """The worker dies between the ledger and the acknowledgement."""
    copies = _play(office, queue_server, program, USUAL, "ack")
    why = "The letter came back, and the next worker found its id in the ledger."
    prediction.must_be("sent, in the ledger, killed before ack", copies, why)


@points(1, "knows what a ledger written too early loses")
def test_ledger_first(prediction, office, queue_server, program):
    """The ledger is written before the sending, and the worker dies in between."""
    copies = _play(office, queue_server, program, ["write", "send", "ack"], "send")
    why = "The ledger says that it was sent: so nobody ever sends it."
    prediction.must_be("in the ledger first, killed before sending", copies, why)


@points(1, "knows what an early ack() loses")
def test_ack_first(prediction, office, queue_server, program):
    """The letter is acknowledged before the sending, and the worker dies in between."""
    copies = _play(office, queue_server, program, ["ack", "send", "write"], "send")
    why = "After ack() only the worker knew of the letter, and it is dead."
    prediction.must_be("acknowledged first, killed before sending", copies, why)
