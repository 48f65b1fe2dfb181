"""The built site as a reader meets it: from files, without a server or a network."""

from pathlib import Path

import pytest
from axe import GRAVE, script

SITE = Path(__file__).resolve().parents[2] / "build" / "site"
LESSON = "notebooks/04_produce_and_consume.html"
PATIENCE_MS = 120_000
FINDINGS = """async () => {
  const found = await axe.run({include: ['.bd-article-container']});
  const seen = found.passes.flatMap(rule => rule.nodes).length;
  return [seen, found.violations.map(rule =>
    [rule.impact, rule.id, rule.nodes[0].html.slice(0, 200)])];
}"""


@pytest.fixture
def show(browser):
    """Open pages of the site that was built last; no request may leave the machine."""
    if not (SITE / "index.html").exists():
        pytest.skip("there is no site to look at: python3 -m labkit site builds it")
    sent, windows = [], []

    def open_page(name, width=1280, scheme="light"):
        window = browser.window(width, scheme)
        windows.append(window)
        page = window.__enter__()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: sent.append(request.url))
        page.goto(f"{SITE.as_uri()}/{name}")
        return page

    yield open_page
    for window in windows:
        window.__exit__(None, None, None)
    assert [url for url in sent if not url.startswith(("file:", "data:"))] == []


def test_search_finds_a_lesson_without_a_server(show):
    """The search page answers from the file that came with the site."""
    page = show("search.html?q=sentinel")
    page.wait_for_selector("#search-results li a[href*='04_produce_and_consume']")


def test_theme_is_changed_with_the_keyboard(show):
    """The menu of the theme is opened and used by keys, and outputs follow."""
    page = show(LESSON)
    colour = "() => getComputedStyle(document.querySelector('.labkit-html')).color"
    light = page.evaluate(colour)
    page.locator("button.theme-switch-button").first.focus()
    page.keyboard.press("Enter")
    for _ in range(3):  # as the system has it, light, dark
        page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Dark"
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate(colour) != light


def test_first_key_leads_to_the_text(show):
    """Tab, Enter: past the contents, to the lesson."""
    page = show(LESSON)
    page.keyboard.press("Tab")
    assert "main" in page.evaluate("() => document.activeElement.textContent").lower()
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash === '#main-content'")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (480, "dark")])
def test_lesson_has_no_grave_finding(show, width, scheme):
    """Axe has looked at a lesson, widgets included, and found nothing serious."""
    page = show(LESSON, width, scheme)
    page.evaluate(f"{script()}; 0")
    seen, findings = page.evaluate(FINDINGS)
    assert seen > 100
    assert [each for each in findings if each[0] in GRAVE] == []
