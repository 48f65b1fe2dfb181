"""Colours for the code of a lesson, and the site's own Sphinx extension."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ipython_pygments_lexers import IPython3Lexer
from pygments.token import Name, Text

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["NAME", "CellLexer", "setup"]

NAME = "labkit-cell"

_PYTHON = ("%%process", "%%answer", "%%time")


class CellLexer(IPython3Lexer):  # type: ignore[misc]  # has no hints
    """A cell whose first line may be a magic with a whole program below it."""

    name = "A cell of a lesson"
    aliases: ClassVar[list[str]] = [NAME]

    def get_tokens_unprocessed(
        self, text: str, *rest: Any
    ) -> Iterator[tuple[int, Any, str]]:
        """Yield the magic, then the program as what it is."""
        first, newline, program = text.partition("\n")
        if not first.startswith("%%"):
            yield from super().get_tokens_unprocessed(text, *rest)
            return
        yield 0, Name.Decorator, first + newline
        begin = len(first + newline)
        python = first.startswith(_PYTHON) or first.endswith(".py")
        below = super().get_tokens_unprocessed if python else _as_it_is
        for place, token, value in below(program):
            yield begin + place, token, value


def _as_it_is(text: str) -> Iterator[tuple[int, Any, str]]:
    yield 0, Text, text


def setup(app: "Sphinx") -> dict[str, bool]:
    """Register the lexer: Sphinx calls this."""
    app.add_lexer(NAME, CellLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
