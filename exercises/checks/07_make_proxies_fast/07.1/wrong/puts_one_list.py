def send(mailbox, letters, size):
    """Put all letters, `size` in a call."""
    mailbox.put(list(letters))
