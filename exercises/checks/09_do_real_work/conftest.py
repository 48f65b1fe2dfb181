"""What the tasks of this set share: a real mail server, and letters."""

import smtplib
import socket
from email.message import EmailMessage

import pytest

from labkit.lessons.mail import MailServer

ADA, NOBODY = "ada@shop.test", "nobody@shop.test"


class Office(MailServer):
    """A real SMTP server, which knows everybody but one, and how to write and send."""

    ADA, NOBODY = ADA, NOBODY
    WAITS = "The mail server answers at once: nothing here has to wait."

    def __init__(self):
        super().__init__()
        self.reject(NOBODY)

    @staticmethod
    def mail(message_id="<1@shop.test>", to=ADA):
        """Write a letter that can be sent."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = "shop@shop.test", to, "Tea"
        letter["Message-ID"] = message_id
        letter.set_content("Your order is on its way.")
        return letter

    def send(self, letter):
        """Send it, as a worker does; a dictionary is a letter with an id."""
        if isinstance(letter, dict):
            letter = self.mail(letter["id"])
        with smtplib.SMTP(*self.address, "localhost", timeout=5) as server:
            server.send_message(letter)


@pytest.fixture
def office():
    """Lend a mail server."""
    # smtplib introduces itself by this name; to look it up may take seconds.
    socket.getfqdn = lambda _name="": "localhost"
    office = Office()
    yield office
    office.stop()


@pytest.fixture
def free_port():
    """Lend a port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
