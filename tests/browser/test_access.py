"""For people who use keys alone, who hear the page, who see badly or on a small page.

One notebook shows each kind of thing that labkit shows. It is opened in both themes
and both views of JupyterLab, and read at three widths.
"""

import json

import pytest
from axe import look
from classroom import books

KINDS = "notebooks/kinds.ipynb"
PROSE = "## A heading\n\nSome words, a [link](00_start_here.ipynb) and `code`."
CELLS = {
    "setup": """\
%load_ext labkit
from labkit import *
from labkit import plots
LONG = "A text so long that it has to wrap where the page is narrow. " * 3""",
    "choice": """\
guess = predict("t-choice", "What will `get` do?", {"wait": "So it is.", LONG: "No."})
guess""",
    "number": """\
number = predict("t-number", "How many?", unit="calls per second", because=LONG)
number""",
    "quiz": 'quiz("t-quiz", "Who serves?", {"A": "It dials.", LONG: "Yes."}, LONG)',
    "quizzes": """\
quiz("t-quizzes", "Who dials?", {"A": "Yes.", "B": "Yes.", "C": "No."}, ["A", "B"])""",
    "lines": """\
arrange("t-lines", "Open a shop.", ["register", "get_server()", "  serve_forever()"],
        {"connect_to_the_manager_as_a_client_would()": "It does not serve."})""",
    "compare": 'guess.compare("wait")\nnumber.compare(1200)',
    "program": '%%process talker\nprint("talk " * 60)\nfor n in range(40): print(n)',
    "server": """\
server = start_server(name="kinds")
orders = server.connect().get_queue("orders")
orders.put_many(["tea", "milk"])""",
    "dashboard": "dashboard(server)",
    "explorer": "explorer()",
    "progress": "progress()",
    "doctor": "doctor()",
    "tap": """\
with wiretap(server) as tap:
    relayed = connect(tap.address, server.authkey).get_queue("orders")
    relayed.put(LONG)
tap.table()""",
    "sequence": "tap.sequence()",
    "answer": "%%answer 01.1\nraise ValueError('spam' * 30)",
    "check": 'check("01.1")',
    "hint": 'hint("01.1")',
    "figure": """\
rates = {"direct queue": 8e4, "plain tcp": 9e3}
plots.plot_throughput(
    Measurement(name, 8, 1, 1, 1, (rate, rate * 1.1)) for name, rate in rates.items()
)""",
    "failure": "def fail():\n    raise ValueError(LONG)  # for a traceback\n\nfail()",
}
THEMES = {"lab": "light", "doc": "dark"}
WIDTHS = {"lab": (1280, 900), "doc": (900, 480)}
# With windowing JupyterLab takes cells off the page that are scrolled away.
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}


def open_kinds(page, lab, cells=tuple(CELLS), run=True, **how):
    """Open the notebook with each kind of output, or some of them, and run it."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    code = [
        {"cell_type": "code", "id": name, "source": source, "metadata": {}}
        | {"outputs": [], "execution_count": None}
        for name, source in CELLS.items()
        if name in cells
    ]
    code[-1]["metadata"]["tags"] = ["raises-exception"]
    words = {"cell_type": "markdown", "id": "words", "source": PROSE, "metadata": {}}
    book = {"cells": [words, *code], "metadata": {"kernelspec": kernel}}
    book |= {"nbformat": 4, "nbformat_minor": 5}
    (lab.folder / KINDS).write_text(json.dumps(book), encoding="utf-8")
    page.open(KINDS, settings=SETTINGS, **how)
    if run:
        page.run_all()
        assert page.problems("cell", "callback", "kernel") == []
    return page


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


# --- keys alone ---------------------------------------------------------------------

SET = "01_start_a_manager_server"
POINTS = 24
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const label = e.labels && e.labels.length ? e.labels[0].textContent : '';
  return {
    name: (e.title || e.ariaLabel || label || e.textContent).trim(),
    kind: e.type || e.role || e.tagName.toLowerCase(),
    cell: e.closest('.jp-Cell') && jupyterapp.shell.currentWidget.content.widgets
      .find(cell => cell.node === e.closest('.jp-Cell')).model.id,
    ring: style.boxShadow !== 'none' || e.classList.contains('cm-content') ||
      style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
  };
}"""


class Keys:
    """A learner at a page without a mouse."""

    def __init__(self, page):
        self.page = page

    def press(self, *keys):
        """Press keys, one after the other."""
        for key in keys:
            self.page.raw.keyboard.press(key)

    def write(self, text):
        """Write where the cursor is, without the editor's own ideas of indentation."""
        self.page.raw.keyboard.insert_text(text)

    def edit(self, cell_id, text):
        """Put a text in place of what is in the cell that has the focus."""
        self.press("Enter")
        self.page.until(lambda: self.at["kind"] == "textbox", f"a cursor in {cell_id}")
        self.press("ControlOrMeta+a")
        self.write(text)
        self.page.until(lambda: self.page.source(cell_id) == text, f"text in {cell_id}")

    @property
    def at(self):
        """Say what has the focus."""
        return self.page.raw.evaluate(FOCUSED)

    def reach(self, cell_id):
        """Go down to a cell."""
        for _ in range(60):
            if self.at["cell"] == cell_id:
                return
            self.press("ArrowDown")
        pytest.fail(f"no way down to {cell_id!r}; the focus is at {self.at}")

    def tab_to(self, name="", kind=""):
        """Press Tab until something of this name or kind has the focus, and shows."""
        for _ in range(60):
            self.press("Tab")
            at = self.at
            if name in at["name"] and kind in at["kind"]:
                assert at["ring"], f"nobody sees that {at} has the focus"
                return
        pytest.fail(f"Tab never leads to {name!r} {kind!r}; the focus is at {self.at}")

    def run(self, cell_id, *, by="Control+Enter"):
        """Run the cell that has the focus, and wait until the kernel has."""
        asked = self.page.raw.evaluate("labkit.asked()")
        self.press(by)
        self.page.until(
            lambda: self.page.raw.evaluate("n => labkit.isDone(n)", asked + 1), cell_id
        )

    def hear(self, cell_id, words):
        """Wait until a cell shows these words."""
        shown = self.page.cell(cell_id)
        self.page.until(lambda: words in shown.inner_text(), f"{words!r} in {cell_id}")


