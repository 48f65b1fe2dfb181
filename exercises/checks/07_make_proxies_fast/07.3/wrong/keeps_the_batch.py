def send(mailbox, source, size):
    """Put all letters of the source, `size` in a call."""
    batch = []
    sent = 0
    try:
        for letter in source:
            batch.append(letter)
            sent += 1
            if sent % size == 0:
                mailbox.put_many(batch[-size:])
    finally:
        mailbox.put_many(batch[-size:])
