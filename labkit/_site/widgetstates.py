"""In a lesson's kernel: what its widgets showed last, written down for the site.

A front end that listens cell by cell misses what threads say between cells, and what
a pane said before the next one of its name took its place. The kernel knows both.
"""

import functools
import json
from pathlib import Path
from typing import Any

__all__ = ["keep", "watch"]

_closed: dict[str, Any] = {}


def watch() -> None:
    """Remember from now on what a widget showed when it was closed."""
    from ipywidgets import Widget

    close = Widget.close

    @functools.wraps(close)
    def closing(self: Any) -> None:
        if self.comm is not None:
            shown = Widget.get_manager_state(widgets=[self])["state"]
            _closed.update(shown)
        close(self)

    Widget.close = closing


def keep(path: str) -> None:
    """Write the state of all widgets, open and closed, as a file of JSON.

    Parameters
    ----------
    path : str
        The file: a dict of model ids to models, as ipywidgets stores them in a
        notebook.
    """
    from ipywidgets import Widget

    models = _closed | Widget.get_manager_state()["state"]
    Path(path).write_text(json.dumps(models), encoding="utf-8")
