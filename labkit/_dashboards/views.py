"""What dashboard and explorer have in common: widgets in a box, and a text twin."""

import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipywidgets import Button

__all__ = ["STYLE", "View", "button", "open_view", "rows", "slider", "status"]

# JupyterLab's colours, light or dark, with fallbacks for any page. The two colours of
# the lines are Okabe and Ito's, at least 3:1 on both backgrounds; the second line is
# dashed as well. Lines stay thin however wide the picture is drawn.
STYLE = """<style>
.labkit-status { margin:0; line-height:1.4; overflow-wrap:anywhere;
  color:var(--jp-ui-font-color1, #1f1f1f) }
.labkit-cards { display:flex; flex-flow:row wrap; gap:8px; line-height:1.4;
  color:var(--jp-ui-font-color1, #1f1f1f); font-size:13px }
.labkit-cards p { margin:0; overflow-wrap:anywhere }
.labkit-cards > p { flex-basis:100% }
.labkit-card { flex:1 1 260px; min-width:0; max-width:420px; padding:6px 10px;
  border:1px solid var(--jp-border-color1, #bdbdbd); border-radius:4px }
.labkit-picture { overflow-x:auto }
.labkit-picture > * { min-width:560px }
.labkit-picture.old { opacity:.4 }
.labkit-card svg { display:block; width:100%; height:48px; margin:2px 0;
  border-bottom:1px solid var(--jp-border-color1, #bdbdbd) }
.labkit-card polyline { fill:none; stroke-width:2; stroke:#0072b2;
  vector-effect:non-scaling-stroke; stroke-linejoin:round }
.labkit-card polyline.got { stroke:#d55e00; stroke-dasharray:5 3 }
.labkit-card polyline.area { stroke:none; fill:#0072b2; fill-opacity:.25 }
.labkit-card .legend { display:flex; justify-content:space-between; gap:8px;
  font-variant-numeric:tabular-nums }
.labkit-card .big { font-size:20px; font-weight:bold; line-height:1.2 }
.labkit-key { display:inline-block; width:22px; margin-right:4px;
  vertical-align:middle; border-top:2px solid #0072b2 }
.labkit-key.got { border-top:2px dashed #d55e00 }
.labkit-card .numbers { display:grid; grid-template-columns:1fr 1fr; gap:0 20px;
  margin-top:4px; font-variant-numeric:tabular-nums }
.labkit-card .numbers span { display:flex; justify-content:space-between; gap:4px }
.labkit-table { border-collapse:collapse; min-width:min(100%, 22em);
  font-variant-numeric:tabular-nums;
  color:var(--jp-ui-font-color1, #1f1f1f); font-size:13px; line-height:1.5 }
.labkit-table caption { text-align:left; overflow-wrap:anywhere }
.labkit-table th, .labkit-table td { text-align:right; padding:0 0 0 16px }
.labkit-table th:first-child { text-align:left; padding:0; font-weight:normal }
.labkit-table td { white-space:nowrap; vertical-align:top }
</style>"""

_shown: dict[str, "View"] = {}


class View(ABC):
    """Some widgets, shown by being the last line of a cell; a context manager.

    Parameters
    ----------
    key : str
        An earlier view of the same key is closed, so that running a cell again and
        again gathers neither widgets nor threads.

    Attributes
    ----------
    box : ipywidgets.Widget
        All of it; made by the subclass.
    """

    box: Any

    def __init__(self, key: str) -> None:
        earlier = _shown.get(key)
        if earlier is not None:
            earlier.close()
        self._key = key
        self.closed = False
        _shown[key] = self

    @abstractmethod
    def __repr__(self) -> str:
        """Return all that the picture says, as lines of text."""

    @abstractmethod
    def _end(self) -> None:
        """End what runs for the view."""

    def close(self) -> None:
        """Take it off the page, and end what runs for it. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        if _shown.get(self._key) is self:
            del _shown[self._key]
        self._end()
        for widget in list(_all_in(self.box)):
            for part in (widget.layout, getattr(widget, "style", None), widget):
                if part is not None:
                    part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {} if self.closed else self.box._repr_mimebundle_()
        return shown | {"text/plain": repr(self)}


def open_view(key: str) -> View | None:
    """Return the view of a key, if one is shown and was not closed."""
    return _shown.get(key)


def _all_in(widget: Any) -> "Iterator[Any]":
    for child in getattr(widget, "children", ()):
        yield from _all_in(child)
    yield widget


def button(name: str, tooltip: str) -> "Button":
    """Return a button as wide as its name."""
    import ipywidgets

    width = {"width": "auto"}
    return ipywidgets.Button(description=name, tooltip=tooltip, layout=width)


def rows(*widgets: Any) -> Any:
    """Return a row of widgets that goes on below where the page is narrow."""
    import ipywidgets

    layout = {"flex_flow": "row wrap", "align_items": "center"}
    return ipywidgets.HBox(list(widgets), layout=layout)


def slider(name: str, options: list[tuple[str, int]], value: int) -> Any:
    """Return a slider over named numbers, which tells when it has come to rest."""
    import ipywidgets

    return ipywidgets.SelectionSlider(
        options=options,
        value=value,
        description=name,
        tooltip=name,  # else ipywidgets shows "null" there
        continuous_update=False,
        style={"description_width": "6.5em"},
        layout={"width": "min(100%, 24em)"},
    )


def status(sentence: str) -> str:
    """Return a sentence as HTML that a screen reader reads out when it changes."""
    return f'<p class="labkit-status" role="status">{html.escape(sentence)}</p>'
