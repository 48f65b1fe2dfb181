import smtplib


def send(mail, to, host, port):
    """Send a mail; say "sent", "later" or "never" for each recipient."""
    try:
        with smtplib.SMTP(host, port) as server:
            server.send_message(mail, to_addrs=to)
    except smtplib.SMTPRecipientsRefused:
        return dict.fromkeys(to, "never")
    except OSError:
        return dict.fromkeys(to, "later")
    return dict.fromkeys(to, "sent")
