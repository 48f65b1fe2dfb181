"""What all widgets share: one style, buttons, and ways to show and to close."""

import functools
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["button", "close_all", "display", "kernel_cell", "panel", "plain", "rich"]

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
