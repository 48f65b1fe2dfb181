"""What the tasks of this set share: a queue server, and a mailbox that counts."""

import pytest


class Mailbox:
    """A proxy that counts: each call of one of its methods is a round trip.

    Attributes
    ----------
    calls : list of tuple of (str, int)
        The method, and how many items it took along.
    """

    def __init__(self, proxy):
        self.name = proxy.name
        self.calls = []
        self._proxy = proxy

    def put(self, item, *args, **kwds):
        """Put an item."""
        self.calls.append(("put", 1))
        self._proxy.put(item, *args, **kwds)

    def put_many(self, items, *args, **kwds):
        """Put a list of items."""
        items = list(items)
        self.calls.append(("put_many", len(items)))
        self._proxy.put_many(items, *args, **kwds)

    def get_many(self, *args, **kwds):
        """Take what is there."""
        items = self._proxy.get_many(*args, **kwds)
        self.calls.append(("get_many", len(items)))
        return items

    # The checks look through these, which do not count.

    def qsize(self):
        """Return how many items wait."""
        return self._proxy.qsize()

    def empty(self):
        """Take out everything, and return it."""
        return self._proxy.get_many(10_000) if self._proxy.qsize() else []


@pytest.fixture
def mailbox(queue_server):
    """Lend a function that makes mailboxes."""
    return lambda: Mailbox(queue_server.queue())
