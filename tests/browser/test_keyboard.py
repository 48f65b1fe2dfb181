"""For people who use keys alone: a whole exercise, each kind of question, a slider."""

import json

import pytest
from classroom import books
from kinds import KINDS, open_kinds

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


def test_choice_is_one_group_after_the_kernel_has_chosen(page, lab):
    """Drawn anew by ipywidgets, it is still one stop for Tab, and arrows move in it."""
    cells = {
        "setup": "from labkit import quiz",
        "quiz": 'asked = quiz("t-group", "Who?", {"I": "Yes.", "You": "No."}, "I")\n'
        "asked",
        "choose": "asked.choose(1)",
    }
    lab.write(KINDS, cells)
    page.open(KINDS).run_cell("setup").run_cell("quiz")
    page.cell("quiz").get_by_role("radiogroup").wait_for()
    page.run_cell("choose")
    radios = page.cell("quiz").get_by_role("radio")
    first, second = radios.nth(0), radios.nth(1)
    page.until(first.is_checked, "the kernel's choice")
    page.until(lambda: first.get_attribute("name"), "the name of its group")
    assert second.get_attribute("name") == first.get_attribute("name")
    keys = Keys(page)
    first.focus()
    keys.press("ArrowDown")
    assert second.is_checked()
    keys.press("Tab")
    assert keys.at["name"] == "Say whether this is the answer"


@pytest.mark.parametrize("view", ["lab", "doc"])
def test_keys_on_a_control_are_its_own(page, lab, view):
    """An arrow moves a slider, with its name and value; d, d deletes no cell."""
    open_kinds(page, lab, ["setup", "explorer", "progress"], view=view)
    keys = Keys(page)
    slider = page.cell("explorer").locator("[role=slider]").first
    slider.focus()
    keys.press("ArrowRight")
    page.until(
        lambda: slider.get_attribute("aria-valuetext") == "64 bytes", "the next payload"
    )
    assert slider.get_attribute("aria-label") == "payload"
    assert keys.at["kind"] == "slider"
    page.cell("progress").get_by_role("button", name="Update").focus()
    keys.press("d", "d", "ArrowDown", "x")
    assert keys.at["name"] == "Read the file of progress again"
    assert len(page.cells()) == 3
    keys.press("Escape")
    assert keys.at["cell"] == "progress"
