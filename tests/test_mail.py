"""start_mail_server(): a real SMTP server, and its failures on purpose."""

import doctest
import smtplib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from labkit.lessons import mail
from labkit.lessons.mail import start_mail_server

SHOP, ADA = "shop@lab.test", "ada@lab.test"


@pytest.fixture(scope="module")
def server():
    """Share one server; each test looks at what came since it began."""
    with start_mail_server() as server:
        yield server


def letter(to=ADA, subject="Tea", message_id="<1@lab.test>"):
    """Write a letter."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SHOP, to, subject
    message["Message-ID"] = message_id
    message.set_content("Your order is on its way.")
    return message


def send(server, message):
    """Send it as a learner does; return the recipients that were refused."""
    with smtplib.SMTP(*server.address) as client:
        return client.send_message(message)


def test_a_letter_is_read_back(server):
    """The envelope, the Message-ID, the subject and the time are in a frozen record."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert send(server, letter(subject="Grüße", message_id="<7@lab.test>")) == {}
    found = server.messages()[-1]
    assert (found.sender, found.recipients) == (SHOP, (ADA,))
    assert (found.message_id, found.subject) == ("<7@lab.test>", "Grüße")
    assert before < found.received_at <= datetime.now(UTC)
    assert found.answered
    with pytest.raises(AttributeError):
        found.subject = "milk"


def test_strange_letters_are_kept():
    """No header, broken encodings: a server takes what it is given."""
    texts = [b"", b"no header", b"Subject: =?utf-8?q?=FF?=", b"Message-ID: <<", b"\xff"]
    with start_mail_server() as server, smtplib.SMTP(*server.address) as client:
        for text in texts:
            client.sendmail(SHOP, [ADA], text)
    assert len(server.messages()) == 5
    assert server.messages()[0].message_id == server.messages()[0].subject == ""


def test_stopping_cuts_open_connections():
    """A client that stays connected does not hold it up; stopping twice is fine."""
    server = start_mail_server()
    with smtplib.SMTP(*server.address) as client:
        server.stop()
        server.stop()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_the_example_runs():
    """What the docstring shows is what happens."""
    failed, tried = doctest.testmod(mail)
    assert (failed, tried) == (0, 2)
