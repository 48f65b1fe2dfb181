"""Let the nbgrader buttons of JupyterLab work on the kit's own exercises."""  # noqa: INP001 - a settings file, read by nbgrader

from pathlib import Path

from labkit.commands.lab import defaults
from labkit.grader.tasks import EXERCISES
from labkit.setup import lessons

config = get_config()  # type: ignore[name-defined]  # noqa: F821 - nbgrader has it
load_subconfig("nbgrader_config.py", str(EXERCISES))  # type: ignore[name-defined]  # noqa: F821 - likewise
if Path("nbgrader_config.py").exists():  # called in a teacher's own course
    del config.CourseDirectory
else:
    config.CourseDirectory.root = str(lessons() / "exercises")
# The Validate button starts a kernel: as the lab's own, it has nothing to warn of.
config.KernelManager.update(defaults({}, Path())["KernelManager"])
