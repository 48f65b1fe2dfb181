"""Descriptions of what pickles hold, and their text, which is bounded."""

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "LONGEST_INT",
    "MORE",
    "Leaf",
    "Node",
    "PickleError",
    "Reading",
    "big_int",
    "dotted",
    "text_of",
]

LONGEST_INT = 32  # bytes, or twice as many digits; beyond, only the size is told
DEEPEST = 12  # containers within containers that are shown


class PickleError(Exception):
    """The pickle says something that no pickle may say."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: a description, and why it is not all of it (``""`` if it is)."""

    value: Any
    trouble: str
    steps: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or bytes of ``size`` bytes: what came of it, and what it holds."""

    head: str | bytes
    size: int
    is_whole: bool
    inner: Reading | None = None  # bytes that are themselves a pickle


@dataclass(slots=True, eq=False)
class Node:
    """A container, a name, or a call that was asked for and never made.

    ``shape`` is ``"list"``, ``"tuple"``, ``"dict"`` (keys and values in turn),
    ``"set"``, ``"frozenset"``, ``"name"`` or ``"call"``. ``called`` is the name, or
    what was to be called with ``parts``; ``items`` and ``state`` were to follow.
    """

    shape: str
    parts: list[Any] = field(default_factory=list)
    called: Any = None
    items: list[Any] = field(default_factory=list)
    state: list[Any] = field(default_factory=list)


MORE = Node("name", called="…")

_BRACKETS = {
    "list": ("[", "]"),
    "tuple": ("(", ")"),
    "dict": ("{", "}"),
    "set": ("{", "}"),
    "frozenset": ("frozenset({", "})"),
}


def big_int(size: int, unit: str) -> Node:
    """Stand in for a number too long to be shown."""
    return Node("name", called=f"<int of {size:,} {unit}>")


def dotted(module: str, name: str) -> str:
    """Return the name as it is written in code, with quotes where it is no name.

    A built-in needs no module. Nothing else may look like one, whatever it says.
    """
    full = f"{module}.{name}"
    words = full.split(".")
    if not all(word.isidentifier() and word.isascii() for word in words):
        return f"<{full[:80]!a}>"
    return ".".join(words[1:] if words[0] == "builtins" else words)


class _FullError(Exception):
    """No room is left."""


def text_of(value: Any, limit: int, leaf_limit: int) -> str:
    """Return the text of a description, like the repr of what it describes.

    Parameters
    ----------
    value : object
        A number, :class:`Leaf` or :class:`Node`.
    limit : int
        Characters at most; a text that would be longer ends with "…".
    leaf_limit : int
        Characters of one text or bytes at most.

    Returns
    -------
    str
        In ASCII but for what the texts themselves hold, and "…".

    Notes
    -----
    Each node visited writes a character, so the limit also bounds the time that
    a node shared a million times can cost.
    """
    writer = _Writer(limit, leaf_limit)
    try:
        writer.value(value, ())
    except _FullError:
        writer.pieces.append("…")
    return "".join(writer.pieces)


class _Writer:
    def __init__(self, limit: int, leaf_limit: int) -> None:
        self.room = limit
        self.leaf_limit = leaf_limit
        self.pieces: list[str] = []

    def write(self, text: str) -> None:
        self.pieces.append(text[: self.room])
        self.room -= len(text)
        if self.room < 0:
            raise _FullError

    def value(self, value: Any, path: tuple[int, ...]) -> None:
        if isinstance(value, Leaf):
            self.leaf(value, path)
        elif not isinstance(value, Node):
            self.write(repr(value))
        elif value.shape == "name":
            self.write(str(value.called))
        elif id(value) in path or len(path) >= DEEPEST:
            self.write("(…)")
        elif value.shape == "call":
            self.call(value, (*path, id(value)))
        else:
            self.container(value, (*path, id(value)))

    def leaf(self, leaf: Leaf, path: tuple[int, ...]) -> None:
        if leaf.inner is not None:
            made, is_complete = leaf.inner.value, not leaf.inner.trouble
            parts = [made] if is_complete else made.parts
            self.value(Node("call", parts, Node("name", called="pickled")), path)
            return
        text = repr(leaf.head[: self.leaf_limit])
        is_whole = leaf.is_whole and len(leaf.head) <= self.leaf_limit
        if len(text) > self.leaf_limit + 3:  # escapes
            fit = self.leaf_limit * self.leaf_limit // len(text)
            text, is_whole = repr(leaf.head[:fit]), False
        self.write(text if is_whole else f"{text}… ({leaf.size:,} bytes)")

    def container(self, node: Node, path: tuple[int, ...]) -> None:
        opening, closing = _BRACKETS[node.shape]
        if node.shape == "set" and not node.parts:
            opening, closing = "set(", ")"
        if node.shape == "tuple" and len(node.parts) == 1:
            closing = ",)"
        self.write(opening)
        self.row(node.parts, path, is_dict=node.shape == "dict")
        self.write(closing)

    def row(self, parts: list[Any], path: tuple[int, ...], *, is_dict: bool) -> None:
        for number, part in enumerate(parts):
            if number:
                self.write(
                    ": " if is_dict and number % 2 and part is not MORE else ", "
                )
            self.value(part, path)

    def call(self, node: Node, path: tuple[int, ...]) -> None:
        self.value(node.called, path)
        self.write("(")
        self.row(node.parts, path, is_dict=False)
        extra = [("items", Node("list", node.items))] if node.items else []
        for state in node.state:
            extra += _keywords(state)
        for number, (word, value) in enumerate(extra):
            self.write(", " if number or node.parts else "")
            self.write(f"{word}=")
            self.value(value, path)
        self.write(")")


def _keywords(state: Any) -> list[tuple[str, Any]]:
    """Return what a state sets, as keyword arguments where it is a dictionary."""
    is_dict = isinstance(state, Node) and state.shape == "dict"
    if is_dict and len(state.parts) < 100:  # looked at whole, however often shared
        words = [getattr(key, "head", None) for key in state.parts[::2]]
        if all(isinstance(word, str) and word.isidentifier() for word in words):
            return list(zip(words, state.parts[1::2], strict=False))  # type: ignore[arg-type]
    return [("state", state)]
