def send(mailbox, letters, size):
    """Put all letters, `size` in a call."""
    batch = []
    for letter in letters:
        batch.append(letter)
        if len(batch) == size:
            mailbox.put(batch)
            batch = []
    mailbox.put(batch)
