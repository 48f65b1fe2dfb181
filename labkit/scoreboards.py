"""A learner's standing in a notebook: widgets, with text and HTML as their twins."""

from typing import Any

from labkit.bookkeeping import Progress
from labkit.scoretables import as_html, as_text
from labkit.standings import Standing, compare
from labkit.views import STYLE, View, button, rows, status

__all__ = ["Scoreboard", "look"]


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


class Scoreboard(View):
    """The learner's standing, with a button that reads it anew and one that resets.

    Made by :func:`labkit.progress`.

    Attributes
    ----------
    table : ipywidgets.HTML
    said : ipywidgets.HTML
        What a button did, read out when it changes.
    tasks : ipywidgets.Dropdown
        The task that the button resets.
    update_button, reset_button : ipywidgets.Button
    """

    def __init__(self) -> None:
        import ipywidgets

        super().__init__("progress")
        self._progress = Progress()
        self.standing = look(self._progress)
        style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        self.table, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.update_button = button("Update", "Read the file of progress again")
        self.reset_button = button("Reset task", "Forget points, attempts and hints")
        self.tasks = ipywidgets.Dropdown(
            options=[task.id for task in self.standing.tasks],
            description="Task",
            layout={"width": "10em"},
        )
        self.update_button.on_click(lambda _: self.update("Read again."))
        self.reset_button.on_click(lambda _: self.reset(self.tasks.value))
        controls = rows(self.update_button, self.tasks, self.reset_button)
        self.box = ipywidgets.VBox([style, self.table, controls, self.said])
        self.update("")

    def update(self, said: str = "") -> None:
        """Read the file again, and show it.

        Parameters
        ----------
        said : str
            A sentence to show below.
        """
        self.standing = look(self._progress)
        self.table.value = as_html(self.standing)
        self.said.value = status(said)

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

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        page = {"text/html": STYLE + as_html(self.standing)}
        return page | super()._repr_mimebundle_(**options)

    def _end(self) -> None:
        """Nothing runs for it."""
