"""The course's page in JupyterLab: what it lists, where it leads, who can use it."""

import time

import axe
from learner import EXERCISE, RIGHT, wait_to_say

from labkit._checks.bookkeeping import Progress
from labkit.browsing import Lab

FIRST = "notebooks/00_start_here.ipynb"
SIZES = """() => {
  const course = document.querySelector('.labkit-course');
  return [course.scrollWidth, course.clientWidth, innerWidth];
}"""
SPLIT = """() => {
  const {shell} = jupyterapp;
  shell.add(shell.currentWidget, 'main', {mode: 'split-right'});
}"""
CURRENT = "jupyterapp.shell.currentWidget.id"


def open_course(page, **how):
    """Open JupyterLab with nothing in it; return its course page."""
    course = page.open_first_page(height=900, **how).raw.locator(".labkit-course")
    course.locator("h1").wait_for()
    return course


def order(page, command):
    """Give a command to JupyterLab."""
    page.raw.evaluate("name => void jupyterapp.commands.execute(name)", command)


def come_back(page):
    """Open the course page from a notebook, as the palette does; return it."""
    order(page, "labkit:open-course")
    return page.raw.locator(".labkit-course")


def assert_accessible(page):
    """Let the rules look at every link; none that is serious or critical is broken."""
    size = page.raw.viewport_size
    page.raw.set_viewport_size({**size, "height": 4000})
    page.raw.evaluate(f"{axe.script()}; document.body.style.minHeight = '100vh'")
    seen = page.raw.evaluate(axe.RUN, [[".labkit-course"], []])
    page.raw.set_viewport_size(size)
    assert [each for each in seen["findings"] if each[1] in axe.GRAVE] == []
    assert seen["passed"]["color-contrast"] >= 13
    assert seen["passed"]["link-name"] == 1 + 13 + 11


def test_first_page_lists_the_lessons_for_keys(page):
    """Thirteen lessons, none done; open to all; Tab and Enter lead to the first one."""
    course = open_course(page)
    assert page.raw.evaluate(CURRENT) == "labkit-course"
    assert course.locator("li").count() == 13
    assert "0 of 58 tasks done" in course.inner_text()
    assert_accessible(page)
    page.raw.evaluate("window.same = true")
    page.raw.keyboard.press("Tab")
    focused = page.raw.locator(":focus")
    assert focused.inner_text() == "Start with lesson 00, Start here"
    focused.press("Enter")
    page.wait_ready()
    assert page.raw.evaluate("jupyterapp.shell.currentWidget.context.path") == FIRST
    assert page.raw.evaluate("window.same")  # JupyterLab was not loaded anew
    assert page.problems() == []


def test_narrow_window_leads_to_the_single_document_view(page, lab):
    """At 480 pixels the list has the width, and its links lead to /doc/tree; dark."""
    Progress(lab.progress).attempt("04.1", 1, 5)
    course = open_course(page, width=480, theme="dark")
    assert_accessible(page)
    scrolled, room, window = page.raw.evaluate(SIZES)
    assert scrolled <= room
    assert room > 0.8 * window
    link = course.get_by_role("link", name="00 Start here")
    assert link.get_attribute("href").endswith(f"/doc/tree/{FIRST}")
    page.raw.set_viewport_size({"width": 900, "height": 900})
    page.until(
        lambda: link.get_attribute("href").endswith(f"/lab/tree/{FIRST}"), "a new link"
    )
    page.raw.set_viewport_size({"width": 899, "height": 900})
    page.until(lambda: "/doc/tree/" in link.get_attribute("href"), "the link again")
    link.click()
    page.raw.wait_for_url(f"**/doc/tree/{FIRST}")
    page.wait_ready()
    assert page.problems() == []
    page.raw.locator("#labkit-way-back a").click()
    course.locator("h1").wait_for()


def test_beginner_has_the_lesson_in_front(page):
    """Opened on lesson 00, JupyterLab has the course's tab beside it, once."""
    page.open(FIRST)
    tabs = page.raw.locator("#jp-main-dock-panel .lm-TabBar-tab")
    assert tabs.all_inner_texts() == ["Course", "00_start_here.ipynb"]
    assert page.raw.evaluate(CURRENT) != "labkit-course"


def test_solved_exercise_is_counted(page, lab):
    """A check that gives full points shows on the page when one comes back to it."""
    page.open(EXERCISE).set_source("ex04-1-answer", RIGHT)
    for cell in ("ex04-setup", "ex04-1-answer", "ex04-1-check"):
        page.run_cell(cell)
    assert lab.progress.exists()
    course = come_back(page)
    said = wait_to_say(page, course, "1 of 58 tasks done")
    assert "Continue with task 04.2" in said
    assert "1 of 5 tasks done, 5 of 26 points" in said
    assert course.locator("[aria-current=step] h2").inner_text().startswith("04 ")


def test_page_beside_a_notebook_follows_the_runs(page, lab):
    """Shown beside a notebook, it is up to date after each run; also when damaged."""
    course = come_back(page.open(FIRST))
    page.raw.evaluate(SPLIT)
    Progress(lab.progress).attempt("01.1", 1, 1)
    page.run_cell("00-setup-kit")
    wait_to_say(page, course, "1 of 58 tasks done", "Continue with")
    lab.progress.write_text("{", encoding="utf-8")
    page.run_cell("00-setup-kit")
    wait_to_say(page, course, "0 of 58 tasks done", "Your progress file was damaged")
    assert page.problems() == []


def test_course_opens_again(page):
    """Closed, it is a card of the launcher, and an entry of the Help menu."""
    course = come_back(page.open(FIRST))
    tab = page.raw.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="Course")
    tab.click(button="middle")
    order(page, "launcher:create")
    page.raw.locator(".jp-LauncherCard", has_text="Course").click()
    course.locator("h1").wait_for()
    tab.click(button="middle")
    page.raw.locator(".lm-MenuBar-item", has_text="Help").click()
    page.raw.locator(".lm-Menu-item", has_text="Course").click()
    course.locator("h1").wait_for()
    assert page._watch.seen == []  # of the console: no notebook is in front


def test_seconds_to_the_first_lesson(browser, capsys):
    """From the command to a lesson whose first cell has run; prints the seconds."""
    started = time.monotonic()
    with Lab() as lab, browser.page(lab) as page:
        answered = time.monotonic() - started
        page.raw.goto(f"{lab.url}/lab/tree/{FIRST}?token={lab.token}")
        page.wait_ready()
        usable = time.monotonic() - started
        page.run_cell("00-setup-kit")
        ran = time.monotonic() - started
    with capsys.disabled():
        told = f"server {answered:.1f} s, lesson usable {usable:.1f} s"
        print(f"\nlabkit lab: {told}, first cell has run {ran:.1f} s")
    assert ran < 120  # wide: other programs may share the machine
