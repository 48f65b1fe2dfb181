import smtplib
from email.message import EmailMessage
from itertools import count


numbers = count(1)


def put(letters, to, about):
    """Put a letter into the queue."""
    id_ = f"<{next(numbers)}@shop.test>"
    letters.put({"id": id_, "to": to, "about": about})


def send(letter, host, port):
    """Hand a letter to the mail server."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "shop@shop.test", letter["to"]
    mail["Subject"] = letter["about"]
    mail["Message-ID"] = letter["id"]
    mail.set_content("Your order is on its way.")
    with smtplib.SMTP(host, port) as server:
        server.send_message(mail)
