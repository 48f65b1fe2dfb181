"""Aligned text in a notebook: on a narrow page it scrolls, and does not wrap."""

import html

__all__ = ["TextTable"]


class TextTable(tuple[str, ...]):
    """Lines of aligned text; printed, and as a cell's last line, they stay aligned."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(self)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        # A tabindex, so that keys can scroll it.
        style = "white-space:pre; overflow-x:auto"
        text = html.escape(str(self))
        return f'<pre tabindex="0" role="region" style="{style}">{text}</pre>'
