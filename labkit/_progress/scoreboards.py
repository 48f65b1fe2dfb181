"""A learner's standing in a notebook: widgets, with text and HTML as their twins."""

import html
from typing import Any

from labkit._checks.bookkeeping import Progress
from labkit._progress.scoretables import as_html, as_text
from labkit._progress.standings import Standing, compare
from labkit.widgets.views import button, close_all, rows, style

__all__ = ["Scoreboard", "look"]

_CONTROLS = "Elsewhere than in a notebook: python -m labkit progress [--reset TASK]"


def look(progress: Progress | None = None) -> Standing:
    """Read the file of progress, and compare it with the course.

    Parameters
    ----------
    progress : Progress, optional
        By default the learner's own.

    Raises
    ------
    ExerciseError
        The course has no tasks, or one cannot be read.
    """
    return compare(*(progress or Progress()).read())


class Scoreboard:
    """The learner's standing, with a button that reads it anew and one that resets.

    Made by :func:`labkit.progress`. The table is no widget: JupyterLab opens the links
    of an output beside the notebook, and those of a widget in its place.

    Attributes
    ----------
    standing : Standing
        What is shown.
    said : ipywidgets.HTML
        What a button did, read out when it changes.
    tasks : ipywidgets.Dropdown
        The task that the button resets.
    update_button, reset_button : ipywidgets.Button
    """

    def __init__(self) -> None:
        import ipywidgets

        self.closed = False
        self._progress = Progress()
        self._page: Any = None  # the handle of the table, once it is shown
        self.standing = look(self._progress)
        self.said = ipywidgets.HTML()
        self.update_button = button("Update", "Read the file of progress again")
        self.reset_button = button("Reset task", "Forget points, attempts and hints")
        self.tasks = ipywidgets.Dropdown(
            options=[task.id for task in self.standing.tasks],
            description="Task",
            layout={"width": "11em"},
        )
        self.update_button.on_click(lambda _: self.update("Read again."))
        self.reset_button.on_click(lambda _: self.reset(self.tasks.value))
        controls = rows(self.update_button, self.tasks, self.reset_button)
        self.box = ipywidgets.VBox([controls, self.said])

    def update(self, said: str = "") -> None:
        """Read the file again, and show it.

        Parameters
        ----------
        said : str
            A sentence to show below.
        """
        self.standing = look(self._progress)
        if self._page is not None:
            self._page.update(self._repr_mimebundle_(), raw=True)
        self.said.value = f'<p role="status">{html.escape(said)}</p>'

    def reset(self, task_id: str) -> None:
        """Forget the points, attempts and hints of one task.

        Parameters
        ----------
        task_id : str
        """
        names = [task.names for task in self.standing.tasks if task.id == task_id]
        self.update(self._progress.reset(task_id, *(names[0] if names else ())))

    def __repr__(self) -> str:
        return as_text(self.standing)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": style() + as_html(self.standing), "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        bundle = self._repr_mimebundle_()
        self._page = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if not self.closed:
            controls = self.box._repr_mimebundle_() | {"text/plain": _CONTROLS}
            display(controls, raw=True)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Take the buttons off the page. Safe to call twice."""
        if not self.closed:
            self.closed = True
            close_all(self.box)
