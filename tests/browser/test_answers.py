"""Predictions, quizzes, orderings and exercises, answered in a real JupyterLab."""

import json
import re

import pytest
from learner import EXERCISE, RIGHT, typed, wait_to_say

LESSON = "notebooks/01_start_a_manager_server.ipynb"
ONE_TASK = "notebooks/one_task.ipynb"
NUMBERS = "notebooks/numbers.ipynb"
OLD = "notebooks/old.ipynb"

IN_EDITOR = "document.activeElement.classList.contains('cm-content')"
FOCUS = """row => {
    const button = document.activeElement, line = button.closest(".widget-hbox");
    return [button.title, !!line && line.innerText.includes(row)];
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
ENDINGS = """\
%%answer 04.5
def what_happens():
    return {
        "Process of a function from a cell": "fails",
        "Process of a function from a file": "works",
        "start() of a manager class from a cell": "fails",
        "start() of a manager class from a file": "works",
        "print after serve_forever() in a cell": "terminal",
        "a program of Popen, stop button pressed": "ends",
    }
"""
START_ORDER = (
    "register the name, with its callable",
    "get_server: bind the address",
    "serve_forever: answer calls",
    "a client connects, with address and key",
    "the client calls the registered name",
    "the callable runs, in the server",
    "the client has a proxy",
)


@pytest.fixture
def progress(lab):
    """Return a look into the learner's progress."""
    return lambda kind, name: json.loads(lab.progress.read_text("utf-8"))[kind][name]


def test_prediction_is_kept_compared_and_explained(page, progress):
    """By mouse; the first one counts, also when the kernel has been restarted."""
    page.open(LESSON)
    for cell_id in ("01-setup-kit", "01-first-server", "01-client"):
        page.run_cell(cell_id)
    page.run_cell("01-queue-lives-in-server").run_cell("01-guess-callable")
    question = page.cell("01-guess-callable")
    question.get_by_role("radio", name="both").click()
    said = question.get_by_role("alert")
    wait_to_say(page, said, 'You predict "both".', "It is written down.")
    assert progress("predictions", "01-guess-callable")["guess"] == "both"
    compared = page.run_cell("01-callable-runs").cell("01-callable-runs")
    wait_to_say(
        page,
        compared.get_by_role("alert"),
        "✗ Not as you predicted.",
        'You predicted "both". Registering creates no queue.',
        'What happened: "only that of get_task_queue". get_tasks returns the same',
    )
    assert progress("predictions", "01-guess-callable")["right"] is False
    page.restart().run_cell("01-setup-kit").run_cell("01-guess-callable")
    wait_to_say(page, said, 'What counts is your first prediction: "both".')
    assert question.get_by_role("radio", name="both").is_checked()
    assert page.problems() == []


def test_quiz_says_why_an_answer_is_wrong_or_right(page, progress):
    """By keyboard: a wrong answer, then the right one."""
    page.open(LESSON).run_cell("01-setup-kit").run_cell("01-quiz-start")
    quiz = page.cell("01-quiz-start")
    check, said = quiz.get_by_role("button", name="Check"), quiz.get_by_role("alert")
    check.press("Enter")
    wait_to_say(page, said, "Choose an answer, then press Check.")
    quiz.get_by_role("radio", name="every client").press("Space")
    check.press("Enter")
    wait_to_say(page, said, "✗ Not yet.", "A queue gives an item to one.")
    assert progress("quizzes", "01-quiz-start")["right"] is False
    quiz.get_by_role("radio", name="every client").press("ArrowDown")
    assert quiz.get_by_role("radio", name="no client").is_checked()
    check.press("Enter")
    wait_to_say(page, said, "✓ That is right.", "serves another queue: yours stays")
    kept = progress("quizzes", "01-quiz-start")
    assert (kept["right"], kept["attempts"]) == (True, 2)
    assert kept["first"] == ["every client"]
    assert page.problems() == []


def wait_for_focus(page, button, row):
    """Wait until the keyboard is at a button, and the button in a certain row."""
    page.until(
        lambda: [button, True] == page.raw.evaluate(FOCUS, row), f"{button} at {row}"
    )


def put_in_order(page, lines, wanted):
    """Move each line up to its place by one key, pressed again and again."""
    for place, line in enumerate(wanted, 1):
        now = int(re.search(rf"(\d)\. {re.escape(line)}", lines.inner_text())[1])
        lines.get_by_title(f"Up: {line}").focus()
        for above in range(now - 1, place - 1, -1):
            page.raw.keyboard.press("Enter")
            wait_for_focus(page, f"Up: {line}", f"{above}. {line}")


def test_lines_are_put_in_order_with_the_keyboard(page, progress):
    """The focus follows a line; what does not belong is said, then the right order."""
    page.open(LESSON).run_cell("01-setup-kit").run_cell("01-order-start")
    lines = page.cell("01-order-start")
    check, said = lines.get_by_role("button", name="Check"), lines.get_by_role("alert")
    check.press("Enter")
    wait_to_say(page, said, "✗ Not yet.", "The client sends a name only.")
    for extra in ("the callable runs, in the client", "the class name is looked up"):
        lines.get_by_title(f"Leave out: {extra}").press("Enter")
        wait_to_say(page, said, f"{extra} is left out.")
        wait_for_focus(page, f"Use: {extra}", f"left out: {extra}")
    put_in_order(page, lines, START_ORDER)
    check.press("Enter")
    wait_to_say(page, said, "✓ That is the order.", "The callable comes late:")
    kept = progress("orderings", "01-order-start")
    assert kept["order"] == list(START_ORDER)
    assert (kept["right"], kept["attempts"]) == (True, 2)
    assert page.problems() == []


