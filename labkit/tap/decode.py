"""From the bytes of a connection to texts that people can read; does no I/O.

A pickle is a program for a small stack machine, and some of its instructions import
modules and call functions. The standard library has that machine in Python, too. Here
it runs with those instructions replaced: a name stays a name, a call becomes the
description of a call, and no key is hashed. So there is nothing that a hostile pickle
could make it do. Its instructions are counted before the first is carried out.

References
----------
CPython ``Lib/pickle.py`` and ``Lib/pickletools.py``, protocols 0 to 5.
"""

import io
import pickle
import pickletools
import reprlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from labkit.manager.handshake import CHALLENGE, FAILURE, LONGEST, WELCOME

__all__ = ["TO_CLIENT", "TO_SERVER", "Frame", "Said", "frames", "read"]

TO_SERVER, TO_CLIENT = "to server", "to client"
HEAD_BYTES = 1 << 16  # kept of each message; what comes after is counted
MAX_STEPS = 5_000  # instructions of a pickle that are carried out
DEEPEST = 8  # containers within containers that are shown
TEXT_LIMIT, FULL_LIMIT = 100, 4_000  # characters of a message's two texts
LEAF_LIMIT = 60  # characters of one value in the short one
LONGEST_INT = 256  # bits; of a longer one the size is shown
SHOWN_SECRET = 4  # bytes of a challenge or digest
MD5_BYTES = 16  # a digest up to Python 3.11


class Frame(NamedTuple):
    """One message: its announced size, how much of it came, and its first 64 KiB."""

    size: int
    came: int
    head: bytes


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Cut one direction of a connection into frames, the last perhaps cut off."""
    kept, left_out, header = bytearray(), 0, None
    for chunk in chunks:
        kept += chunk
        while (header := _header(kept)) is not None:
            start, size = header
            end = start + size - left_out
            if end > len(kept):
                left_out += max(len(kept) - start - HEAD_BYTES, 0)
                del kept[start + HEAD_BYTES :]
                break
            yield Frame(size, size, bytes(kept[start : min(end, start + HEAD_BYTES)]))
            del kept[:end]
            left_out = 0
    if header is not None:
        start, size = header
        yield Frame(size, len(kept) - start + left_out, bytes(kept[start:]))


def _header(data: bytearray) -> tuple[int, int] | None:
    """Return where a frame's body starts and its length, or None if that is to come."""
    is_long = data.startswith(b"\xff\xff\xff\xff")  # the length follows, in 8 bytes
    first, start = (4, 12) if is_long else (0, 4)
    return (start, int.from_bytes(data[first:start])) if len(data) >= start else None


# What a pickle holds, described. Tuples, lists, texts and numbers are themselves.


class _Name(str):
    """Something shown without quotes."""

    __slots__ = ()


@dataclass(slots=True)
class _Pair:
    key: Any
    between: str
    value: Any


class _Made(list[Any]):
    """What a pickle wanted made: a call's result, a set, or a dictionary."""

    def __init__(self, called: Any, parts: Any = (), look: str = "( ) ()") -> None:
        super().__init__(parts if isinstance(parts, tuple) else (parts,))
        self.called = called
        self.opening, self.closing, self.empty = look.split()

    add = list.append

    def __setitem__(self, key: Any, value: Any) -> None:
        self.append(_Pair(key, ": ", value))  # no key is hashed

    def set_state(self, state: Any) -> None:
        """Show a dictionary of names as keyword arguments."""
        is_small = isinstance(state, _Made) and len(state) < 100
        if is_small and all(_is_word(getattr(pair, "key", None)) for pair in state):
            self += [_Pair(_Name(pair.key), "=", pair.value) for pair in state]
        else:
            self.append(_Pair(_Name("state"), "=", state))


MORE = _Name("…")
_OPCODES = {info.code: info for info in pickletools.opcodes}
DICT, SET, FROZENSET = "{ } {}", "{ } set()", "({ }) ()"