def test_a_whole_exercise_by_keys(page, lab):
    """From opening it to full points: arrows, Enter, Shift+Enter, Escape, and words."""
    _, solutions = books(SET)
    page.open(f"exercises/release/{SET}/{SET}.ipynb")
    keys = Keys(page)
    keys.reach("ex01-setup")
    keys.run("ex01-setup", by="Shift+Enter")
    for number, task in enumerate(solutions, 1):
        answer, check = f"ex01-{number}-answer", f"ex01-{number}-check"
        keys.reach(answer)
        keys.edit(answer, f"%%answer {task}\n{solutions[task]}")
        keys.run(answer, by="Shift+Enter")
        assert keys.at["cell"] == check
        assert keys.at["ring"]
        keys.run(check, by="Shift+Enter")
        keys.hear(check, f"{task} is right")
    kept = json.loads(lab.progress.read_text(encoding="utf-8"))["tasks"]
    assert sum(kept[task]["best"] for task in solutions) == POINTS


def test_questions_by_keys(page, lab):
    """Radio buttons move with arrows, boxes tick, lines move; Escape goes back."""
    keys = Keys(open_kinds(page, lab, cells=QUESTIONS, run=False))
    keys.reach("setup")
    keys.run("setup")
    for cell_id in QUESTIONS[1:]:
        keys.press("ArrowDown")
        assert keys.at["cell"] == cell_id
        keys.run(cell_id)
        page.cell(cell_id).locator(".labkit-ask").wait_for()
        BY_KEYS[cell_id](keys)
        keys.press("Escape")


def choose(keys):
    """Choose the second option of a prediction."""
    keys.tab_to(kind="radio")
    keys.press("Space", "ArrowDown")
    keys.hear("choice", 'You predict "A text so long')


def type_number(keys):
    """Predict a number."""
    keys.tab_to(kind="text")
    keys.write("1200")
    keys.press("Enter")
    keys.hear("number", "You predict 1,200 calls per second")


def answer_one(keys):
    """Answer a quiz wrongly, then rightly."""
    keys.tab_to(kind="radio")
    keys.press("Space")
    keys.tab_to("Say whether this is the answer")
    keys.press("Enter")
    keys.hear("quiz", "Not yet")
    keys.press("Shift+Tab", "ArrowDown")
    keys.tab_to("Say whether this is the answer")
    keys.press("Space")
    keys.hear("quiz", "That is right")


def answer_two(keys):
    """Tick two boxes."""
    for name in "AB":
        keys.tab_to(name, "checkbox")
        keys.press("Space")
    keys.tab_to("Say whether this is the answer")
    keys.press("Enter")
    keys.hear("quizzes", "That is right")


def put_in_order(keys):
    """Leave one line out, move the others up to their places."""
    keys.tab_to("Leave out: connect")
    keys.press("Enter")
    keys.hear("lines", "is left out")
    for place, line in enumerate(("register", "get_server()", "serve_forever()"), 1):
        rows = keys.page.cell("lines").locator(".labkit-line code").all_inner_texts()
        now = [row.strip() for row in rows].index(line) + 1
        if now > place:
            keys.press("Escape")
            keys.tab_to(f"Up: {line}")
        for number in range(now - 1, place - 1, -1):  # the focus follows the line
            keys.press("Enter")
            keys.hear("lines", f"{line} is number {number} of 3")
    keys.press("Escape")
    keys.tab_to("Say whether this is the order")
    keys.press("Enter")
    keys.hear("lines", "That is the order")


BY_KEYS = {
    "choice": choose,
    "number": type_number,
    "quiz": answer_one,
    "quizzes": answer_two,
    "lines": put_in_order,
}
QUESTIONS = ["setup", *BY_KEYS]


def test_keys_on_a_control_are_its_own(kinds):
    """An arrow moves a slider, with its name and value; d, d deletes no cell."""
    keys = Keys(kinds)
    cells = len(kinds.cells())
    slider = kinds.cell("explorer").locator("[role=slider]").first
    slider.focus()
    keys.press("ArrowRight")
    kinds.until(
        lambda: slider.get_attribute("aria-valuetext") == "64 bytes", "the next payload"
    )
    assert slider.get_attribute("aria-label") == "payload"
    assert keys.at["kind"] == "slider"
    kinds.cell("progress").get_by_role("button", name="Update").focus()
    keys.press("d", "d", "ArrowDown", "x")
    assert keys.at["name"] == "Read the file of progress again"
    assert len(kinds.cells()) == cells
    keys.press("Escape")
    assert keys.at["cell"] == "progress"
