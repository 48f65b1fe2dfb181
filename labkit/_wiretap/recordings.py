"""What went through a wiretap, decoded as it passes."""

import threading
import time
from collections import deque
from collections.abc import Callable

from labkit._wiretap.conversations import TO_CLIENT, Conversation, Message, Said
from labkit._wiretap.frames import Frame, Framer

__all__ = ["Recording"]


class Recording:
    """What a relay heard, decoded; shared by the relay's thread and its readers.

    Apart from :class:`~labkit.wiretap.Wiretap`, so that the relay's thread does not
    keep a tap alive that nobody holds any more.

    Parameters
    ----------
    keep : int
        Messages kept, at least 1; older ones are forgotten.

    Attributes
    ----------
    lock : threading.RLock
        Held while bytes are forwarded and heard.
    """

    def __init__(self, keep: int) -> None:
        self._start = time.perf_counter()
        self._messages: deque[Message] = deque(maxlen=keep)
        self.lock = threading.RLock()
        self._news = threading.Condition(self.lock)
        self._count = 0
        self._framers: dict[tuple[int, str], Framer] = {}
        self._talks: dict[int, Conversation] = {}

    def messages(self) -> list[Message]:
        """Return the messages kept, in order."""
        with self.lock:
            return list(self._messages)

    def clear(self) -> None:
        """Forget them, and count from 1 again."""
        with self.lock:
            self._messages.clear()
            self._count = 0

    def wait_for(
        self, fits: Callable[[Message], bool], timeout: float
    ) -> Message | None:
        """Return the first one that fits, as soon as there is one, or None."""

        def first() -> Message | None:
            return next(filter(fits, list(self._messages)), None)

        with self._news:
            return self._news.wait_for(first, timeout)

    # Called by the relay, in its thread.

    def hear(self, connection: int, direction: str, chunk: bytes) -> None:
        """Take bytes that were forwarded; empty when the direction has ended."""
        framer = self._framers.setdefault((connection, direction), Framer())
        talk = self._talks.setdefault(connection, Conversation())
        if chunk:
            for frame in framer.feed(chunk):
                self._add(connection, direction, frame, _read(talk, direction, frame))
            return
        if (cut := framer.end()) is not None:
            self._add(connection, direction, cut, _read(talk, direction, cut))
        del self._framers[connection, direction]
        if not any(number == connection for number, _ in self._framers):
            del self._talks[connection]

    def refused(self, connection: int, error: OSError) -> None:
        """Record that the server could not be reached."""
        text = f"the server cannot be reached: {error.strerror or error}"
        said = Said("refused", text, text)
        self._add(connection, TO_CLIENT, Frame(0, 0, b""), said)

    def _add(self, connection: int, direction: str, frame: Frame, said: Said) -> None:
        at_s = time.perf_counter() - self._start
        with self._news:
            self._count += 1
            self._messages.append(
                Message(
                    number=self._count,
                    connection=connection,
                    direction=direction,
                    kind=said.kind,
                    size_bytes=frame.size,
                    at_s=at_s,
                    text=said.text,
                    full=said.full,
                    ident=said.ident,
                )
            )
            self._news.notify_all()


def _read(talk: Conversation, direction: str, frame: Frame) -> Said:
    try:
        return talk.read(direction, frame)
    except Exception as error:  # noqa: BLE001 - whatever it is, bytes must flow on
        text = f"the tap cannot read this: {error!r}"[:100]
        return Said("other", text, text)
