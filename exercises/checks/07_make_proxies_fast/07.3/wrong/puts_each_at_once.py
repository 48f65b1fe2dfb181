def send(mailbox, source, size):
    """Put all letters of the source, `size` in a call."""
    for letter in source:
        mailbox.put(letter)
