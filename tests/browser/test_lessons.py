"""Every lesson and every exercise set, run as a learner does, in a real JupyterLab."""

from pathlib import Path

import pytest
from axe import look

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SETS = sorted((ROOT / "exercises" / "release").glob("*/*.ipynb"))
# These measure, and assert what they found: no other notebook runs meanwhile.
MEASURING = ("05_", "06_", "07_", "11_")
LONG = "notebooks/01_start_a_manager_server.ipynb"


def desks():
    """Return what is open at once: one lesson that measures, or two other notebooks.

    Most wait more than they compute, so that two take the time of one.
    """
    alone = [path for path in LESSONS if path.name.startswith(MEASURING)]
    others = [path for path in LESSONS if path not in alone]
    pairs = [
        (*books[place : place + 2],)
        for books in (others, SETS)
        for place in range(0, len(books), 2)
    ]
    return [(path,) for path in alone] + pairs


def name_of(paths):
    """Return a short name for a parametrised test."""
    return " ".join(
        path.relative_to(ROOT).parts[0][0] + path.name[:2] for path in paths
    )


@pytest.fixture(scope="module")
def beside(browser, lab):
    """Open a second page, beside the first one."""
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


def try_again_if_busy(page):
    """Restart a lesson that measured something odd, and run it again, once.

    Another file of tests may have been at work in that moment.
    """
    found = page.problems()
    odd = [one for one in found if one.text.startswith("AssertionError")]
    if len(found) == len(odd) == 1:
        page.restart().run_all()


def answers(page):
    """Return the HTML that each graded cell of an exercise set shows."""
    cells = [cell for cell in code(page) if cell["source"].startswith("check(")]
    return ["".join(out["data"]["text/html"]) for c in cells for out in c["outputs"]]


def points(page):
    """Return how many tasks an exercise set has, by its graded cells."""
    return sum(cell["source"].startswith("check(") for cell in code(page))


@pytest.mark.parametrize("paths", desks(), ids=name_of)
def test_notebooks_run(page, beside, paths):
    """Run All: nothing complains, nor does axe of lessons; blank answers get points."""
    shown = list(zip((page, beside), paths, strict=False))
    for window, path in shown:
        window.open(path.relative_to(ROOT).as_posix()).run_all(wait=False)
    for window, path in shown:
        window.wait_idle()
        if path.name.startswith(MEASURING) and path in LESSONS:
            try_again_if_busy(window)
        assert_ran(window)
        if path in SETS:
            told = answers(window)
            assert len(told) == points(window) > 0
            assert all(" points." in html for html in told)
        else:
            assert look(window).findings == []


def test_interrupt_restart_and_run_again(page):
    """A call that waits for ever is stopped; from the top, the lesson works again."""
    page.open(LONG)
    kept = page.source("01-callable-runs")
    endless = "print('waiting')\nclient.get_own_queue().get()"
    page.set_source("01-callable-runs", endless)
    page.run_all(wait=False)
    page.until(lambda: page.outputs("01-callable-runs"), "the call nobody answers")
    page.interrupt().wait_idle()
    (problem,) = page.problems()
    assert (problem.kind, problem.where) == ("cell", "01-callable-runs")
    assert problem.text.startswith("KeyboardInterrupt")
    assert page.outputs("01-source") == []
    page.set_source("01-callable-runs", kept)
    page.restart().run_all()
    assert_ran(page)
