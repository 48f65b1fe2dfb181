from itertools import islice


def send(mailbox, letters, size):
    """Put all letters, `size` in a call."""
    letters = iter(letters)
    while batch := list(islice(letters, size)):
        mailbox.put_many(batch)
