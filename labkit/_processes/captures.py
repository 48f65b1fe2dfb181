"""Keep what a program writes, as text and within bounds."""

import codecs
import io
import threading
from collections import deque
from collections.abc import Callable


class Decoded:
    """Turn bytes in any pieces into text; every line end becomes a newline.

    A character, or a line end of two bytes, may come in two pieces.

    Parameters
    ----------
    on_text : callable
        Called with each piece of text; never with an empty one.
    """

    def __init__(self, on_text: Callable[[str], None]) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        self._on_text = on_text

    def __call__(self, chunk: bytes) -> None:
        """Take the next piece; an empty one says that it was the last."""
        if text := self._decoder.decode(chunk, final=not chunk):
            self._on_text(text)


class Head:
    """The beginning of an output, and the size of what came after it.

    Parameters
    ----------
    max_bytes : int
        How many bytes are kept, at least 0.

    Attributes
    ----------
    dropped : int
        How many bytes were not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._kept = bytearray()
        self._max_bytes = max_bytes
        self.dropped = 0

    def __call__(self, chunk: bytes) -> None:
        """Take the next piece."""
        room = self._max_bytes - len(self._kept)
        self._kept += chunk[:room]
        self.dropped += max(0, len(chunk) - room)

    def text(self) -> str:
        """Return what was kept, and a last line that says what was dropped."""
        pieces: list[str] = []
        decode = Decoded(pieces.append)
        decode(bytes(self._kept))
        decode(b"")
        if self.dropped:
            pieces.append(f"\n[output cut: {self.dropped:,} more bytes were dropped]\n")
        return "".join(pieces)


class Tail:
    """The end of an output that may go on for ever. Safe to use from any thread.

    Parameters
    ----------
    max_chars : int
        How many characters are kept, more or less by one piece.
    """

    def __init__(self, max_chars: int) -> None:
        self._pieces: deque[str] = deque()
        self._max_chars = max_chars
        self._lock = threading.Lock()
        self._end = 0
        self._start = 0

    def add(self, text: str) -> None:
        """Take the next piece, and drop the oldest beyond the limit."""
        with self._lock:
            self._pieces.append(text)
            self._end += len(text)
            while self._end - self._start - len(self._pieces[0]) >= self._max_chars:
                self._start += len(self._pieces.popleft())

    def since(self, position: int = 0) -> tuple[str, int]:
        """Return the text from a position on, and the position of its end.

        Parameters
        ----------
        position : int
            How many characters of the whole output to leave out: 0, or what the
            last call returned.

        Returns
        -------
        text : str
            What is kept of it; a first line says how much was dropped.
        end : int
            How many characters there have been in all.
        """
        with self._lock:
            missing = self._start - position
            kept = "".join(self._pieces)[max(0, -missing) :]
            end = self._end
        if missing > 0:
            kept = f"[{missing:,} earlier characters were dropped]\n{kept}"
        return kept, end
