"""The stack machine that pickles are programs for, making descriptions only.

Every instruction is here, and none imports, calls, compares or hashes anything that
a pickle names.
"""

from collections.abc import Callable
from typing import Any

from labkit._wiretap.picklenodes import MORE, Leaf, Node, PickleError, dotted

__all__ = ["STEPS", "Stack"]

_MARK = Node("name", called="mark")


class Stack:
    """Values on top of each other, with marks between, and what was memorised."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        """Put a value on top."""
        self.values.append(value)

    def top(self) -> Any:
        """Return the topmost value."""
        if not self.values or self.values[-1] is _MARK:
            raise PickleError("no value where one was expected")
        return self.values[-1]

    def pop(self) -> Any:
        """Take the topmost value."""
        value = self.top()
        self.values.pop()
        return value

    def pop_some(self, count: int) -> list[Any]:
        """Take so many values, the lowest first."""
        return [self.pop() for _ in range(count)][::-1]

    def pop_to_mark(self) -> list[Any]:
        """Take all values above the last mark, the lowest first, and the mark."""
        values: list[Any] = []
        while self.values:
            value = self.values.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise PickleError("no mark where one was expected")

    def add(self, values: list[Any]) -> None:
        """Add to the container on top, or to what a call on top would have made."""
        target = self.top()
        if not isinstance(target, Node) or target.shape in {"name", "tuple"}:
            raise PickleError("items for something that holds none")
        (target.items if target.shape == "call" else target.parts).extend(values)

    def build(self, state: Any) -> None:
        """Give a state to what a call on top would have made."""
        target = self.top()
        if not isinstance(target, Node) or target.shape != "call":
            raise PickleError("a state for something that has none")
        target.state.append(state)

    def call(self, called: Any, arguments: Any, *state: Any) -> None:
        """Push the description of a call."""
        is_plain = isinstance(arguments, Node) and arguments.shape == "tuple"
        # The tuple's own list: nothing ever adds to it, and copies would add up.
        parts = arguments.parts if is_plain else [arguments]
        self.push(Node("call", parts, called, state=list(state)))

    def note(self, index: int) -> None:
        """Memorise the topmost value."""
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        """Push what was memorised."""
        if index not in self.memo:
            raise PickleError(f"nothing was memorised as {index}")
        self.push(self.memo[index])

    def what_there_is(self) -> Node:
        """Return everything as one tuple, open containers closed with ``…``."""
        more = [MORE]
        for _ in range(sum(value is _MARK for value in self.values)):
            values = self.pop_to_mark() + more
            below = self.values[-1] if self.values else None
            if isinstance(below, Node) and below.shape in {"list", "set", "dict"}:
                below.parts.extend(values)
            else:
                self.push(Node("tuple", values))
            more = []
        only = self.values[0] if len(self.values) == 1 and not more else None
        if isinstance(only, Node) and only.shape == "tuple":
            return only
        return Node("tuple", self.values + more)


_Step = Callable[[Stack, Any], object]


def _name(text: str) -> _Step:
    return lambda stack, _: stack.push(Node("name", called=text))


def _empty(shape: str) -> _Step:
    return lambda stack, _: stack.push(Node(shape))


def _gather(shape: str) -> _Step:
    return lambda stack, _: stack.push(Node(shape, stack.pop_to_mark()))


def _tuple_of(count: int) -> _Step:
    return lambda stack, _: stack.push(Node("tuple", stack.pop_some(count)))


def _call(stack: Stack, _: Any) -> None:
    called, arguments = stack.pop_some(2)
    stack.call(called, arguments)


def _call_with_keywords(stack: Stack, _: Any) -> None:
    called, arguments, keywords = stack.pop_some(3)
    stack.call(called, arguments, keywords)


def _call_gathered(stack: Stack, names: tuple[str, str] | None) -> None:
    parts = stack.pop_to_mark()
    if names is not None:
        parts.insert(0, Node("name", called=dotted(*names)))
    if not parts:
        raise PickleError("a call of nothing")
    stack.call(parts[0], Node("tuple", parts[1:]))


def _name_on_stack(stack: Stack, _: Any) -> None:
    match stack.pop_some(2):
        case [Leaf(head=str(module)), Leaf(head=str(name))]:
            stack.push(Node("name", called=dotted(module, name)))
        case _:
            raise PickleError("a name that is no text")


def _persistent(stack: Stack, ident: Any) -> None:
    ident = stack.pop() if ident is None else ident
    stack.call(Node("name", called="<persistent>"), Node("tuple", [ident]))


# What is not here pushes its argument.
STEPS: dict[str, _Step] = {
    "NONE": lambda stack, _: stack.push(None),
    "NEWTRUE": lambda stack, _: stack.push(True),
    "NEWFALSE": lambda stack, _: stack.push(False),
    "EMPTY_LIST": _empty("list"),
    "EMPTY_TUPLE": _empty("tuple"),
    "EMPTY_DICT": _empty("dict"),
    "EMPTY_SET": _empty("set"),
    "LIST": _gather("list"),
    "TUPLE": _gather("tuple"),
    "DICT": _gather("dict"),
    "FROZENSET": _gather("frozenset"),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": lambda stack, _: stack.add(stack.pop_some(1)),
    "SETITEM": lambda stack, _: stack.add(stack.pop_some(2)),
    "MARK": lambda stack, _: stack.push(_MARK),
    "POP": lambda stack, _: stack.values[-1:] and stack.values.pop(),
    "POP_MARK": lambda stack, _: stack.pop_to_mark(),
    "DUP": lambda stack, _: stack.push(stack.top()),
    "MEMOIZE": lambda stack, _: stack.note(len(stack.memo)),
    "GLOBAL": lambda stack, names: stack.push(Node("name", called=dotted(*names))),
    "STACK_GLOBAL": _name_on_stack,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "NEWOBJ_EX": _call_with_keywords,
    "OBJ": _call_gathered,
    "INST": _call_gathered,
    "BUILD": lambda stack, _: stack.build(stack.pop()),
    "PERSID": _persistent,
    "BINPERSID": _persistent,
    "NEXT_BUFFER": _name("<out-of-band buffer>"),
}
for _names, _step in (
    (
        ("APPENDS", "SETITEMS", "ADDITEMS"),
        lambda stack, _: stack.add(stack.pop_to_mark()),
    ),
    (("GET", "BINGET", "LONG_BINGET"), Stack.recall),
    (("PUT", "BINPUT", "LONG_BINPUT"), Stack.note),
    (
        ("EXT1", "EXT2", "EXT4"),
        lambda stack, code: stack.push(Node("name", called=f"<extension {code}>")),
    ),
    (("PROTO", "FRAME", "READONLY_BUFFER"), lambda _stack, _: None),
):
    STEPS.update(dict.fromkeys(_names, _step))
