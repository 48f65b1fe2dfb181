"""For people who hear the page, who see badly or on a small page.

One notebook shows each kind of thing that labkit shows. It is opened in both themes
and both views of JupyterLab, and read at three widths.
"""

import pytest
from axe import look
from kinds import open_kinds

THEMES = {"lab": "light", "doc": "dark"}
WIDTHS = {"lab": (1280, 900), "doc": (900, 480)}


@pytest.fixture(scope="module", params=THEMES)
def kinds(request, browser, lab):
    """Show each kind of output, in one view and theme after the other."""
    view = request.param
    with browser.page(lab) as page:
        page.widths = WIDTHS[view]
        yield open_kinds(
            page, lab, view=view, theme=THEMES[view], width=page.widths[-1]
        )


# --- axe ----------------------------------------------------------------------------

# How many things axe has to approve of, so that it cannot have looked past them.
LEAST = {"color-contrast": 100, "button-name": 20}
BAD = """<div id="bad"><p style="color:#ccc; background:#fff">Who can read this?</p>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><button></button></div>"""


def test_no_grave_finding(kinds):
    """Markdown, widgets, tables, figures, feedback: nothing serious or critical."""
    seen = look(kinds)
    assert seen.findings == []
    assert {r: n for r, n in LEAST.items() if seen.passed.get(r, 0) < n} == {}


def test_grave_faults_are_found(kinds):
    """What is bad on purpose does not pass, so a pass means something."""
    kinds.raw.evaluate(
        "bad => document.querySelectorAll('.jp-OutputArea-output')[3]"
        ".insertAdjacentHTML('beforeend', bad)",
        BAD,
    )
    seen = look(kinds, places=["#bad"])
    kinds.raw.evaluate("() => document.querySelector('#bad').remove()")
    assert seen.rules == {"color-contrast", "image-alt", "button-name"}


# --- words for what is seen ---------------------------------------------------------

UNNAMED = """() => [...document.querySelectorAll(
    '.jp-OutputArea-output :is(img, svg, canvas)')]
  .filter(e => e.checkVisibility() && !e.closest('button, .jp-Toolbar, [aria-hidden]'))
  .filter(e => (e.alt || e.ariaLabel || '').length < 20)
  .map(e => e.outerHTML.slice(0, 200))"""


def test_pictures_have_words(kinds):
    """A figure's text, or that of a line of the dashboard, says what it shows."""
    assert kinds.raw.evaluate(UNNAMED) == []
    figures = ".jp-OutputArea-output :is(img, svg[role=img])"
    assert kinds.raw.locator(figures).count() >= 3


def test_widgets_have_a_twin_in_text(kinds):
    """What a widget shows is also there as text, for pages that have no widgets."""
    shown = [o.get("data", {}) for c in kinds.cells() for o in c["outputs"]]
    widgets = [d for d in shown if "application/vnd.jupyter.widget-view+json" in d]
    twins = [data["text/plain"] for data in widgets]
    assert len(twins) >= 8
    assert [twin for twin in twins if len(twin) < 20 or "children=" in twin] == []


# --- narrow pages -------------------------------------------------------------------

# A part is out of reach if it is cut off and nothing around it scrolls sideways. Words
# and pictures must not even need that: tables, programs and their output may scroll.
OUT_OF_REACH = """async () => {
  const page = document.querySelector('.jp-WindowedPanel-outer');
  const frame = () => new Promise(requestAnimationFrame);
  for (let still = 0, last; still < 5; await frame()) {
    still = last === page.clientWidth ? still + 1 : 0;
    last = page.clientWidth;
  }
  const lost = [], scrolls = e => ['auto', 'scroll'].includes(
    getComputedStyle(e).overflowX);
  const may = 'table, pre, .labkit-picture, [role=log], .cm-editor';
  const parts = ':is(p, li, h1, h2, h3, img, svg, button, input, select, label, td, ' +
    'th, pre, code, summary)';
  for (const root of document.querySelectorAll(
      '.jp-RenderedMarkdown, .jp-OutputArea-output')) {
    const edge = root.getBoundingClientRect().right + 1;
    for (const e of root.querySelectorAll(parts)) {
      const wide = e.getBoundingClientRect().right > edge ||
        e.matches('p, li, label') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth;
      if (!e.checkVisibility() || !wide) continue;
      let around = e;
      while (around !== root && !scrolls(around)) around = around.parentElement;
      if (!scrolls(around) || !e.closest(may))
        lost.push(e.outerHTML.slice(0, 160));
    }
  }
  if (page.scrollWidth > page.clientWidth)
    lost.push(`the notebook: ${page.scrollWidth} > ${page.clientWidth}`);
  return lost;
}"""


def test_nothing_is_out_of_reach(kinds):
    """Words wrap, pictures shrink, tables scroll in themselves, at each width."""
    for width in kinds.widths:
        kinds.raw.set_viewport_size({"width": width, "height": 1000})
        assert (width, kinds.raw.evaluate(OUT_OF_REACH)) == (width, [])


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


def test_focus_is_seen(kinds):
    """Whatever has the focus has a ring around it."""
    assert kinds.raw.evaluate(UNSEEN) == []
