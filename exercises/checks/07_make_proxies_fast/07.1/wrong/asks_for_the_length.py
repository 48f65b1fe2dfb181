def send(mailbox, letters, size):
    """Put all letters, `size` in a call."""
    for start in range(0, len(letters), size):
        mailbox.put(letters[start : start + size])
