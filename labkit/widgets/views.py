"""What all widgets share: one style, buttons, and a sentence above a table."""

import html
import itertools
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

AUTO = {"width": "auto", "height": "auto", "margin": "2px"}
WIDE: dict[str, Any] = {
    "style": {"description_width": "initial"},
    "layout": {"width": "calc(min(100%, 40em) - 4px)"},
}
_shown: dict[str, Any] = {}
_BORDERS = {True: "#009e73", False: "#d55e00", None: "var(--jp-border-color1, #bdbdbd)"}


def style() -> str:
    """Return the style of all widgets as HTML."""
    return f"<style>{Path(__file__).with_name('style.css').read_text('utf-8')}</style>"


def rich(text: str) -> str:
    """Return a text as HTML, with what is between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def plain(text: str) -> str:
    """Return a text on one line, without its backticks."""
    return re.sub(r"`([^`]+)`", r"\1", text).replace("\n", " ")


def panel(lines: Sequence[str], right: bool | None = None) -> dict[str, str]:
    """Return lines, the first in bold, which a screen reader reads out at once."""
    body = "".join(f"<p>{rich(line)}</p>" for line in lines)
    body = body.replace("<p>", "<p><strong>", 1).replace("</p>", "</strong></p>", 1)
    look = f"border-left:4px solid {_BORDERS[right]};padding-left:10px;max-width:52em;"
    look += "margin-top:8px"  # below what a cell printed
    page = f'<div role="alert" style="{look}">{body}</div>' if lines else ""
    return {"text/plain": "\n".join(map(plain, lines)), "text/html": page}


def notebook_kernel() -> Any:
    """Return the kernel of this notebook, None without one."""
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def display(bundle: dict[str, Any], **options: Any) -> Any:
    """Show a bundle below the cell that runs; without a notebook print its text."""
    if not notebook_kernel():
        return print(bundle["text/plain"])
    from IPython.display import display as show

    return show(bundle, raw=True, **options)  # type: ignore[no-untyped-call]


def button(name: str, tooltip: str) -> Any:
    """Return a button as wide as its name."""
    import ipywidgets

    layout = {"width": "auto", "flex": "0 0 auto", "align_self": "flex-start"}
    return ipywidgets.Button(description=name, tooltip=tooltip, layout=layout)


def rows(*widgets: Any) -> Any:
    """Return a row of widgets that goes on below where the page is narrow."""
    import ipywidgets

    layout = {"flex_flow": "row wrap", "align_items": "center"}
    return ipywidgets.HBox(widgets, layout=layout)


def _close(widget: Any) -> None:
    """Close a widget and all in it, so that cells run again gather none."""
    parts = [getattr(widget, name, None) for name in ("layout", "style")]
    for part in (*getattr(widget, "children", ()), *filter(None, parts)):
        _close(part)
    widget.close()


class Shown:
    """A box of widgets. One shown before under its key is closed: its cell ran again."""

    def __init__(self, key: str, *widgets: Any) -> None:
        import ipywidgets

        if old := _shown.pop(key, None):
            old.close()
        _shown[key] = self
        looks = ipywidgets.HTML(style(), layout={"display": "none"})
        self.box = ipywidgets.VBox([looks, *widgets])

    def close(self) -> None:
        """Take it off the page. Safe to call twice."""
        _close(self.box)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Return the box, unless it is closed, with a plain and an HTML twin."""
        text, widget = repr(self), self.box._repr_mimebundle_() if self.box.comm else {}
        page = f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>'
        return {**widget, "text/plain": text, "text/html": page}


class Live(Shown):
    """A sentence and a table, which threads may change with `say` and `draw`."""

    def __init__(self, key: str, *heads: str) -> None:
        import ipywidgets

        self._heads, self.says, self.rows = heads, "", list[Sequence[str]]()
        self.state, self.table = (ipywidgets.HTML(layout=AUTO) for _ in "12")
        super().__init__(key, self.state)
        self.box.add_class("labkit-ask")

    def say(self, sentence: str) -> None:
        """Show a sentence, which is read out when it is another one."""
        self.says = sentence
        self.state.value = f'<p role="status">{rich(sentence)}</p>'

    def draw(self, *drawn: str) -> None:
        """Show the rows, each with a drawing at its end if there is one."""
        lines = ["".join(f'<th scope="col">{head}</th>' for head in self._heads)]
        for row, line in itertools.zip_longest(self.rows, drawn, fillvalue=""):
            cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
            lines.append(cells + f"<td>{line}</td>" * bool(line))
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        self.table.value = f'<table class="labkit-table">{body}</table>'

    def __str__(self) -> str:
        lines = [self._heads, *self.rows] if self.rows else []
        # Without the drawings' column.
        widths = [max(map(len, column)) for column in zip(*lines, strict=False)]
        table = ["  ".join(map(str.rjust, line, widths)) for line in lines]
        return "\n".join([self.says, *table])

    def __repr__(self) -> str:
        # A notebook keeps the text, which is true of that moment only.
        return f"At {datetime.now().astimezone():%H:%M:%S}: {self}"
