"""Put the course into a wheel: for hatchling, which builds it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COURSE = (
    "notebooks/*.ipynb",
    "notebooks/images/*.*",
    "notebooks/questions/*.toml",
    "exercises/release/*/*.ipynb",
    "exercises/nbgrader_config.py",
    "exercises/checks/*/*.py",
    "exercises/checks/*/*.md",
)


class CourseHook(BuildHookInterface[Any]):
    """Add the lessons, their questions, the learners' exercises and their checks."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Leave out wrong answers, and a link to a checkout, which has it all."""
        root = Path(self.root)
        for path in (path for pattern in COURSE for path in root.glob(pattern)):
            if version != "editable" and not path.name.endswith(".wrong.md"):
                name = path.relative_to(root).as_posix()
                build_data["force_include"][str(path)] = f"labkit/course/{name}"
