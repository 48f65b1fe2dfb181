"""Every lesson and every exercise set, run as a learner does, in a real JupyterLab."""

from pathlib import Path

import pytest
from axe import look

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
# These measure, and assert what they found: nothing else runs meanwhile.
MEASURING = ("05_", "06_", "07_", "11_")
LONG = "notebooks/05_share_work_among_workers.ipynb"


@pytest.fixture(scope="module")
def beside(browser, lab):
    """Open a second page, for the exercises of the lesson that is in the first."""
    with browser.page(lab) as shown:
        yield shown
        shown.leave()


def code(page):
    """Return the code cells of a page."""
    return [cell for cell in page.cells() if cell["type"] == "code"]


def assert_ran(page):
    """Fail unless each cell ran, and nothing complained anywhere."""
    complaints = "\n".join(map(str, page.problems()))
    assert not complaints, complaints
    assert [cell["id"] for cell in code(page) if not cell["count"]] == []


def answers(page):
    """Return the HTML that each graded cell of an exercise set shows."""
    cells = [cell for cell in code(page) if cell["source"].startswith("check(")]
    return ["".join(out["data"]["text/html"]) for c in cells for out in c["outputs"]]


def points(page):
    """Return how many tasks an exercise set has, by its graded cells."""
    return sum(cell["source"].startswith("check(") for cell in code(page))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_beside_its_exercises(page, beside, path):
    """Run All in both: nothing complains, nor does axe; blank answers get points."""
    page.open(f"notebooks/{path.name}")
    page.run_all(wait=path.stem.startswith(MEASURING))
    exercises = Path("exercises", "release", path.stem, path.name)
    if (ROOT / exercises).is_file():
        beside.open(exercises.as_posix()).run_all()
        assert_ran(beside)
        told = answers(beside)
        assert len(told) == points(beside) > 0
        assert all(" points." in html for html in told)
    page.wait_idle()
    assert_ran(page)
    assert look(page).findings == []


def test_interrupt_restart_and_run_again(page):
    """A call that waits for ever is stopped; from the top, the lesson works again."""
    page.open(LONG)
    kept = page.source("05-slow")
    page.set_source("05-slow", "print('waiting for 3')\nresults.get()")
    page.run_all(wait=False)
    page.until(lambda: page.outputs("05-slow"), "the call that nobody answers")
    page.interrupt().wait_idle()
    (problem,) = page.problems()
    assert (problem.kind, problem.where) == ("cell", "05-slow")
    assert problem.text.startswith("KeyboardInterrupt")
    assert page.outputs("05-order") == []
    page.set_source("05-slow", kept)
    page.restart().run_all()
    assert_ran(page)
