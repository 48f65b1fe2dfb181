"""Predictions, quizzes and orderings, answered by keys alone and by mouse."""

import re

import pytest

LONG = "A text so long that it has to wrap where the page is narrow. " * 3
LINES = ["register the name", "bind the address", "answer calls"]
SETUP = "from labkit import arrange, predict, quiz"
CHOICE = 'guess = predict("b-choice")'
NUMBER = 'number = predict("b-number")'
ONE, SEVERAL, ORDER = 'quiz("b-one")', 'quiz("b-two")', 'arrange("b-order")'
TEXTS = f"""
[b-choice]
question = "Does get wait?"
options = [{{ text = "wait", why = "So." }}, {{ text = "fail", why = "No." }}]
[b-number]
question = "How many?"
unit = "calls"
[b-one]
question = "Who serves?"
options = [
  {{ text = "A", why = "It dials." }},
  {{ text = "{LONG}", why = "Yes.", right = true }},
]
[b-two]
question = "Who dials?"
options = [
  {{ text = "A", why = "Yes.", right = true }},
  {{ text = "B", why = "Yes.", right = true }},
  {{ text = "C", why = "No." }},
]
[b-order]
question = "Open a shop."
lines = {LINES}
extra = [{{ text = "connect", why = "It does not serve." }}]
"""
COMPARE = 'guess.compare("fail")\nnumber.compare(1200)'
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const label = e.labels?.length ? e.labels[0].textContent : '';
  return [e.type || e.role, (label || e.textContent).trim(),
    style.boxShadow !== 'none' || parseFloat(style.outlineWidth) > 0];
}"""


@pytest.fixture
def asked(notebook, lab):
    """Open a notebook with a question of each kind; run it."""
    sources = SETUP, CHOICE, NUMBER, ONE, SEVERAL, ORDER, COMPARE
    path = lab.write("notebooks/questions.ipynb", *sources)
    texts = lab.folder / "notebooks" / "questions" / "b.toml"
    texts.write_text(TEXTS, encoding="utf-8")
    notebook.open(path)
    for source in sources[:-1]:
        notebook.run_cell(source)
    return notebook


def tab_to(notebook, cell, kind, name=""):
    """Press Tab, from the cell on, until something of this kind has the focus."""
    if cell:
        notebook.page.keyboard.press("Escape")
        notebook.select(cell).cell(cell).focus()
    for _ in range(40):
        notebook.page.keyboard.press("Tab")
        found, words, ring = notebook.page.evaluate(FOCUSED)
        if found == kind and name in words:
            assert ring, f"nobody sees that {kind} {words!r} has the focus"
            return
    pytest.fail(f"Tab never leads to the {kind} {name!r} of {cell}")


def hears(notebook, cell, words):
    """Wait until an alert of the cell says this."""
    alert = notebook.cell(cell).get_by_role("alert")
    alert.get_by_text(re.compile(words)).first.wait_for()


def test_predictions_by_keys(asked):
    """A choice moves with arrows, a number is typed; both are compared afterwards."""
    press = asked.page.keyboard.press
    tab_to(asked, CHOICE, "radio")
    press("Space")
    press("ArrowDown")
    hears(asked, CHOICE, r'You predict\w* "fail"')
    tab_to(asked, NUMBER, "text")
    asked.page.keyboard.insert_text("many")
    press("Enter")
    hears(asked, NUMBER, "many.*number")
    press("ControlOrMeta+a")
    asked.page.keyboard.insert_text("1,100")
    press("Enter")
    hears(asked, NUMBER, r"You predict\w* 1,100 calls")
    asked.run_cell(COMPARE)
    hears(asked, COMPARE, "As you predicted")
    hears(asked, COMPARE, "Close enough")
    assert asked.problems() == []


def test_quizzes_by_keys(asked):
    """A wrong answer, then the right one; two boxes are ticked."""
    press = asked.page.keyboard.press
    tab_to(asked, ONE, "radio")
    press("Space")
    tab_to(asked, "", "submit", "Check")
    press("Enter")
    hears(asked, ONE, "Not yet")
    press("Shift+Tab")
    press("ArrowDown")
    tab_to(asked, "", "submit", "Check")
    press("Enter")
    hears(asked, ONE, "That is right")
    for name in "AB":
        tab_to(asked, SEVERAL if name == "A" else "", "checkbox", name)
        press("Space")
    tab_to(asked, "", "submit", "Check")
    press("Space")
    hears(asked, SEVERAL, "That is right")
    assert asked.problems() == []


def test_lines_are_put_in_order_by_keys(asked):
    """Their numbers are typed, without the one that does not belong; Check judges."""
    shown = asked.cell(ORDER)
    text = shown.locator(".labkit-lines").inner_text()
    numbers = [re.search(rf"(\d)  {line}", text)[1] for line in LINES]
    shown.get_by_role("textbox", name="in their order").fill(" ".join(numbers))
    shown.get_by_role("button", name="Check").press("Enter")
    hears(asked, ORDER, "That is the order")
    assert asked.problems() == []


def test_answers_survive_kernel_and_page(asked, lab):
    """Restarted, saved and opened again: the answers stand there, and what to do."""
    progress = lab.folder.parent / "progress"  # where it was compared before
    progress.unlink(missing_ok=True)
    asked.run_cell(CHOICE).cell(CHOICE).get_by_role("radio", name="wait").click()
    hears(asked, CHOICE, r'You predict\w* "wait"')
    asked.restart()
    before = "part => getComputedStyle(part, '::before').content"
    shown = asked.cell(CHOICE).locator(".jp-OutputArea-output > *").first
    asked.until(lambda: "Run this cell again" in shown.evaluate(before))
    asked.save()
    lab.end_kernels()
    cell = asked.reload().cell(CHOICE)
    cell.get_by_text("Does get wait?").first.wait_for()
    cell.get_by_text(re.compile(r'You predict\w* "wait"')).first.wait_for()
    assert "Error displaying widget" not in cell.inner_text()
    asked.run_cell(SETUP).run_cell(CHOICE)
    asked.until(cell.get_by_role("radio", name="wait").is_checked)
    # ipywidgets writes to the console that the old kernel's widgets are gone.
    assert [text for text in asked.problems() if "model not found" not in text] == []
