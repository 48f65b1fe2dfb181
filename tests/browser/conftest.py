"""What the browser tests share: one browser, one JupyterLab, a notebook for each test.

pytest-playwright is loaded only where this folder is named, so that the run of
everything, which skips these tests, needs no browser.
"""

import importlib.util
import re
from pathlib import Path

import pytest
from chromium import FLAGS, find_browser
from labs import Lab, Notebook

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parents[1] / "build" / "browser"
ALONE = (
    "the browser tests run by themselves: python3 -m labkit test --all tests/browser"
)
NO_BROWSER = "no browser: install Chromium or Chrome, or name one in LABKIT_BROWSER"
NO_PLAYWRIGHT = "Playwright is missing: install the extra 'browser' of pyproject.toml"


def why_not(config):
    """Return why these tests cannot run here; nothing if they can."""
    named = [str(text).partition("::")[0] for text in config.invocation_params.args]
    paths = [Path(text).resolve() for text in named]
    if not any(HERE in (path, *path.parents) for path in paths):
        return ALONE
    if importlib.util.find_spec("pytest_playwright") is None:
        return NO_PLAYWRIGHT
    return "" if find_browser() else NO_BROWSER


def pytest_addoption(pluginmanager):
    """Load pytest-playwright, which pyproject.toml turns off."""
    config = pluginmanager.getplugin("pytestconfig")
    if not why_not(config):
        for name in ("playwright", "pytest_playwright"):
            pluginmanager.unblock(name)
        pluginmanager.import_plugin("playwright", consider_entry_points=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep what the page of a failed test looked like."""
    report = yield
    shown = [item.funcargs.get(name) for name in ("page", "lesson")]
    page = next((getattr(one, "page", one) for one in shown if one), None)
    if call.when == "call" and report.failed and page:
        picture = PICTURES / re.sub(r"[^\w.-]+", "-", f"{item.name}.png")
        page.screenshot(path=picture, timeout=30_000)
        page.goto("about:blank")  # the next test gets JupyterLab anew
        report.sections.append(("page", f"what it looked like: {picture}"))
    return report


def pytest_collection_modifyitems(config, items):
    """Skip what cannot run, and say why."""
    if reason := why_not(config):
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Start the browser of this machine; Playwright's own is not downloaded."""
    ours = {"executable_path": find_browser(), "args": FLAGS, "timeout": 120_000}
    return {**browser_type_launch_args, **ours}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    """Let nothing move."""
    return {**browser_context_args, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def base_url():
    """Give no address: the plugin offers its own only when it is loaded early."""


@pytest.fixture(scope="session")
def context(browser, browser_context_args):
    """Share what the browser has loaded: JupyterLab's programs are large."""
    with browser.new_context(**browser_context_args) as shared:
        yield shared


@pytest.fixture
def page(context):
    """Give a page, in which nothing moves."""
    with context.new_page() as shown:
        yield shown


@pytest.fixture(scope="session")
def lab():
    """Run one JupyterLab, on a copy of the course."""
    with Lab() as running:
        yield running


@pytest.fixture(scope="session")
def opened(context, lab):
    """Give the one page in which one notebook after the other is opened."""
    with context.new_page() as page:
        yield Notebook(page, lab)


@pytest.fixture
def notebook(opened, lab):
    """Let a notebook be opened; end its kernel afterwards."""
    yield opened
    lab.end_kernels()


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Do without the look that other tests get: a browser has processes of its own.

    That no program of a learner is left is looked at where its kernel ends.
    """
