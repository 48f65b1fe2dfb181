import atexit
import threading
import time


class Outbox:
    """Collects letters, and puts them together."""

    def __init__(self, mailbox, size, age_s):
        """Begin with no letters."""
        self.mailbox = mailbox
        self.size = size
        self.age_s = age_s
        self.letters = []
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.begun = time.monotonic()
        atexit.register(self.close)

    def put(self, letter):
        """Take a letter; put the batch when it is full."""
        with self.lock:
            self.letters.append(letter)
            late = time.monotonic() - self.begun >= self.age_s
            if late or len(self.letters) >= self.size:
                self._flush()

    def close(self):
        """Put what is left."""
        self.closed.set()
        with self.lock:
            self._flush()

    def _flush(self):
        if self.letters:
            self.mailbox.put_many(self.letters)
            self.letters = []
            self.begun = time.monotonic()
