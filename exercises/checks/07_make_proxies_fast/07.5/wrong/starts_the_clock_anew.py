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
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.timer = threading.Timer(age_s, self._late)
        atexit.register(self.close)

    def put(self, letter):
        """Take a letter; put the batch when it is full."""
        with self.lock:
            self.letters.append(letter)
            self.timer.cancel()
            if len(self.letters) >= self.size:
                self._flush()
            else:
                self.timer = threading.Timer(self.age_s, self._late)
                self.timer.daemon = True
                self.timer.start()

    def close(self):
        """Put what is left."""
        self.closed.set()
        with self.lock:
            self._flush()

    def _flush(self):
        if self.letters:
            self.mailbox.put_many(self.letters)
            self.letters = []

    def _late(self):
        with self.lock:
            self._flush()
