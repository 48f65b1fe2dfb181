"""The built site as a reader meets it: from files, without a server or a network."""

import pytest
from labs import ROOT
from looks import violations

SITE = ROOT / "build" / "site"
LESSON = "notebooks/04_produce_and_consume.html"


@pytest.fixture
def show(page):
    """Open pages of the site that was built last; no request may leave the machine."""
    if not (SITE / "index.html").exists():
        pytest.skip("there is no site to look at: tools/site.py builds it")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.set_default_timeout(120_000)

    def open_page(name, width=1280, scheme="light"):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{SITE.as_uri()}/{name}")
        return page

    yield open_page
    assert [url for url in sent if not url.startswith(("file:", "data:"))] == []


def test_search_finds_a_lesson_without_a_server(show):
    """The search page answers from the file that came with the site."""
    page = show("search.html?q=sentinel")
    page.wait_for_selector("#search-results li a[href*='04_produce_and_consume']")


def test_theme_is_changed_by_keys_and_diagrams_follow(show):
    """Each theme has its own picture of a diagram; the other is not shown."""
    page = show(LESSON)
    light = page.locator(".labkit-diagram .only-light").first
    light.wait_for()
    page.locator("button.theme-switch-button").first.focus()
    page.keyboard.press("Enter")
    for _ in range(3):  # as the system has it, light, dark
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    page.locator(".labkit-diagram .only-dark").first.wait_for()
    assert not light.is_visible()


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
    assert violations(page, ".bd-article-container", least=100) == []
