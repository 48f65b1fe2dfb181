"""Make the learners' copies of the exercises: ``python3 -m labkit exercises``.

``exercises/source`` is written by hand; ``exercises/release`` is made from it by
nbgrader's own converter, with the settings of ``exercises/nbgrader_config.py``.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labkit.errors import ExerciseError
from labkit.grader.tasks import EXERCISES

__all__ = ["make_release", "new_task"]


def make_release(target: Path, exercises: Path = EXERCISES) -> list[Path]:
    """Make the learner's copy of every set in `target`; return the files, relative.

    Raises ExerciseError if a source has no solution cell where one is needed, or is no
    notebook.
    """
    with tempfile.TemporaryDirectory(prefix="labkit-release-") as folder:
        left = shutil.ignore_patterns("work", ".*")  # by runs, with the solutions
        shutil.copytree(exercises / "source", Path(folder, "source"), ignore=left)
        shutil.copy(exercises / "nbgrader_config.py", folder)
        command = [sys.executable, "-m", "nbgrader", "generate_assignment"]
        # All sets; without a database, which would be written beside the course.
        command += ["--assignment=*", "--no-db", "--log-level=ERROR"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            log = done.stderr.strip()
            found = re.search(r"(?s)Error: ([^\n]+).*?assignment '([^']+)' for", log)
            said = f"nbgrader cannot convert {found[2]}: {found[1]}" if found else ""
            raise ExerciseError(said or log[-1_000:])
        made = Path(folder, "release")
        shutil.copytree(made, target, dirs_exist_ok=True)
        return sorted(p.relative_to(made) for p in made.rglob("*") if p.is_file())


def new_task(task_id: str, exercises: Path = EXERCISES) -> list[Path]:
    """Write the files of a new task, from ``exercises/template``; return their paths.

    Its cells come before the last one of the set's source. It passes all tests as it
    is. Raises ExerciseError if there is no such set, or there is such a task.
    """
    found = list(exercises.glob(f"checks/{task_id[:2]}_*"))
    if not re.fullmatch(r"\d\d\.\d", task_id) or not found:
        raise ExerciseError(f"{task_id!r} is no task of a set: write, say, 05.9.")
    if (found[0] / f"{task_id}.py").exists():
        raise ExerciseError(f"There is a task {task_id} already: choose a free number.")

    def filled(name: str) -> str:
        text = (exercises / "template" / name).read_text(encoding="utf-8")
        return text.replace("NN.M", task_id).replace("NN-M", task_id.replace(".", "-"))

    made = [found[0] / f"{task_id}{end}" for end in (".py", ".md", ".wrong.md")]
    for path in made:
        path.write_text(filled(path.name.replace(task_id, "task")), encoding="utf-8")
    source = exercises / "source" / found[0].name / f"{found[0].name}.ipynb"
    book = json.loads(source.read_text(encoding="utf-8"))
    book["cells"][-1:-1] = json.loads(filled("cells.json"))
    source.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return [*made, source]
