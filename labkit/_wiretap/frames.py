"""Cut a stream of bytes into the messages of the manager protocol, without I/O."""

import struct
from dataclasses import dataclass

__all__ = ["HEAD_BYTES", "Frame", "Framer"]

HEAD_BYTES = 1 << 16  # of each message; what comes after is counted, not kept

_LENGTH = struct.Struct("!i")
_LONG_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message, or what came of it.

    Attributes
    ----------
    size : int
        Bytes of the body as its header announced them.
    came : int
        Bytes of the body that came; less than ``size`` if the stream ended.
    head : bytes
        The first bytes of the body, 64 KiB at most.
    """

    size: int
    came: int
    head: bytes


class Framer:
    """One direction of one connection: feed it bytes, take messages.

    Keeps at most 64 KiB, whatever length a header announces.

    Attributes
    ----------
    lost : bool
        An impossible length came: this is not the manager protocol, and nothing
        is decoded from here on.
    """

    def __init__(self) -> None:
        self.lost = False
        self._header = bytearray()
        self._head = bytearray()
        self._size = -1  # of the message at hand; below 0, its header is not complete
        self._came = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the messages that end within ``chunk``, in order."""
        frames = []
        rest = memoryview(chunk)
        while not self.lost and (rest or self._size == 0):
            take = self._take_header if self._size < 0 else self._take_body
            rest = take(rest)
            if self._size >= 0 and self._came == self._size:
                frames.append(self._frame())
        return frames

    def end(self) -> Frame | None:
        """Return the message that the end of the stream cut off, if any."""
        if self._size < 0 or self.lost:
            return None
        return self._frame()

    def _take_header(self, rest: memoryview) -> memoryview:
        wanted = _LENGTH.size - len(self._header)
        if wanted <= 0:
            wanted += _LONG_LENGTH.size
        self._header += rest[:wanted]
        if len(self._header) == _LENGTH.size:
            (size,) = _LENGTH.unpack(self._header)
            if size < -1:
                self.lost = True
            self._size = size
        elif len(self._header) == _LENGTH.size + _LONG_LENGTH.size:
            (self._size,) = _LONG_LENGTH.unpack_from(self._header, _LENGTH.size)
        return rest[wanted:]

    def _take_body(self, rest: memoryview) -> memoryview:
        piece = rest[: self._size - self._came]
        self._head += piece[: HEAD_BYTES - len(self._head)]
        self._came += len(piece)
        return rest[len(piece) :]

    def _frame(self) -> Frame:
        frame = Frame(self._size, self._came, bytes(self._head))
        self._header.clear()
        self._head.clear()
        self._size, self._came = -1, 0
        return frame
