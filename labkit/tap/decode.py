"""From the bytes of a connection to texts that people can read; does no I/O.

A pickle is a program for a small stack machine, and some of its instructions import
modules and call functions. ``pickletools.genops`` lists the instructions; here each
leaves a text on the stack, never longer than a message's, instead of the thing itself.
So there is nothing that a hostile pickle could make it do, or make it hold.

References
----------
CPython ``Lib/pickletools.py``, which says what each instruction does, protocols 0 to 5.
"""

import pickletools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from labkit.manager.handshake import CHALLENGE, FAILURE, LONGEST, WELCOME

TO_SERVER, TO_CLIENT = "to server", "to client"
HEAD_BYTES = 1 << 20  # kept of each message until it is read; the rest is counted
MAX_STEPS = 5_000  # instructions of a pickle that are looked at
TEXT_LIMIT = 100  # characters of a message's text
MOST_PARTS = 50  # of a value: more than fit into a text
LEAF_LIMIT = 60  # characters of one value in it
LONGEST_INT = 256  # bits; of a longer one the size is shown
SHOWN_SECRET = 4  # bytes of a challenge or digest
MD5_BYTES = 16  # a digest up to Python 3.11


class Frame(NamedTuple):
    """One message: its announced size, how much of it came, and its first MiB."""

    size: int
    came: int
    head: bytes


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Cut one direction of a connection into frames, the last perhaps cut off."""
    kept, left_out, header = bytearray(), 0, None
    for chunk in chunks:
        kept += chunk
        while header := _header(kept):
            start, size = header
            end = start + size - left_out
            if end > len(kept):
                left_out += max(len(kept) - start - HEAD_BYTES, 0)
                del kept[start + HEAD_BYTES :]
                break
            yield Frame(size, size, bytes(kept[start : min(end, start + HEAD_BYTES)]))
            del kept[:end]
            left_out = 0
    if header:  # the last one, of what did not come
        yield Frame(size, len(kept) - start + left_out, bytes(kept[start:]))


def _header(data: bytearray) -> tuple[int, int] | None:
    """Return where a frame's body starts and its length, or None if that is to come."""
    is_long = data.startswith(b"\xff\xff\xff\xff")  # the length follows, in 8 bytes
    first, start = (4, 12) if is_long else (0, 4)
    return (start, int.from_bytes(data[first:start])) if len(data) >= start else None


# From a pickle to texts.

Values = Sequence["Value"]


class Value:
    """Something in a pickle: its text, its first parts, and itself if it is a leaf."""

    def __init__(
        self, opening: str, parts: Values = (), closing: str = "", raw: Any = ...
    ) -> None:
        self.opening, self.closing, self.raw = opening, closing, raw
        self.parts, self.text = list[Value](), ""
        self.add(parts)

    def add(self, parts: Values) -> None:
        """Add parts to the text; those that would not be seen are not kept."""
        self.parts += parts[: MOST_PARTS - len(self.parts)]
        comma = "," if self.opening == "(" and len(self.parts) == 1 else ""
        inner = ", ".join(part.text for part in self.parts) + comma
        self.text = f"{self.opening}{inner}{self.closing}"
        if len(self.text) > TEXT_LIMIT:
            self.text = f"{self.text[:TEXT_LIMIT]}…"

    def add_state(self, state: "Value") -> None:
        """Add a dictionary of names as keyword arguments."""
        if state.opening == "{" and all(_is_word(pair.raw) for pair in state.parts):
            self.add([Value(f"{pair.raw}=", pair.parts) for pair in state.parts])
        else:
            self.add([Value("state=", [state])])


_MORE = Value("…")
_LOOKS = {"list": "[ ]", "tuple": "( )", "dict": "{ }", "set": "set({ })"}
_LOOKS["frozenset"] = "frozenset({ })"


def _pairs(parts: Values) -> list[Value]:
    """Pair keys and values that are in turn."""
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return [Value(f"{key.text}: ", [value], raw=key.raw) for key, value in pairs]