def _is_word(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and name.isascii()


def _pairs(values: list[Any]) -> tuple[Any, ...]:
    """Pair keys and values that are in turn."""
    pairs = [_Pair(k, ": ", v) for k, v in zip(values[::2], values[1::2], strict=False)]
    return (*pairs, *values[len(pairs) * 2 :])


# The one in Python, which runs until it fails and then shows its stack; joblib and dill
# build on it, too.
_Unpickler: Any = pickle._Unpickler  # noqa: SLF001


class _Reader(_Unpickler):  # type: ignore[misc]
    """Describe what a pickle asks for, instead of doing it."""

    def find_class(self, module: str, name: str) -> _Name:
        full = f"{module}.{name}"
        is_name = all(map(_is_word, full.split(".")))
        return _Name(full.removeprefix("builtins.") if is_name else f"<{full[:80]!a}>")

    def get_extension(self, code: int) -> None:
        self.append(_Name(f"<extension {code}>"))

    def persistent_load(self, pid: Any) -> _Made:
        return _Made(_Name("<persistent>"), (pid,))

    def _instantiate(self, klass: Any, args: list[Any]) -> None:
        self.append(_Made(klass, tuple(args)))

    def step_call(self) -> None:
        args, called = self.stack.pop(), self.stack.pop()
        self.append(_Made(called, args))

    def step_call_with_keywords(self) -> None:
        keywords = self.stack.pop()
        self.step_call()
        self.stack[-1].set_state(keywords)

    def step_build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].set_state(state)

    def step_dict(self) -> None:
        items = self.pop_mark()
        self.append(_Made(_Name(), _pairs(items), DICT))

    def step_frozenset(self) -> None:
        items = self.pop_mark()
        self.append(_Made(_Name("frozenset"), tuple(items), FROZENSET))

    dispatch = _Unpickler.dispatch | {
        pickle.REDUCE[0]: step_call,
        pickle.NEWOBJ[0]: step_call,
        pickle.NEWOBJ_EX[0]: step_call_with_keywords,
        pickle.BUILD[0]: step_build,
        pickle.DICT[0]: step_dict,
        pickle.FROZENSET[0]: step_frozenset,
        pickle.EMPTY_DICT[0]: lambda self: self.append(_Made(_Name(), (), DICT)),
        pickle.EMPTY_SET[0]: lambda self: self.append(_Made(_Name(), (), SET)),
        pickle.NEXT_BUFFER[0]: lambda self: self.append(_Name("<buffer>")),
        pickle.READONLY_BUFFER[0]: lambda _: None,
        pickle.FRAME[0]: lambda self: self.read(8),
    }

    def unfinished(self) -> Any:
        """Return all that is on the stack as one tuple, with ``…`` where it breaks."""
        values = [*self.stack, MORE]
        for below in reversed(self.metastack):  # a list for each open mark
            kind = getattr(below[-1], "empty", type(below[-1])) if below else None
            if kind in {list, "{}", "set()"}:  # items for what is below the mark
                below[-1].extend(_pairs(values) if kind == "{}" else values)
                values = below
            else:
                values = [*below, tuple(values)]
        is_one = len(values) == 1 and isinstance(values[0], tuple)
        return values[0] if is_one else tuple(values)


def read_pickle(data: bytes, max_steps: int = MAX_STEPS) -> tuple[Any, str, int]:
    """Describe a pickle of any origin, or its beginning, within so many steps.

    Returns the description, why it is not all of it (``"cut off"``, ``"too long"``,
    ``"broken"`` or ``""``), and the number of steps.
    """
    file, end, steps, trouble = io.BytesIO(data), 0, 0, ""
    try:
        for steps, _ in enumerate(pickletools.genops(file), 1):
            end = file.tell()
            if steps == max_steps:
                trouble = "too long"
                break
    except Exception:  # noqa: BLE001 - noise breaks the standard library in many ways
        trouble = "broken" if file.tell() < len(data) else "cut off"
    reader = _Reader(io.BytesIO(data[:end]), encoding="latin-1")
    try:
        return reader.load(), "", steps
    except EOFError:
        reader.stack += _beginning(data[end:]) if trouble == "cut off" else ()
    except Exception:  # noqa: BLE001 - likewise
        trouble = "broken"
    return reader.unfinished(), trouble, steps


def _beginning(rest: bytes) -> list[_Name]:
    """Return what there is of the text or bytes that an instruction was to push."""
    info = _OPCODES.get(rest[:1].decode("latin-1"))
    if info is None or not info.name.endswith(("BINUNICODE", "BINBYTES", "8")):
        return []
    start = 9 if info.name.endswith("8") else 2 if info.name.startswith("SHORT") else 5
    size, piece = int.from_bytes(rest[1:start], "little"), rest[start:]
    head = piece.decode("utf-8", "ignore") if "UNICODE" in info.name else piece
    return [_Name(f"{head[:LEAF_LIMIT]!r}… ({size:,} bytes)")] if head else []


