"""Let the nbgrader buttons of JupyterLab work on the kit's own exercises."""  # noqa: INP001 - a settings file, read by nbgrader

from pathlib import Path

from traitlets.config import get_config

from labkit._checks.exercises import configure

c = get_config()
c.CourseDirectory.course_id = "labkit"
c.CourseDirectory.root = str(Path(__file__).resolve().parents[2] / "exercises")
configure(c)
