"""Which files of the checkout become pages, and in which order."""

import shutil
from collections.abc import Iterable
from pathlib import Path

__all__ = ["EXERCISES_NOTE", "LESSON_NOTE", "PLAIN_NOTE", "gather", "sets", "stages"]

#: Below the title of a lesson.
LESSON_NOTE = """\
```{{note}}
Lesson {number}, as it ran when this site was made: Python {python}, {system}. To work
it, open it in JupyterLab: `python3 -m labkit lab`. What is live there, such as the
panes of programs and the questions, is shown here as it was left, and does nothing.
```
"""
PLAIN_NOTE = """\
```{{note}}
Lesson {number}, not run: this site was made to look at its pages. `python3 -m labkit
site` runs every lesson.
```
"""
EXERCISES_NOTE = """\
```{note}
The tasks as learners get them, with nothing filled in. In JupyterLab each cell with
`check` answers in words and gives points, and `hint` helps in three steps.
```
"""
_FRONT = """
```{{toctree}}
:hidden:
:caption: Lessons

{lessons}
```

```{{toctree}}
:hidden:
:caption: To the lessons

{others}
```
"""
_EXERCISES = """\
# Exercises

One set to each lesson. The first lines of a set say how many tasks and
points it has, and how long it takes. Work them in JupyterLab: `python3 -m labkit lab`.

```{{toctree}}
:maxdepth: 1

{sets}
```
"""
_TEACHERS = """
```{{toctree}}
:hidden:

{pages}
```
"""
_LOOSE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LEFT_OUT = shutil.ignore_patterns("work", ".ipynb_checkpoints", "__pycache__", "*.key")


def gather(root: Path, source: Path) -> None:
    """Copy what becomes the site, in the shape of the checkout, so that links hold.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    source : pathlib.Path
        An empty folder.
    """
    for name in ("notebooks", "exercises/release", "deploy"):
        shutil.copytree(root / name, source / name, ignore=_LEFT_OUT)
    for name in _LOOSE:
        shutil.copy2(root / name, source / name)
    (source / "README.md").rename(source / "index.md")
    lessons = [f"{title(path)} <notebooks/{path.stem}>" for path in stages(source)]
    others = [
        "Exercises <exercises/index>",
        "For teachers <notebooks/instructor/README>",
    ]
    others += ["Put it into service <deploy/README>", "Changes <CHANGELOG>"]
    others += ["Contribute <CONTRIBUTING>"]
    _append(source / "index.md", _FRONT, lessons=lessons, others=others)
    listed = [f"{title(path)} <{_below(source, path)}>" for path in sets(source)]
    (source / "exercises" / "index.md").touch()
    _append(source / "exercises" / "index.md", _EXERCISES, sets=listed)
    guides = sorted((source / "notebooks/instructor").glob("*.md"))
    named = [path for path in guides if not path.stem[0].isdigit()]
    numbered = [path for path in guides if path.stem[0].isdigit()]
    pages = [path.stem for path in named if path.stem != "README"]
    pages += [f"{title(path)} <{path.stem}>" for path in numbered]
    _append(source / "notebooks/instructor/README.md", _TEACHERS, pages=pages)


def stages(source: Path) -> list[Path]:
    """Return the lessons and the glossary, in order."""
    return sorted((source / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def sets(source: Path) -> list[Path]:
    """Return the exercise sets, in order."""
    return sorted((source / "exercises" / "release").glob("*/*.ipynb"))


def title(path: Path) -> str:
    """Return the short name of a numbered page: ``04 Produce and consume``."""
    number, _, words = path.stem.replace("_", " ").partition(" ")
    return "Glossary" if number == "99" else f"{number} {words.capitalize()}"


def _below(source: Path, path: Path) -> str:
    return path.relative_to(source / "exercises").with_suffix("").as_posix()


def _append(page: Path, form: str, **lists: Iterable[str]) -> None:
    rows = {name: "\n".join(lines) for name, lines in lists.items()}
    with page.open("a", encoding="utf-8") as file:
        file.write(form.format(**rows))
