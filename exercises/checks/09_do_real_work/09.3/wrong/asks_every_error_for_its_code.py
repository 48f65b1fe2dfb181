import smtplib


def send(mail, to, host, port):
    """Send a mail; say "sent", "later" or "never" for each recipient."""
    try:
        with smtplib.SMTP(host, port) as server:
            refused = server.send_message(mail, to_addrs=to)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except OSError as error:
        word = "later" if error.smtp_code < 500 else "never"
        return dict.fromkeys(to, word)
    return {
        address: "sent"
        if address not in refused
        else "later"
        if refused[address][0] < 500
        else "never"
        for address in to
    }
