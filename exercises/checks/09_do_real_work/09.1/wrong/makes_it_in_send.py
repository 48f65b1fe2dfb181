import smtplib
from email.message import EmailMessage
from email.utils import make_msgid



def put(letters, to, about):
    """Put a letter into the queue."""
    letters.put({"id": make_msgid(), "to": to, "about": about})


def send(letter, host, port):
    """Hand a letter to the mail server."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "shop@shop.test", letter["to"]
    mail["Subject"] = letter["about"]
    mail["Message-ID"] = make_msgid(domain="shop.test")
    mail.set_content("Your order is on its way.")
    with smtplib.SMTP(host, port) as server:
        server.send_message(mail)
