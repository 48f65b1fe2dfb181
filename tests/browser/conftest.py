"""One JupyterLab and one browser for all tests of this folder; a page for each.

Only ``python -m labkit test tests/browser`` runs them: in the run of everything they
would share two cores with tests that measure. A test module imports Playwright inside
its functions, so that it can be collected, and skipped, where that is not installed.
"""

import importlib.util
import re
from pathlib import Path

import psutil
import pytest

from labkit.browsing import Browser, Lab, find_browser

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parents[1] / "build" / "browser"
ALONE = "the browser suite runs by itself: python3 -m labkit test tests/browser"
NO_BROWSER = (
    "no browser was found: install Chromium or Chrome, or name one in LABKIT_BROWSER"
)
NO_PLAYWRIGHT = "Playwright is not installed: pip install -e '.[test]'"


def why_not(config):
    """Return why these tests cannot run here; nothing if they can."""
    named = [Path(text.partition("::")[0]).resolve() for text in config.args]
    if not any(path == HERE or HERE in path.parents for path in named):
        return ALONE
    if importlib.util.find_spec("playwright") is None:
        return NO_PLAYWRIGHT
    return "" if find_browser() else NO_BROWSER


def pytest_collection_modifyitems(config, items):
    """Skip what cannot run, and say why."""
    if reason := why_not(config):
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Keep what the page of a failed test looked like."""
    report = yield
    shown = item.funcargs.get("page") or item.funcargs.get("kinds")
    if report.when == "call" and report.failed and shown:
        file = PICTURES / re.sub(r"[^\w.-]+", "-", f"{item.name}.png")
        report.sections.append(("page", keep_looks(shown.raw, file)))
    return report


def keep_looks(raw, file):
    """Write a page's picture and its HTML beside it; say so, or why not."""
    from playwright.sync_api import Error

    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        raw.screenshot(path=file)
        file.with_suffix(".html").write_text(raw.content(), encoding="utf-8")
    except Error as problem:  # it has crashed, or is closed
        return f"no picture: {problem}"
    return f"what it looked like is in {file}, and in {file.stem}.html"


@pytest.fixture(scope="session")
def lab():
    """Run one JupyterLab, on a copy of the course."""
    with Lab() as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    """Run one browser."""
    with Browser() as running:
        yield running


@pytest.fixture(scope="session")
def window(browser, lab):
    """Open the page that most tests use one after the other: loading it takes long."""
    with browser.page(lab) as shown:
        yield shown


@pytest.fixture
def page(window, lab):
    """Give a page and a learner who has done nothing; leave its notebook afterwards."""
    lab.progress.unlink(missing_ok=True)
    yield window
    window.leave()


@pytest.fixture(autouse=True)
def nothing_left_running(request):
    """Fail a test that leaves a program running; end its kernels.

    Takes the place of the look that other tests get: the browser starts and ends
    processes as it sees fit.
    """
    yield
    if "lab" not in request.fixturenames:
        return
    lab = request.getfixturevalue("lab")
    lab.end_kernels()
    left = psutil.Process(lab.pid).children(recursive=True)
    _, left = psutil.wait_procs(left, timeout=30)
    assert not left, f"left running: {left}"
