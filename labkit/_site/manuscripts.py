"""A notebook made fit for a page: diagrams drawn, widgets as they stood, no paths."""

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

from labkit._site.lexers import NAME
from labkit._site.widgetviews import render

__all__ = ["MERMAID", "diagram", "finish"]

MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_VIEW = "application/vnd.jupyter.widget-view+json"
_TITLE = re.compile(r"^(# .+\n)", re.MULTILINE)
_END_OF_DETAILS = re.compile(r"\n+</details>")
_TOLD = re.compile(r"^\s*(accTitle|accDescr):\s*(.+)$", re.MULTILINE)
# Outputs link to the checkout's notebooks, from wherever the lesson ran.
_NOTEBOOK = re.compile(r'href="[^"]*?/(notebooks|exercises/release)/([^"]+)\.ipynb')
_LIVE = '<p class="labkit-live">Live in JupyterLab; here as it was left.</p>'


def finish(
    book: Any,
    note: str,
    drawings: Mapping[str, str],
    places: Mapping[str, str],
) -> None:
    """Change a notebook, executed or not, into what Sphinx makes a page of.

    Parameters
    ----------
    book : nbformat.NotebookNode
        Changed in place.
    note : str
        Markdown that goes below the title.
    drawings : mapping of str to str
        For each diagram's text its picture as HTML; see :func:`diagram`.
    places : mapping of str to str
        Folders of this machine, and what a page calls them.
    """
    models = book.metadata.pop("widgets", {})
    book.metadata.setdefault("language_info", {})["pygments_lexer"] = NAME
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = _prose(cell.source, drawings)
        elif cell.cell_type == "code":
            _fold(cell)
            shown = [_static(output, models) for output in cell.outputs]
            cell.outputs = [_everywhere(one, _namer(places)) for one in shown]
    first = book.cells[0]
    first.source = _TITLE.sub(lambda found: f"{found[1]}\n{note}\n", first.source, 1)


def _prose(text: str, drawings: Mapping[str, str]) -> str:
    drawn = MERMAID.sub(lambda found: drawings.get(found[1], diagram(found[1])), text)
    # A blank line before it: else Markdown takes it for a part of the last sentence.
    return _END_OF_DETAILS.sub("\n\n</details>", drawn)


def diagram(source: str, light: str = "", width: int = 0, dark: str = "") -> str:
    """Return a diagram as HTML: a picture for each theme, or the words that say it.

    Parameters
    ----------
    source : str
        What stands in the fence; its ``accTitle`` and ``accDescr`` say it in words.
    light, dark : str
        Addresses of the pictures; without them the words alone are shown.
    width : int
        How wide the pictures are, in pixels, where there is room.
    """
    told = {name: html.escape(text) for name, text in _TOLD.findall(source)}
    title, words = told.get("accTitle", "A diagram"), told.get("accDescr", "")
    if not light:
        said = f"<p><strong>{title}.</strong> {words}</p>"
        return f'<div class="labkit-diagram">{said}</div>'
    alt = f"{title}. {words}".strip()
    pictures = "".join(
        f'<img class="only-{theme}" alt="{alt}" width="{width}" src="{address}">'
        for theme, address in (("light", light), ("dark", dark or light))
    )
    return f'<div class="labkit-diagram">{pictures}</div>'


def _fold(cell: Any) -> None:
    """Fold what JupyterLab folds: the code of a question, which has the answers."""
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        tags = cell.metadata.setdefault("tags", [])
        cell.metadata["tags"] = [*tags, "hide-input"]


def _static(output: Any, models: Mapping[str, Any]) -> Any:
    data = output.get("data", {})
    if _VIEW in data:
        drawn = render(models, data.pop(_VIEW)["model_id"])
        if drawn:
            data["text/html"] = f'<div class="labkit-widget">{_LIVE}{drawn}</div>'
    if "text/html" in data:
        data["text/html"] = _NOTEBOOK.sub(r'href="../\1/\2.html', data["text/html"])
    return output


def _everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """Apply a change to every text in a structure."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return type(value)({k: _everywhere(v, change) for k, v in value.items()})
    if isinstance(value, list):
        return [_everywhere(one, change) for one in value]
    return value


def _namer(places: Mapping[str, str]) -> Callable[[str], str]:
    known = sorted(places, key=len, reverse=True)  # a folder before the one it is in
    pattern = re.compile("|".join(map(re.escape, known)) or r"(?!)")
    return lambda text: pattern.sub(lambda found: places[found[0]], text)