class _Text(reprlib.Repr):
    """Writes a description like the repr of what it describes, in bounded time."""

    def __init__(self, room: int, leaf_limit: int) -> None:
        super().__init__()
        self.room, self.limit = 2 * room, leaf_limit  # generous: what is over is cut
        self.steps = MAX_STEPS  # left for pickles within pickles
        self.maxlevel, self.fillvalue = DEEPEST, MORE
        self.maxlist = self.maxtuple = 1_000

    def repr1(self, value: Any, level: int) -> str:
        self.room -= 1
        return super().repr1(value, level) if self.room > 0 else MORE

    def repr__Name(self, name: _Name, _level: int) -> str:  # noqa: N802
        return str(name)

    def repr__Pair(self, pair: _Pair, level: int) -> str:  # noqa: N802
        key = self.repr1(pair.key, level)
        return f"{key}{pair.between}{self.repr1(pair.value, level)}"

    def repr__Made(self, made: _Made, level: int) -> str:  # noqa: N802
        if level <= 0:
            return MORE
        called = self.repr1(made.called, level - 1)
        if not made:
            return called + made.empty
        parts = (self.repr1(part, level - 1) for part in made[: self.maxlist])
        return f"{called}{made.opening}{', '.join(parts)}{made.closing}"

    def repr_int(self, number: int, _level: int) -> str:
        bits = number.bit_length()
        return (
            repr(number) if bits <= LONGEST_INT else f"<int of {bits // 8 + 1} bytes>"
        )

    def repr_str(self, text: str, _level: int) -> str:
        return self.leaf(text, len(text.encode("utf-8", "surrogatepass")))

    def repr_bytes(self, data: bytes, level: int) -> str:
        if data[:1] == b"\x80" and b"\x02" <= data[1:2] <= b"\x05" and self.steps > 0:
            # labkit's items travel so.
            value, trouble, steps = read_pickle(data, self.steps)
            self.steps -= steps
            if trouble != "broken":
                args = value if trouble else (value,)
                return self.repr1(_Made(_Name("pickled"), args), level)
        return self.leaf(data, len(data))

    repr_bytearray = repr_bytes

    def leaf(self, whole: Any, size: int) -> str:
        head = whole[: self.limit]
        text = repr(head)
        if len(text) > self.limit + 3:  # escapes
            head = whole[: self.limit * self.limit // len(text)]
            text = repr(head)
        self.room -= len(text)
        return text if len(head) == len(whole) else f"{text}… ({size:,} bytes)"


def text_of(value: Any, limit: int, leaf_limit: int) -> str:
    """Return a description's text, with ``…`` if it has more characters than that."""
    text = _Text(limit, leaf_limit).repr(value)
    return text if len(text) <= limit else text[:limit] + MORE


# From frames to what they say.


class Said(NamedTuple):
    """What one frame says; the fields are those of a message."""

    kind: str
    text: str
    full: str
    ident: str = ""


_REPLIES = {"#RETURN", "#ERROR", "#PROXY", "#TRACEBACK", "#UNSERIALIZABLE"}


def read(direction: str, frame: Frame) -> Said:
    """Return what a frame says."""
    size, came, head = frame
    if came < size:
        text = f"{came:,} of {size:,} bytes came"
        return Said("incomplete", text, text)
    if head in {WELCOME, FAILURE}:
        kind = "welcome" if head == WELCOME else "failure"
        return Said(kind, head.decode(), head.decode())
    if head.startswith(CHALLENGE):
        return _secret("challenge", head.removeprefix(CHALLENGE))
    value, trouble, _ = read_pickle(head)
    is_pickle = not trouble and head[:1] == b"\x80"
    if not is_pickle and size <= LONGEST and (size == MD5_BYTES or head[:1] == b"{"):
        return _secret("digest", head)
    return (_request if direction == TO_SERVER else _reply)(value, trouble)


def _secret(kind: str, body: bytes) -> Said:
    name, curly, rest = body.partition(b"}")
    if curly and name[:1] == b"{" and name[1:].replace(b"_", b"").isalnum():
        text = f"{name.decode()}}} {rest[:SHOWN_SECRET].hex()}… ({len(rest)} bytes)"
    else:  # up to Python 3.11 nothing says so
        text = f"{body[:SHOWN_SECRET].hex()}… ({len(body)} bytes, MD5)"
    return Said(kind, text, text)


def _request(value: Any, trouble: str) -> Said:
    """Read ``(ident, method, args, kwds)``; of a long one, what there is."""
    match value:
        case (None | str() as ident, str(method), tuple(args), *more):
            pass
        case (None | str() as ident, str(method), *args):
            more = []  # cut off before the arguments became a tuple
        case _:
            return _said("other", value, trouble)
    name = _Name(method if _is_word(method) else repr(method[:LEAF_LIMIT]))
    call = _Made(name, tuple(args))
    for keywords in more:
        call.append(MORE) if keywords is MORE else call.set_state(keywords)
    kind = "request" if ident is None else "call"
    return _said(kind, call, trouble)._replace(ident=(ident or "")[:FULL_LIMIT])


def _reply(value: Any, trouble: str) -> Said:
    """Read ``(tag, value)``."""
    match value:
        case ("#TRACEBACK" | "#UNSERIALIZABLE" as tag, str(trace), *_):
            return Said(tag[1:].lower(), _error_line(trace), trace[-FULL_LIMIT:])
        case ("#PROXY", (_, _Made() as token) as made, *_):  # says what is where
            text = text_of(token, TEXT_LIMIT, LEAF_LIMIT)
            return _said("proxy", made, trouble)._replace(text=text)
        case (str(tag), result, *_) if tag in _REPLIES:
            return _said(tag[1:].lower(), result, trouble)
    return _said("other", value, trouble)


def _error_line(trace: str) -> str:
    """Return the line that names the error, which notes and more lines may follow."""
    _, _, last = trace.rpartition("Traceback (most recent call last):\n")
    lines = last.strip("\n").splitlines() or [""]
    named = (line for line in lines if not line.startswith(" "))
    return next(named, lines[-1])[:TEXT_LIMIT]


def _said(kind: str, value: Any, trouble: str) -> Said:
    note = " (broken)" if trouble == "broken" else ""
    text = text_of(value, TEXT_LIMIT, LEAF_LIMIT) + note
    # Without an ellipsis nothing was left out, and there is no more to say.
    full = text_of(value, FULL_LIMIT, FULL_LIMIT) + note if MORE in text else text
    return Said(kind, text, full)
