"""Make the learners' copies of the exercises: ``python -m labkit exercises``.

``exercises/source`` is written by hand; ``exercises/release`` is made from it by
nbgrader's own converter. The same settings serve an instructor who runs nbgrader in
the folder ``exercises`` (see ``nbgrader_config.py`` there).
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from labkit._checks.scoring import STUB
from labkit._checks.tasks import EXERCISES
from labkit.errors import ExerciseError

__all__ = ["configure", "drift", "main", "make_release"]


def configure(config: Any) -> None:
    """Set what nbgrader needs to know to make a learner's copy.

    Parameters
    ----------
    config : traitlets.config.Config
        nbgrader's; changed in place.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import ClearSolutions

    from labkit._checks.startingcode import StartingCode

    steps = GenerateAssignment.preprocessors.default_args[0]
    config.GenerateAssignment.preprocessors = [
        StartingCode if step is ClearSolutions else step for step in steps
    ]
    # A stub that raises would stop "Run All" at the first task.
    config.ClearSolutions.code_stub = {"python": STUB}


def make_release(target: Path, exercises: Path = EXERCISES) -> list[Path]:
    """Make the learner's copy of every exercise set.

    Parameters
    ----------
    target : Path
        The folder the copies go to, one folder for each set.
    exercises : Path
        The folder that holds ``source``.

    Returns
    -------
    list of Path
        The files, relative to `target`.

    Raises
    ------
    ExerciseError
        A source has no solution cell where one is needed, or is no notebook.
    """
    with tempfile.TemporaryDirectory(prefix="labkit-release-") as folder:
        # nbgrader writes a database beside the course: that stays in this folder.
        course = Path(folder)
        shutil.copytree(exercises / "source", course / "source")
        for source in sorted((course / "source").iterdir()):
            _convert(course, source.name)
        made = sorted(p for p in (course / "release").rglob("*") if p.is_file())
        for path in made:
            copy = target / path.relative_to(course / "release")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        return [path.relative_to(course / "release") for path in made]


def _convert(course: Path, name: str) -> None:
    import nbgrader.apps  # noqa: F401 - nbgrader's parts only load in this order
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    configure(config)
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.assignment_id = name
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    directory = CourseDirectory(config=config)
    converter = GenerateAssignment(coursedir=directory, config=config)
    converter.log.setLevel("ERROR")
    try:
        converter.start()
    except (NbGraderException, SystemExit) as error:
        raise ExerciseError(f"nbgrader cannot convert {name}: {error}") from error


def drift(exercises: Path = EXERCISES) -> list[str]:
    """Find the learners' copies that are not what the sources make.

    Parameters
    ----------
    exercises : Path
        The folder that holds ``source`` and ``release``.

    Returns
    -------
    list of str
        A sentence for each file that differs, is missing, or has no source.

    Raises
    ------
    ExerciseError
        As :func:`make_release`.
    """
    release = exercises / "release"
    with tempfile.TemporaryDirectory(prefix="labkit-drift-") as folder:
        wanted = set(make_release(Path(folder), exercises))
        there = {
            path.relative_to(release)
            for path in release.rglob("*")
            if path.is_file() and ".ipynb_checkpoints" not in path.parts
        }
        differs = {
            path
            for path in wanted & there
            if (release / path).read_bytes() != (Path(folder) / path).read_bytes()
        }
    return [
        *(f"release/{path} differs from what its source makes" for path in differs),
        *(f"release/{path} is missing" for path in wanted - there),
        *(f"release/{path} has no source" for path in there - wanted),
    ]


def main(argv: list[str]) -> int:
    """Run ``python -m labkit exercises``.

    Parameters
    ----------
    argv : list of str
        What stands after the command.

    Returns
    -------
    int
        Exit status: 0, or 1 when ``--check`` finds a copy that differs.
    """
    parser = argparse.ArgumentParser(
        prog="python -m labkit exercises",
        description="Make exercises/release from exercises/source.",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing, say what differs"
    )
    check = parser.parse_args(argv).check
    try:
        if not check:
            for path in make_release(EXERCISES / "release"):
                print(f"release/{path}")
            return 0
        found = drift()
    except (ExerciseError, ImportError) as error:
        print(f"The copies cannot be made: {error}", file=sys.stderr)
        return 1
    for sentence in sorted(found):
        print(f"{sentence}: run `python -m labkit exercises`.")
    return 1 if found else 0
