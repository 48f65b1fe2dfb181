"""What all widgets share: one style, buttons, and a sentence above a table."""

import functools
import html
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Live", "button", "close_all", "display", "kernel_cell", "panel", "rich"]

AUTO = {"width": "auto", "height": "auto", "margin": "2px"}
_BORDERS = {True: "#009e73", False: "#d55e00", None: "var(--jp-border-color1, #bdbdbd)"}


@functools.cache
def style() -> str:
    """Return the style of all widgets as HTML."""
    return f"<style>{Path(__file__).with_name('style.css').read_text('utf-8')}</style>"


def rich(text: str) -> str:
    """Return a text as HTML, with what is between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def plain(text: str) -> str:
    """Return a text without its backticks."""
    return re.sub(r"`([^`]+)`", r"\1", text)


def panel(lines: Sequence[str], right: bool | None = None) -> dict[str, str]:
    """Return lines, the first in bold, which a screen reader reads out at once."""
    body = "".join(f"<p>{rich(line)}</p>" for line in lines)
    body = body.replace("<p>", "<p><strong>", 1).replace("</p>", "</strong></p>", 1)
    look = f"border-left:4px solid {_BORDERS[right]};padding-left:10px;max-width:52em"
    page = f'<div role="alert" style="{look}">{body}</div>' if lines else ""
    return {"text/plain": "\n".join(map(plain, lines)), "text/html": page}


def kernel_cell() -> int:
    """Return the number of the cell that runs; -1 where there is no kernel."""
    try:
        from IPython import get_ipython
    except ImportError:
        return -1
    shell: Any = get_ipython()
    if getattr(shell, "kernel", None) is None:
        return -1
    return int(shell.execution_count)


def display(bundle: dict[str, Any], **options: Any) -> Any:
    """Show a bundle below the cell that runs; without a notebook print its text."""
    if kernel_cell() < 0:
        print(bundle["text/plain"])
        return None
    from IPython.display import display as show

    return show(bundle, raw=True, **options)  # type: ignore[no-untyped-call]


def button(name: str, tooltip: str) -> Any:
    """Return a button as wide as its name."""
    import ipywidgets

    layout = {"width": "auto", "flex": "0 0 auto"}
    return ipywidgets.Button(description=name, tooltip=tooltip, layout=layout)


def close_all(widget: Any) -> None:
    """Close a widget and all in it, so that cells run again gather none."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for part in (widget.layout, getattr(widget, "style", None), widget):
        if part is not None:
            part.close()


def rows(*widgets: Any) -> Any:
    """Return a row of widgets that goes on below where the page is narrow."""
    import ipywidgets

    layout = {"flex_flow": "row wrap", "align_items": "center"}
    return ipywidgets.HBox(list(widgets), layout=layout)


class Live:
    """A sentence and a table that change while nobody runs a cell, and their twins.

    Threads may call `say` and `draw`: the widgets were made and shown before.
    """

    _shown: ClassVar[dict[str, "Live"]] = {}

    def __init__(self, key: str, *heads: str) -> None:
        import ipywidgets

        if key in self._shown:  # the cell was run again
            self._shown[key].close()
        self._shown[key] = self
        self.closed, self.says, self.rows = False, "", list[Sequence[str]]()
        self._heads, self._drawn = heads, list[str]()
        self.state, self.table = (ipywidgets.HTML(layout=AUTO) for _ in "12")
        self.box = ipywidgets.VBox([ipywidgets.HTML(style())])
        self.box.add_class("labkit-ask")

    def say(self, sentence: str) -> None:
        """Show a sentence; a screen reader reads it out when it is another one."""
        if sentence != self.says and not self.closed:
            self.state.value = f'<p role="status">{html.escape(sentence)}</p>'
        self.says = sentence

    def draw(self, drawn: Sequence[str] = ()) -> None:
        """Show the rows, each with a drawing at its end if there is one."""
        self._drawn = list(drawn)
        if not self.closed:
            self.table.value = self._html()

    def _html(self) -> str:
        heads = [f'<th scope="col">{html.escape(head)}</th>' for head in self._heads]
        lines = ["".join(heads)]
        for row, drawn in itertools.zip_longest(self.rows, self._drawn, fillvalue=""):
            cells = [f"<td>{html.escape(cell)}</td>" for cell in row]
            lines.append("".join([*cells, f"<td>{drawn}</td>" if drawn else ""]))
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f'<table class="labkit-table">{body}</table>' if self.rows else ""

    def __repr__(self) -> str:
        lines = [self._heads, *self.rows] if self.rows else []
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(map(str.rjust, line, widths)) for line in lines]
        return "\n".join([self.says, *table])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {} if self.closed else self.box._repr_mimebundle_()
        page = f"<p>{html.escape(self.says)}</p>{self._html()}"
        return shown | {"text/plain": repr(self), "text/html": page}

    def close(self) -> None:
        """Take it off the page. Safe to call twice."""
        if not self.closed:
            self.closed = True
            close_all(self.box)
