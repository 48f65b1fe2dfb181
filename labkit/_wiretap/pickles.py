"""Say what a pickle holds, without making any of it.

A pickle is a program for a small stack machine, and some of its instructions import
modules and call functions. ``pickle.Unpickler`` with a cautious ``find_class`` still
runs that program: extension codes may come from a cache that never asks
``find_class``, a memo index of four billion is allocated, keys are hashed, which for
deep nests overflows the C stack. The machine here knows the same instructions, but
makes only descriptions: numbers, texts, and nodes with a name. It has nothing to
import or to call with, so there is nothing that a hostile pickle could make it do.

Its cost is bounded too: one step makes one node at most, and steps are counted.

References
----------
CPython ``Lib/pickletools.py``, the table of opcodes, protocols 0 to 5.
"""

import pickletools
import struct
from typing import Any

from labkit._wiretap.picklenodes import LONGEST_INT, Leaf, PickleError, Reading, big_int
from labkit._wiretap.picklestack import STEPS, Stack

__all__ = ["read_pickle"]

MAX_STEPS = 5_000  # instructions carried out for one message
DEEPEST = 2  # pickles within pickles that are opened

_BY_CODE = {info.code.encode("latin-1"): info for info in pickletools.opcodes}
_FIXED = {
    "uint1": struct.Struct("<B"),
    "uint2": struct.Struct("<H"),
    "int4": struct.Struct("<i"),
    "uint4": struct.Struct("<I"),
    "uint8": struct.Struct("<Q"),
    "float8": struct.Struct(">d"),
}
_COUNTED = {  # how the length of an argument is written
    pickletools.TAKEN_FROM_ARGUMENT1: struct.Struct("<B"),
    pickletools.TAKEN_FROM_ARGUMENT4: struct.Struct("<i"),
    pickletools.TAKEN_FROM_ARGUMENT4U: struct.Struct("<I"),
    pickletools.TAKEN_FROM_ARGUMENT8U: struct.Struct("<Q"),
}


def read_pickle(data: bytes, max_steps: int = MAX_STEPS, depth: int = 0) -> Reading:
    """Return a description of a pickle.

    Parameters
    ----------
    data : bytes
        The pickle or its beginning, of any origin.
    max_steps : int, default 5000
        Instructions that are carried out at most.
    depth : int, default 0
        In how many other pickles it was found.

    Returns
    -------
    Reading
        Where the pickle is broken, cut off, or too long to be followed to its end,
        ``value`` is a tuple of what could be made out, and ends with ``…``.
    """
    return _Reader(data, max_steps, depth).run()


class _CutOffError(PickleError):
    """The bytes end before the pickle does."""


class _Reader:
    def __init__(self, data: bytes, max_steps: int, depth: int) -> None:
        self.data = data
        self.place = 0
        self.max_steps = max_steps
        self.steps = 0
        self.depth = depth
        self.stack = Stack()

    def run(self) -> Reading:
        trouble = "too long to be read to its end"
        try:
            while self.steps < self.max_steps:
                self.steps += 1
                info = self._next()
                if info.name == "STOP":
                    return Reading(self.stack.pop(), "", self.steps)
                argument = None if info.arg is None else self._argument(info, info.arg)
                STEPS.get(info.name, Stack.push)(self.stack, argument)
        except _CutOffError:
            trouble = "cut off"
        except (PickleError, ValueError) as error:
            trouble = f"broken: {error}"
        return Reading(self.stack.what_there_is(), trouble, self.steps)

    def _next(self) -> pickletools.OpcodeInfo:
        code = self._take(1)
        if code not in _BY_CODE:
            raise PickleError(f"no instruction is called {code!r}")
        return _BY_CODE[code]

    def _argument(
        self, info: pickletools.OpcodeInfo, kind: pickletools.ArgumentDescriptor
    ) -> Any:
        if kind.name in _FIXED:
            form = _FIXED[kind.name]
            return form.unpack(self._take(form.size))[0]
        if kind.n in _COUNTED:
            return self._counted(info.name, _COUNTED[kind.n])
        if kind.name == "stringnl_noescape_pair":
            return self._line(), self._line()
        return _from_line(info.name, self._line())

    def _take(self, size: int) -> bytes:
        piece = self.data[self.place : self.place + size]
        self.place += size
        if len(piece) < size:
            raise _CutOffError
        return piece

    def _line(self) -> str:
        end = self.data.find(b"\n", self.place)
        if end < 0:
            raise _CutOffError
        line = self.data[self.place : end].decode("latin-1")
        self.place = end + 1
        return line

    def _counted(self, name: str, form: struct.Struct) -> Any:
        (size,) = form.unpack(self._take(form.size))
        if size < 0:
            raise PickleError(f"a length of {size}")
        # All that is there, even if it is less: a large item is cut off just here.
        piece = self.data[self.place : self.place + size]
        self.place += size
        is_whole = len(piece) == size
        if name in {"LONG1", "LONG4"}:
            if size > LONGEST_INT or not is_whole:
                return big_int(size, "bytes")
            return int.from_bytes(piece, "little", signed=True)
        if "UNICODE" in name:
            return Leaf(piece.decode("utf-8", "replace"), size, is_whole)
        return Leaf(piece, size, is_whole, self._inner(piece))

    def _inner(self, piece: bytes) -> Reading | None:
        """Open bytes that look like a pickle; labkit's items travel so."""
        looks_like_one = piece[:1] == b"\x80" and b"\x02" <= piece[1:2] <= b"\x05"
        if not looks_like_one or self.depth >= DEEPEST:
            return None
        room = (self.max_steps - self.steps) // 2
        reading = read_pickle(piece, room, self.depth + 1)
        self.steps += reading.steps
        return None if reading.trouble.startswith("broken") else reading


def _from_line(name: str, line: str) -> Any:
    """Return the argument of an instruction whose argument is a line of text."""
    if name in {"INT", "LONG"}:
        if name == "INT" and line in {"00", "01"}:  # as protocol 0 writes booleans
            return line == "01"
        if len(line) > 2 * LONGEST_INT:
            return big_int(len(line.strip("-L")), "digits")
        return int(line.removesuffix("L"))
    if name in {"GET", "PUT"}:
        return int(line[:20])
    if name == "FLOAT":
        return float(line[:40])
    if name == "UNICODE":
        line = line.encode("latin-1").decode("raw-unicode-escape", "replace")
    elif name == "STRING":
        line = line[1:-1]  # its quotes
    return Leaf(line, len(line), True)
