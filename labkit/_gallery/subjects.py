"""What the README's pictures show."""

from dataclasses import dataclass, field

__all__ = ["SUBJECTS", "Subject"]

_WRONG = "exercises/checks/04_produce_and_consume/04.1/wrong/reads_the_message.py"


@dataclass(frozen=True)
class Subject:
    """One picture: some cells of a notebook after they ran."""

    name: str
    """The picture is ``notebooks/images/NAME.png``."""
    notebook: str
    """Path of the notebook below the checkout; that of a new one if `own` is given."""
    shown: tuple[str, ...]
    """The ids of the cells in the picture, in order; all above them are run, too."""
    ends_with: str
    """What the last of them says when the picture can be taken."""
    drawn_by: tuple[str, ...]
    """The files below the checkout that decide what the outputs look like."""
    alt: str
    """What the README says to those who do not see it."""
    from_output: bool = False
    """Whether the first cell's code is left out."""
    only_output: bool = False
    """Whether only the image in the last output is shown."""
    answer: tuple[str, str] = ("", "")
    """An exercise's cell, and the file whose text is put into it."""
    page: str = ""
    """In place of a notebook: the selector of what JupyterLab's first page shows."""
    own: dict[str, str] = field(default_factory=dict)
    """Cells of a notebook that is written for the picture: their ids and texts."""


SUBJECTS = (
    Subject(
        name="lesson-04",
        notebook="notebooks/04_produce_and_consume.ipynb",
        shown=(
            "04-server",
            "04-server-listens",
            "04-predict-producer",
            "04-producer",
        ),
        ends_with="ended (exit code 0)",
        drawn_by=("labkit/_processes/panes.py",),
        alt=(
            "A lesson in JupyterLab: a pane shows that a server runs, and where it "
            "listens; a question to predict; a cell with a whole program, and the pane "
            "below it, which shows ten orders put, and exit code 0."
        ),
        from_output=True,
    ),
    Subject(
        name="exercise-04",
        notebook="exercises/release/04_produce_and_consume/04_produce_and_consume.ipynb",
        shown=("ex04-1-task", "ex04-1-answer", "ex04-1-check"),
        ends_with="points",
        drawn_by=(
            "exercises/checks/04_produce_and_consume/04.1/checks.py",
            "labkit/_checks/feedback.py",
        ),
        alt=(
            "An exercise: the task, an answer that looks for the word Empty in an "
            "error's text, and what the kit says of it: in words what happened and "
            "why, and the points."
        ),
        answer=("ex04-1-answer", _WRONG),
    ),
    Subject(
        name="course",
        notebook="",
        shown=(),
        ends_with="Lessons",
        drawn_by=(
            "labkit/course.py",
            "labkit/jupyter/labextensions/labkit-course/static/course.css",
            "labkit/jupyter/labextensions/labkit-course/static/remoteEntry.js",
        ),
        alt=(
            "The course's page in JupyterLab: how many tasks are done, a link to what "
            "is next, and the list of lessons, each with what one learns, its minutes, "
            "and its exercises with their points."
        ),
        page=".labkit-course",
    ),
    Subject(
        name="throughput-06",
        notebook="notebooks/06_measure_throughput.ipynb",
        shown=("06-compare",),
        ends_with="Bar chart of items per second",
        drawn_by=("labkit/_plots/curves.py", "labkit/_plots/pictures.py"),
        alt=(
            "A figure of lesson 06: items per second through a direct queue and "
            "through a manager's proxy, every repeat a point; the direct queue is "
            "several times as fast."
        ),
        only_output=True,
    ),
    Subject(
        name="dashboard",
        notebook="notebooks/gallery.ipynb",
        shown=("gallery-dashboard",),
        ends_with="orders",
        drawn_by=("labkit/_dashboards/views.py", "labkit/_dashboards/gauges.py"),
        alt=(
            "The dashboard of a running server: buttons to stop, kill and restart it, "
            "and a line for the depth of a queue that fills in bursts and is emptied."
        ),
        own={
            "gallery-setup": "from threading import Event\n"
            "from labkit import dashboard, start_server\n"
            "server = start_server(name='shop')\n"
            "orders = server.connect().get_queue('orders')",
            "gallery-dashboard": "dashboard(server)",
            "gallery-traffic": "for n in range(150):\n"
            "    orders.put_many(['tea'] * (9 if n % 50 < 12 else 1))\n"
            "    orders.get_many(3, timeout=1)\n"
            "    Event().wait(0.1)",
        },
    ),
)
