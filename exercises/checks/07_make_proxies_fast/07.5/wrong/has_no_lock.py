import atexit
import threading


class Outbox:
    """Collects letters, and puts them together."""

    def __init__(self, mailbox, size, age_s):
        """Begin with no letters."""
        self.mailbox = mailbox
        self.size = size
        self.age_s = age_s
        self.letters = []
        self.closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        atexit.register(self.close)

    def put(self, letter):
        """Take a letter; put the batch when it is full."""
        self.letters.append(letter)
        if len(self.letters) >= self.size:
            self._flush()

    def close(self):
        """Put what is left."""
        self.closed.set()
        self._flush()

    def _flush(self):
        if self.letters:
            self.mailbox.put_many(self.letters)
            self.letters = []

    def _watch(self):
        while not self.closed.wait(self.age_s):
            self._flush()
