"""Every lesson as a learner sees it: run, looked at by axe, in both themes, narrow."""

import pytest
from labs import ROOT
from looks import out_of_reach, violations

LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SWITCH = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
SWITCHED = """light => document.body.dataset.jpThemeLight === light &&
  !document.querySelector('#jupyterlab-splash')"""  # it covers the page meanwhile
UNNAMED = """() => [...document.querySelectorAll(
    '.jp-OutputArea-output :is(img, svg, canvas), .jp-RenderedMarkdown img')]
  .filter(e => e.checkVisibility() && !e.closest('button, .jp-Toolbar, [aria-hidden]'))
  .filter(e => (e.alt || e.ariaLabel || '').length <
    (e.closest('.jp-RenderedMermaid') ? 5 : 20))  // its words stand below
  .map(e => e.outerHTML.slice(0, 200))"""
# Every control and every place that scrolls, focused as by Tab.
UNSEEN = """() => [...document.querySelectorAll(
    '.jp-OutputArea-output :is(button, input, select, summary, [tabindex="0"])')]
  .filter(e => e.checkVisibility() && !e.disabled)
  .filter(e => {
    e.focus({focusVisible: true});
    const style = getComputedStyle(e);
    return style.boxShadow === 'none' &&
      (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 1);
  })
  .map(e => e.outerHTML.slice(0, 160))"""
# What shows through a diagram's picture: black on black after a change of theme.
BEHIND = """() => [...document.querySelectorAll('.jp-RenderedMermaid img')]
  .map(e => getComputedStyle(e).backgroundColor)"""


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem[:2])
def lesson(request, opened, lab):
    """Open one lesson after the other and run it."""
    opened.open(request.param.relative_to(ROOT).as_posix()).run_all()
    found = opened.problems()
    if len(found) == 1 and found[0].startswith("cell "):
        opened.restart().run_all()  # measured while another test was at work
    yield opened
    opened.page.evaluate(SWITCH, "JupyterLab Light")
    lab.end_kernels()


VALIDATE = ".jp-Toolbar [data-jp-item-name=runAll]"


@pytest.mark.parametrize("place", ["notebooks", "exercises/release/01_start"])
def test_opening_a_notebook_does_not_change_it(notebook, place):
    """It is not marked as changed; Validate is there for exercises alone."""
    stem = "01_start_a_manager_server"
    folder = place.replace("01_start", stem)
    notebook.open(f"{folder}/{stem}.ipynb")
    notebook.page.wait_for_timeout(500)
    assert not notebook.page.evaluate("labkit.panel().context.model.dirty")
    assert notebook.page.locator(VALIDATE).is_visible() == (place != "notebooks")
    notebook.set_source(notebook.cells()[1]["id"], "changed")
    assert notebook.page.evaluate("labkit.panel().context.model.dirty")


def test_every_cell_runs(lesson):
    """Run All: each cell runs, and nothing complains anywhere."""
    assert lesson.problems() == []
    cells = [cell for cell in lesson.cells() if cell["type"] == "code"]
    assert [cell["id"] for cell in cells if not cell["count"]] == []


def test_nothing_is_out_of_reach(lesson):
    """Words wrap, pictures shrink, tables scroll in themselves, at each width."""
    found = {width: out_of_reach(lesson.page, width) for width in (480, 900, 1280)}
    assert {width: lost for width, lost in found.items() if lost} == {}


def test_pictures_have_words_and_controls_a_ring(lesson):
    """Each picture says what it shows; whatever has the focus is seen to have it."""
    assert lesson.page.evaluate(UNNAMED) == []
    assert lesson.page.evaluate(UNSEEN) == []


def test_widgets_have_a_twin_in_text(lesson):
    """What a widget shows is also there as text, for pages that have no widgets."""
    shown = [o.get("data", {}) for c in lesson.cells() for o in c["outputs"]]
    twins = [
        data.get("text/plain", "")
        for data in shown
        if "application/vnd.jupyter.widget-view+json" in data
    ]
    assert [text for text in twins if len(text) < 20 or "children=" in text] == []


def test_no_grave_finding_in_either_theme(lesson):
    """Axe finds nothing serious, also when the theme is changed under the lesson."""
    assert violations(lesson.page) == []
    lesson.page.evaluate(SWITCH, "JupyterLab Dark")
    lesson.page.wait_for_function(SWITCHED, arg="false")
    assert violations(lesson.page, least=10, rules=["color-contrast"]) == []
    assert "rgba(0, 0, 0, 0)" not in lesson.page.evaluate(BEHIND)
