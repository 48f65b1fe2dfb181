"""An exercise worked as a learner does: by mouse, by keys alone, and by Validate."""

import json
import re

import pytest
from labs import ROOT

from labkit.grader.tasks import all_tasks, find_task
from tests.answers import answer

FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const cells = labkit.panel().content.widgets, cell = e.closest('.jp-Cell');
  return {
    cell: cells.findIndex(each => each.node === cell),
    ring: style.boxShadow !== 'none' || e.classList.contains('cm-content') ||
      style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
  };
}"""
TOO_BROAD = """\
%%answer 04.1
def consume(orders, handle, idle_s):
    while True:
        try:
            handle(orders.get(timeout=idle_s))
        except Exception:
            return
"""


def path_of(number):
    """Return the path of an exercise set in the course."""
    (path,) = (ROOT / "exercises" / "release").glob(f"{number}_*/*.ipynb")
    return path.relative_to(ROOT).as_posix()


def solution(task):
    """Return the answer to a task, as its source has it."""
    return f"%%answer {task}\n{answer(find_task(task), 'source')}"


def typed(notebook, task, text):
    """Replace an answer as one does by hand; run it and its check."""
    notebook.cell(f"%%answer {task}").locator(".cm-content").click()
    notebook.page.keyboard.press("ControlOrMeta+A")
    notebook.page.keyboard.insert_text(text)
    notebook.page.keyboard.press("Shift+Enter")
    notebook.wait_idle(1).run_cell(f'check("{task}")')


def test_wrong_then_hint_then_right(notebook):
    """Words and points for what is there, a hint, full points; progress has them."""
    notebook.open(path_of("04")).run_cell("ex04-setup")
    typed(notebook, "04.1", TOO_BROAD)
    check = notebook.cell('check("04.1")')
    check.get_by_text(re.compile(r"4 of 5 points")).first.wait_for()
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("b")
    notebook.page.keyboard.press("Enter")
    notebook.page.locator(".jp-mod-active .cm-content:focus").wait_for()
    notebook.page.keyboard.insert_text('hint("04.1")')
    notebook.page.keyboard.press("Control+Enter")
    notebook.wait_idle(1)
    hinted = notebook.cell('hint("04.1")').get_by_text(re.compile("[Hh]int 1 of"))
    hinted.first.wait_for()
    typed(notebook, "04.1", solution("04.1"))
    check.get_by_text(re.compile(r"5 of 5 points")).first.wait_for()
    notebook.restart().run_cell("ex04-setup").run_cell('check("04.1")')
    check.get_by_text(re.compile("no answer")).first.wait_for()
    assert notebook.problems() == []


def test_tab_of_a_set_says_that_it_is_one(notebook):
    """A set's file has the name of its lesson; their tabs differ."""
    before = "part => getComputedStyle(part, '::before').content"
    tab = notebook.page.locator(".lm-TabBar-tabLabel").filter(has_text="04_")
    notebook.open("notebooks/04_produce_and_consume.ipynb")
    assert tab.evaluate(before) == "none"
    notebook.open(path_of("04"))
    notebook.until(lambda: tab.evaluate(before) == '"Exercises "')


def validation(notebook):
    """Press Validate, and return what the dialog says."""
    notebook.page.get_by_role("button", name="Validate").click()
    dialog = notebook.page.get_by_role("dialog").filter(has_text="Validation Results")
    said = dialog.inner_text()
    dialog.get_by_role("button", name="Ok").click()
    dialog.wait_for(state="detached")
    return said


def test_validate_says_what_check_says(notebook, lab):
    """For a blank answer its words and points; for a right one that all is well."""
    book = json.loads((ROOT / path_of("04")).read_text(encoding="utf-8"))
    wanted = ("ex04-setup", "ex04-5-answer", "ex04-5-check")
    book["cells"] = [cell for cell in book["cells"] if cell["id"] in wanted]
    file = lab.folder / "exercises" / "one_task.ipynb"
    file.write_text(json.dumps(book), encoding="utf-8")
    notebook.open("exercises/one_task.ipynb").run_cell("ex04-setup")
    assert re.search(r"04\.5.*0 of \d points", validation(notebook), re.DOTALL)
    typed(notebook, "04.5", solution("04.5"))
    assert "Success! Your notebook passes all the tests." in validation(notebook)
    assert notebook.problems() == []


def reach(notebook, name):
    """Go down to a cell by the arrow key; it is seen to have the focus."""
    wanted = notebook.find(name)[0]
    for _ in range(60):
        at = notebook.page.evaluate(FOCUSED)
        if at["cell"] == wanted:
            assert at["ring"], f"nobody sees that {name} has the focus"
            return
        notebook.page.keyboard.press("ArrowDown")
    pytest.fail(f"no way down to {name!r}; the focus is at {at}")


def test_a_whole_set_by_keys(notebook):
    """From opening it to full points: arrows, Enter, Shift+Enter, and words."""
    notebook.open(path_of("01"))
    keyboard = notebook.page.keyboard
    reach(notebook, "ex01-setup")
    keyboard.press("Shift+Enter")
    notebook.wait_idle(1)
    for task in (task.id for task in all_tasks() if task.id.startswith("01")):
        reach(notebook, f"%%answer {task}")
        keyboard.press("Enter")
        notebook.page.locator(".jp-mod-active .cm-content:focus").wait_for()
        keyboard.press("ControlOrMeta+a")
        keyboard.insert_text(solution(task))
        keyboard.press("Shift+Enter")
        notebook.wait_idle(1)
        reach(notebook, f'check("{task}")')
        keyboard.press("Shift+Enter")
        notebook.wait_idle(1)
        said = notebook.cell(f'check("{task}")').inner_text()
        points = re.search(r"(\d+) of (\d+) points", said)
        assert points, said
        assert points[1] == points[2], said
