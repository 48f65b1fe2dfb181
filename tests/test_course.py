"""The course page's other half: what the server says of lessons and progress."""

import json
import tomllib
from pathlib import Path

import pytest

from labkit import course
from labkit._checks.bookkeeping import Progress
from labkit._course import records
from labkit._course.records import course_record
from labkit._course.syllabus import read_syllabus

ROOT = Path(__file__).resolve().parent.parent
EXTENSIONS = ROOT / "labkit" / "jupyter" / "labextensions"


@pytest.fixture
def progress(tmp_path, monkeypatch):
    """Return the progress of somebody who has done nothing yet."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    return Progress()


def test_syllabus_knows_every_lesson():
    """Each lesson says in the README what it teaches, and itself how long it takes."""
    syllabus = read_syllabus(ROOT)
    assert len(syllabus.lessons) == 12
    assert [stem for stem, one in syllabus.lessons.items() if not one.learn] == []
    assert [stem for stem, one in syllabus.lessons.items() if not one.minutes] == []
    assert (ROOT / "README.md").read_text("utf-8").startswith(f"# {syllabus.title}\n")
    assert syllabus.glossary_title


def test_syllabus_of_an_empty_folder(tmp_path):
    """Without README and notebooks there is a title, and nothing to list."""
    syllabus = read_syllabus(tmp_path)
    assert (syllabus.title, syllabus.lessons) == ("The course", {})
    assert syllabus.glossary is None


def test_beginner_starts_with_lesson_00(progress):
    """Nothing is begun, lesson 00 is next, and looking leaves no file behind."""
    record = course_record(ROOT)
    lessons = record["lessons"]
    assert [one["number"] for one in lessons] == [f"{n:02}" for n in range(12)] + ["99"]
    assert [one["number"] for one in lessons if one["next"]] == ["00"]
    assert not any(one["begun"] for one in lessons)
    assert record["next"]["path"] == "notebooks/00_start_here.ipynb"
    assert record["trouble"] == ""
    assert not progress.path.exists()
    json.dumps(record)


def test_paths_lead_to_files():
    """Every lesson and every set can be opened."""
    lessons = course_record(ROOT)["lessons"]
    paths = [one["path"] for one in lessons]
    paths += [one["exercises"]["path"] for one in lessons if one["exercises"]]
    assert len(paths) == 13 + 11
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_answer_counts_and_moves_on(progress):
    """A full answer is counted, and the next task of its set is what to do next."""
    [points] = [t.points for t in records.look(progress).tasks if t.id == "04.1"]
    progress.attempt("04.1", points, points)
    record = course_record(ROOT)
    [lesson] = [one for one in record["lessons"] if one["number"] == "04"]
    assert (record["done"], lesson["exercises"]["done"]) == (1, 1)
    assert lesson["exercises"]["best"] == points
    assert (lesson["begun"], lesson["next"]) == (True, True)
    assert record["next"]["words"].startswith("task 04.2")
    assert record["next"]["fragment"].startswith("#cell-id=")


def test_paths_are_those_of_the_folder_that_is_shown(tmp_path):
    """Above the checkout the paths are longer; a copy of the lessons has its own."""
    above = course_record(ROOT.parent)["lessons"][0]["path"]
    assert above == f"{ROOT.name}/notebooks/00_start_here.ipynb"
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").touch()
    copy = course_record(tmp_path)
    assert copy["lessons"][0]["path"] == "notebooks/00_start_here.ipynb"
    assert copy["trouble"] == ""


def test_lessons_elsewhere_are_one_sentence(tmp_path):
    """A JupyterLab that shows another folder is told where the lessons are."""
    record = course_record(tmp_path)
    assert {one["path"] for one in record["lessons"]} == {None}
    assert record["trouble"].startswith(f"The lessons are in {ROOT}, and this")


def test_damaged_progress_is_one_sentence(progress):
    """A damaged file is set aside and said; counting starts again."""
    progress.path.write_text("{", encoding="utf-8")
    record = course_record(ROOT)
    assert record["trouble"].startswith("Your progress file was damaged")
    assert record["done"] == 0


def test_no_tasks_are_one_sentence(monkeypatch, tmp_path):
    """Where the exercises are missing, the page says so instead of failing."""
    from labkit._progress import scoreboards, standings

    def compare(kept, trouble):
        return standings.compare(kept, trouble, tmp_path)

    monkeypatch.setattr(scoreboards, "compare", compare)
    record = course_record(ROOT)
    assert record["lessons"] == []
    assert record["trouble"].startswith("No tasks in")


def test_begun_means_that_something_was_tried(progress):
    """No file and an empty one are a beginner's; a damaged one was somebody's."""
    assert not course.is_begun()
    progress.open_hint("04.1", 3)
    assert course.is_begun()
    progress.path.write_text('{"tasks": {}}', encoding="utf-8")
    assert not course.is_begun()
    progress.path.write_text("{", encoding="utf-8")
    assert course.is_begun()
    assert progress.path.read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize("folder", sorted(EXTENSIONS.iterdir()), ids=lambda f: f.name)
def test_labextension_is_small_and_complete(folder):
    """What package.json names is there, and its code fits on a few screens."""
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    assert package["name"] == folder.name
    assert (folder / package["jupyterlab"]["_build"]["load"]).is_file()
    lines = {
        p.name: len(p.read_text("utf-8").splitlines()) for p in folder.rglob("*.*")
    }
    assert [name for name, count in lines.items() if count > 250] == []


def test_installation_brings_the_page():
    """Conda, pip and Binder install what JupyterLab looks for in their own folders."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    data = setup["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    name = "jupyter_server_config.d"
    assert data[f"labkit/jupyter/{name}"] == f"etc/jupyter/{name}"
    assert data["labkit/jupyter/labextensions"] == "share/jupyter/labextensions"
    assert [name for name in data if not (ROOT / name).is_dir()] == []