def _name(*words: Any) -> Value:
    """Return a name; what is none does not look like one."""
    full = ".".join(map(str, words))
    is_name = all(map(_is_word, full.split(".")))
    return Value(full.removeprefix("builtins.") if is_name else f"<{full[:80]!a}>")


def _is_word(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and name.isascii()


def _leaf(value: Any) -> Value:
    """Return a number, a text or bytes as Python shows them, if not too long."""
    if isinstance(value, int) and value.bit_length() > LONGEST_INT:
        text = f"<int of {value.bit_length() // 8 + 1} bytes>"
    elif isinstance(value, str | bytes | bytearray) and len(value) > LEAF_LIMIT:
        unit = "characters" if isinstance(value, str) else "bytes"
        text = f"{value[:LEAF_LIMIT]!r}… ({len(value):,} {unit})"
    else:
        text = repr(value)
    return Value(text, raw=value)


class _Machine:
    """The machine that a pickle is a program for, with texts instead of things."""

    def __init__(self, turns: Iterator[int]) -> None:
        self.turns = turns  # one for each instruction, also of pickles within pickles
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.memo: dict[Any, Value] = {}

    def pop_from(self, place: int) -> list[Value]:
        values = self.stack[place:]
        del self.stack[place:]
        return values

    def carry_out(self, info: pickletools.OpcodeInfo, arg: Any) -> None:  # noqa: C901, PLR0912 - a case for each kind of instruction
        """Do to texts what an instruction does to things."""
        name, before, values = info.name, info.stack_before, list[Value]()
        if pickletools.markobject in before:
            values = self.pop_from(self.marks.pop())
            before = before[: before.index(pickletools.markobject)]
        values = self.pop_from(len(self.stack) - len(before)) + values
        kind = info.stack_after[0].name if info.stack_after else ""
        match name:
            case "MARK":
                self.marks.append(len(self.stack))
            case "MEMOIZE" | "PUT" | "BINPUT" | "LONG_BINPUT":
                number = len(self.memo) if arg is None else arg
                self.memo[number] = (values or self.stack)[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                values = [self.memo[arg]]
            case "DUP":
                values *= 2
            case "APPEND" | "APPENDS" | "ADDITEMS":
                values[0].add(values[1:])
            case "SETITEM" | "SETITEMS":
                values[0].add(_pairs(values[1:]))
            case "BUILD":
                values[0].add_state(values[1])
            case "GLOBAL" | "STACK_GLOBAL":
                words = arg.split(" ", 1) if arg else [word.raw for word in values]
                values = [_name(*words)]
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                called, args, *keywords = values
                given = args.parts if args.closing else [args]
                values = [Value(f"{called.text}(", given, ")")]
                for state in keywords:
                    values[0].add_state(state)
            case _ if kind in _LOOKS:
                opening, closing = _LOOKS[kind].split()
                parts = _pairs(values) if kind == "dict" else values
                values = [Value(opening, parts, closing)]
            case _ if kind in {"any", "buffer"}:
                raise ValueError(f"{name} is in no message of this protocol")
            case _ if not values:
                known = {"NEWTRUE": True, "NEWFALSE": False}.get(name, arg)
                values = [self.leaf(known)]
        self.stack += values[: len(info.stack_after)]

    def leaf(self, value: Any) -> Value:
        """Describe a value; a pickle in bytes is opened: labkit's items travel so."""
        if isinstance(value, bytes) and b"\x80\x02" <= value[:2] <= b"\x80\x05":
            inner, trouble = read_pickle(value, self.turns)
            if trouble != "broken":
                return Value("pickled(", inner.parts if trouble else [inner], ")")
        return _leaf(value)

    def unfinished(self) -> Value:
        """Return all that is on the stack as one tuple, with ``…`` where it breaks."""
        items = [*self.pop_from(self.marks[-1] if self.marks else 0), _MORE]
        below = self.stack[-1] if self.stack else _MORE
        if below.closing and not below.parts:  # it waits for these items
            below.add(_pairs(items) if below.opening == "{" else items)
            items = []
        return Value("(", self.stack + items, ")")


def read_pickle(data: bytes, turns: Iterator[int] | None = None) -> tuple[Value, str]:
    """Describe a pickle of any origin, or its beginning, instruction by instruction.

    Returns the description, and why it is not all of it: ``"too long"``, ``"broken"``
    or ``""``.
    """
    machine = _Machine(turns or iter(range(MAX_STEPS)))
    try:
        program = zip(pickletools.genops(data), machine.turns, strict=False)
        for (info, arg, _), _ in program:
            if info.name == "STOP":
                return machine.stack[-1], ""
            machine.carry_out(info, arg)
        trouble = "too long"
    except Exception:  # noqa: BLE001 - noise breaks it in many ways
        trouble = "broken"
    return machine.unfinished(), trouble


# From frames to what they say.


class Said(NamedTuple):
    """What one frame says; the fields are those of a message."""

    kind: str
    text: str
    ident: str = ""


_REPLIES = {"#RETURN", "#ERROR", "#PROXY", "#TRACEBACK", "#UNSERIALIZABLE"}


def read(direction: str, frame: Frame) -> Said:
    """Return what a frame says."""
    size, came, head = frame
    if came < size:
        return Said("incomplete", f"{came:,} of {size:,} bytes came")
    if head in {WELCOME, FAILURE}:
        return Said("welcome" if head == WELCOME else "failure", head.decode())
    if head.startswith(CHALLENGE):
        return Said("challenge", _secret(head.removeprefix(CHALLENGE)))
    value, trouble = read_pickle(head)
    is_pickle = not trouble and head[:1] == b"\x80"
    if not is_pickle and size <= LONGEST and (size == MD5_BYTES or head[:1] == b"{"):
        return Said("digest", _secret(head))
    said = _request(value) if direction == TO_SERVER else _reply(value)
    return said or Said("other", _leaf(head).text if trouble else value.text)


def _secret(body: bytes) -> str:
    """Show the beginning of a challenge or digest, and how it was made."""
    name, curly, rest = body.partition(b"}")
    if curly and name[:1] == b"{" and name[1:].replace(b"_", b"").isalnum():
        return f"{name.decode()}}} {rest[:SHOWN_SECRET].hex()}… ({len(rest)} bytes)"
    # Up to Python 3.11 nothing says so.
    return f"{body[:SHOWN_SECRET].hex()}… ({len(body)} bytes, MD5)"


def _request(value: Value) -> Said | None:
    """Read ``(ident, method, args, kwds)``; of a long one, what there is."""
    match [part.raw for part in value.parts]:
        case [None | str() as ident, str(method), *_]:
            name = method if _is_word(method) else value.parts[1].text
            call, rest = Value(f"{name}(", (), ")"), value.parts[2:]
            if rest and rest[0].opening == "(":
                call.add(rest[0].parts)
                for one in rest[1:]:
                    call.add([one]) if one is _MORE else call.add_state(one)
            else:  # cut off within the arguments
                call.add(rest)
            return Said("request" if ident is None else "call", call.text, ident or "")
    return None


def _reply(value: Value) -> Said | None:
    """Read ``(tag, value)``."""
    match [part.raw for part in value.parts]:
        case ["#TRACEBACK" | "#UNSERIALIZABLE" as tag, str(trace), *_]:
            return Said(tag[1:].lower(), _error_line(trace))
        case [str(tag), _, *_] if tag in _REPLIES:
            result = value.parts[1]
            if tag == "#PROXY" and len(result.parts) == 2:
                result = result.parts[1]  # the token, which says what is where
            return Said(tag[1:].lower(), result.text)
    return None


def _error_line(trace: str) -> str:
    """Return the line that names the error, which notes and more lines may follow."""
    _, _, last = trace.rpartition("Traceback (most recent call last):\n")
    lines = last.strip("\n").splitlines() or [""]
    named = (line for line in lines if not line.startswith(" "))
    return next(named, lines[-1])[:TEXT_LIMIT]
