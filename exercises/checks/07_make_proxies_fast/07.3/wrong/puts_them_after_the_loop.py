def send(mailbox, source, size):
    """Put all letters of the source, `size` in a call."""
    batch = []
    for letter in source:
        batch.append(letter)
        if len(batch) == size:
            mailbox.put_many(batch)
            batch = []
    if batch:
        mailbox.put_many(batch)
