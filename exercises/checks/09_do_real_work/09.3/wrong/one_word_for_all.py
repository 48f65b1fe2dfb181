import smtplib


def send(mail, to, host, port):
    """Send a mail; say "sent", "later" or "never" for each recipient."""
    try:
        with smtplib.SMTP(host, port) as server:
            refused = server.send_message(mail, to_addrs=to)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except OSError:
        return dict.fromkeys(to, "later")
    return dict.fromkeys(to, "never" if refused else "sent")
