import smtplib
from email.message import EmailMessage
from email.utils import make_msgid


ID = make_msgid(domain="shop.test")


def put(letters, to, about):
    """Put a letter into the queue."""
    letters.put({"id": ID, "to": to, "about": about})


def send(letter, host, port):
    """Hand a letter to the mail server."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "shop@shop.test", letter["to"]
    mail["Subject"] = letter["about"]
    mail["Message-ID"] = letter["id"]
    mail.set_content("Your order is on its way.")
    with smtplib.SMTP(host, port) as server:
        server.send_message(mail)