def test_number_is_predicted_and_its_distance_told(page, lab, progress):
    """A word is refused; a number is kept, and compared by a factor."""
    cells = {
        "setup": "from labkit import predict",
        "guess": 'rate = predict("rate", "How fast?", unit="items/s")\nrate',
        "run": "rate.compare(8000)",
    }
    lab.write(NUMBERS, cells)
    guess = page.open(NUMBERS).run_cell("setup").run_cell("guess").cell("guess")
    field, said = guess.get_by_label("Your prediction"), guess.get_by_role("alert")
    field.fill("fast")
    field.press("Enter")
    wait_to_say(page, said, "'fast' is no number: write it like 1200")
    field.fill("1,000")
    field.press("Enter")
    wait_to_say(page, said, "You predict 1,000 items/s.")
    compared = page.run_cell("run").cell("run").get_by_role("alert")
    wait_to_say(page, compared, "✗ Far off: your prediction was too low by a factor")
    assert progress("predictions", "rate")["first"] == 1000
    assert page.problems() == []


def test_exercise_is_answered_wrongly_then_rightly(page, progress):
    """Words and points for what is there, a hint, full points; they are kept."""
    page.open(EXERCISE).run_cell("ex04-setup")
    check = page.cell("ex04-1-check")
    typed(page, "ex04-1-answer", TOO_BROAD)
    page.raw.keyboard.press("Shift+Enter")  # the check cell is next
    wait_to_say(
        page,
        check,
        "returned although handle('order 1') raised ValueError",
        "Catch queue.Empty alone, and around get() alone.",
        "04.1: 4 of 5 points.",
    )
    assert progress("tasks", "04.1")["best"] == 4
    check.click()
    page.raw.keyboard.press("Escape")
    page.raw.keyboard.press("b")
    page.raw.keyboard.press("Enter")
    page.until(lambda: page.raw.evaluate(IN_EDITOR), "the new cell's editor")
    page.raw.keyboard.insert_text('hint("04.1")')
    page.raw.keyboard.press("Control+Enter")
    page.raw.get_by_text("Hint 1 of 3 for 04.1").wait_for()
    typed(page, "ex04-1-answer", RIGHT)
    page.raw.keyboard.press("Shift+Enter")
    wait_to_say(page, check, "04.1: 5 of 5 points.")
    kept = {"attempts": 2, "best": 5, "hints": 1, "out_of": 5}
    assert progress("tasks", "04.1") == kept
    page.restart().run_cell("ex04-setup").run_cell("ex04-1-check")
    wait_to_say(page, check, "There is no answer to 04.1 yet: run the cell that begins")
    assert progress("tasks", "04.1") == kept
    assert page.problems() == []


def validation(page):
    """Press Validate, and return what the dialog says."""
    page.raw.get_by_role("button", name="Validate").click()
    dialog = page.raw.get_by_role("dialog").filter(has_text="Validation Results")
    said = dialog.inner_text()
    dialog.get_by_role("button", name="Ok").click()
    dialog.wait_for(state="detached")
    return said


def test_validate_button_says_what_check_says(page, lab):
    """For a blank answer its words and points; for a right one that all is well."""
    notebook = json.loads((lab.folder / EXERCISE).read_text("utf-8"))
    wanted = ("ex04-setup", "ex04-5-answer", "ex04-5-check")
    notebook["cells"] = [one for one in notebook["cells"] if one["id"] in wanted]
    (lab.folder / ONE_TASK).write_text(json.dumps(notebook), encoding="utf-8")
    said = validation(page.open(ONE_TASK).run_cell("ex04-setup"))
    assert "you said None; expected one of the task's words" in said
    assert "04.5: 0 of 6 points." in said
    typed(page, "ex04-5-answer", ENDINGS)
    assert "Success! Your notebook passes all the tests." in validation(page)
    assert not lab.progress.exists()
    assert page.problems() == []


def test_question_without_its_kernel_says_what_to_do(page, lab):
    """After a restart, and in a notebook opened again: words, and no broken links."""
    cells = {
        "setup": "from labkit import quiz",
        "quiz": 'quiz("old", "Who asks?", {"I": "Yes.", "You": "No."}, "I")',
    }
    lab.write(OLD, cells)
    page.open(OLD).run_cell("setup").run_cell("quiz").restart()
    quiz = page.cell("quiz").locator(".jp-OutputArea-output")
    before = "part => getComputedStyle(part, '::before').content"
    wait = "Run this cell again to use it."
    page.until(lambda: wait in quiz.locator("> *").evaluate(before), "advice")
    assert quiz.get_by_role("button", name="Check").evaluate(before) == "none"
    page.raw.keyboard.press("ControlOrMeta+s")
    page.until(lambda: "Who asks?" in (lab.folder / OLD).read_text("utf-8"), "saving")
    lab.end_kernels()
    page.raw.reload()
    quiz = page.wait_ready().cell("quiz").locator("pre.labkit-earlier")
    assert "Who asks?\n  ( ) 1. I\n  ( ) 2. You\n" in quiz.inner_text()
    assert wait in quiz.evaluate(before)
