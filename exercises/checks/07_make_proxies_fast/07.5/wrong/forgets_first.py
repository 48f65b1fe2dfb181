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
        threading.Thread(target=self._watch, daemon=True).start()
        atexit.register(self.close)

    def put(self, letter):
        """Take a letter; put the batch when it is full."""
        with self.lock:
            self.letters.append(letter)
            if len(self.letters) >= self.size:
                self._flush()

    def close(self):
        """Put what is left."""
        self.closed.set()
        with self.lock:
            self._flush()

    def _flush(self):
        if self.letters:
            letters, self.letters = self.letters, []
            self.mailbox.put_many(letters)

    def _watch(self):
        while not self.closed.wait(self.age_s):
            with self.lock:
                self._flush()
