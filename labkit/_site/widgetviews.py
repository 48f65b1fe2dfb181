"""Widgets to plain HTML: what a lesson's widgets show, for a page without a kernel.

Whatever acts in JupyterLab is drawn and disabled here; nothing on the page runs.
"""

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["render"]

Model = Mapping[str, Any]
Models = Mapping[str, Model]

_REFERENCE = "IPY_MODEL_"
_BOXES = {"HBoxModel": "row", "VBoxModel": "column", "BoxModel": "row"}
# What a page takes over from a widget's layout, under CSS's own names.
_LAYOUT = (
    *("display", "flex", "flex_flow", "align_items", "justify_content"),
    *("width", "min_width", "max_width", "max_height", "overflow", "margin"),
    *("border_top", "border_right", "border_bottom", "border_left"),
)
# Read out when they change, which nothing on a page does.
_LIVE = re.compile(r' (?:role="(?:status|alert|log)"|aria-live="\w+")')
_LOG = re.compile(r'role="log"')


def render(models: Models, model_id: str) -> str:
    """Return a widget and all in it as HTML.

    Parameters
    ----------
    models : mapping of str to mapping
        Every model of the notebook: its ``model_name`` and its ``state``.
    model_id : str
        The outermost widget.

    Returns
    -------
    str
        HTML without scripts; empty for a widget that shows nothing, or that is not
        among the models.
    """
    return _Drawing(models).widget(model_id, ())


class _Drawing:
    """One notebook's widgets, drawn from the outermost to the innermost."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def widget(self, model_id: str, above: tuple[str, ...]) -> str:
        """Draw one widget; `above` are the boxes it is in, never drawn again."""
        model = self._models.get(model_id)
        if model is None or model_id in above:
            return ""
        style = self._style(model["state"])
        if "display:none" in style:
            return ""
        name = str(model["model_name"])
        if name in _BOXES:
            return self._box(model["state"], _BOXES[name], style, (*above, model_id))
        return _PARTS.get(name, _anything)(model["state"], style)

    def _box(self, state: Model, way: str, style: str, above: tuple[str, ...]) -> str:
        inner = (self.widget(_named(child), above) for child in state["children"])
        classes = " ".join(
            ["labkit-box", f"labkit-{way}", *map(str, state["_dom_classes"])]
        )
        # What scrolls is reached by keyboard, as it is in JupyterLab.
        reach = ' tabindex="0" role="group" aria-label="Output"'
        opening = f'<div class="{html.escape(classes)}" style="{style}"'
        return (
            f"{opening}{reach if state.get('tabbable') else ''}>{''.join(inner)}</div>"
        )

    def _style(self, state: Model) -> str:
        layout = self._models.get(_named(state.get("layout")), {"state": {}})["state"]
        given = [(name, layout.get(name)) for name in _LAYOUT]
        rules = (f"{name.replace('_', '-')}:{text}" for name, text in given if text)
        return html.escape(";".join(rules))


def _named(reference: object) -> str:
    return str(reference).removeprefix(_REFERENCE)


def _html(state: Model, style: str) -> str:
    value = _LIVE.sub("", _LOG.sub('role="group"', str(state["value"])))
    name = _label(state)
    return (
        f'<div class="labkit-html" style="{style}">{name}{value}</div>' if value else ""
    )


def _label(state: Model) -> str:
    text = str(state.get("description") or "")
    return f'<span class="labkit-name">{html.escape(text)}</span> ' if text else ""


def _button(state: Model, style: str) -> str:
    text = html.escape(str(state["description"]))
    hint = html.escape(str(state.get("tooltip") or ""))
    title = f' title="{hint}"' if hint and hint != text else ""
    return f'<button type="button" disabled style="{style}"{title}>{text}</button>'


def _radio(state: Model, _: str) -> str:
    rows = (
        _tick("radio", str(text), checked=number == state["index"])
        for number, text in enumerate(state["_options_labels"])
    )
    return f'<div class="labkit-choices">{_label(state)}{"".join(rows)}</div>'


def _checkbox(state: Model, _: str) -> str:
    return _tick("checkbox", str(state["description"]), checked=bool(state["value"]))


def _tick(kind: str, text: str, *, checked: bool) -> str:
    mark = " checked" if checked else ""
    return (
        f'<label class="labkit-choice"><input type="{kind}" disabled{mark}> '
        f"<span>{html.escape(text)}</span></label>"
    )


def _selection(state: Model, style: str) -> str:
    labels, index = state["_options_labels"], state["index"]
    chosen = str(labels[index]) if index is not None else ""
    return _value(_label(state), chosen, style)


def _anything(state: Model, style: str) -> str:
    shown = state.get("value", "")
    text = shown if isinstance(shown, str) else f"{shown}"
    return _value(_label(state), text or str(state.get("placeholder") or ""), style)


def _value(label: str, text: str, style: str) -> str:
    said = f'<span class="labkit-value">{html.escape(text)}</span>'
    return f'<div class="labkit-field" style="{style}">{label}{said}</div>'


def _nothing(*_: object) -> str:
    return ""


_PARTS: dict[str, Callable[[Model, str], str]] = {
    "HTMLModel": _html,
    "ButtonModel": _button,
    "RadioButtonsModel": _radio,
    "CheckboxModel": _checkbox,
    "DropdownModel": _selection,
    "SelectionSliderModel": _selection,
    "LayoutModel": _nothing,
}
