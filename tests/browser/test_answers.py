"""Predictions, quizzes, orderings and exercises, answered in a real JupyterLab."""

import json
import re

import pytest
from learner import EXERCISE, RIGHT, typed, wait_to_say

from labkit.logbook import Logbook

LESSON = "notebooks/01_start_a_manager_server.ipynb"
ONE_TASK = "notebooks/one_task.ipynb"
NUMBERS = "notebooks/numbers.ipynb"
OLD = "notebooks/old.ipynb"

IN_EDITOR = "document.activeElement.classList.contains('cm-content')"
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
    "register the name with its callable",
    "get_server: bind the address",
    "serve_forever: answer calls",
    "a client connects with address and key",
    "the client calls the registered name",
    "the callable runs in the server",
    "the client has a proxy",
)


@pytest.fixture
def notes(lab):
    """Return a look into the learner's logbook."""
    book = Logbook(lab.progress.with_suffix(".db"))
    return lambda kind, name: book.notes(kind)[name]


def test_prediction_is_kept_compared_and_explained(page, notes):
    """By mouse; the first one counts, also when the kernel has been restarted."""
    page.open(LESSON)
    for cell_id in ("01-setup-kit", "01-first-server", "01-client"):
        page.run_cell(cell_id)
    page.run_cell("01-queue-lives-in-server").run_cell("01-guess-callable")
    question = page.cell("01-guess-callable")
    question.get_by_role("radio", name="both of them").click()
    said = question.get_by_role("alert")
    wait_to_say(page, said, 'You predicted "both of them".')
    assert notes("predictions", "01-guess-callable")["guess"] == "both of them"
    compared = page.run_cell("01-callable-runs").cell("01-callable-runs")
    wait_to_say(
        page,
        compared.get_by_role("alert"),
        "✗ Not what you predicted.",
        'You predicted "both of them". Registering creates no queue.',
        'What happened: "only the one from get_task_queue". get_tasks returns',
    )
    assert notes("predictions", "01-guess-callable")["right"] is False
    page.restart().run_cell("01-setup-kit").run_cell("01-guess-callable")
    wait_to_say(page, said, 'You predicted "both of them".')
    assert question.get_by_role("radio", name="both of them").is_checked()
    assert page.problems() == []


def test_quiz_says_why_an_answer_is_wrong_or_right(page, notes):
    """By keyboard: a wrong answer, then the right one."""
    page.open(LESSON).run_cell("01-setup-kit").run_cell("01-quiz-start")
    quiz = page.cell("01-quiz-start")
    check, said = quiz.get_by_role("button", name="Check"), quiz.get_by_role("alert")
    check.press("Enter")
    wait_to_say(page, said, "Choose an answer, then press Check.")
    quiz.get_by_role("radio", name="every client").press("Space")
    check.press("Enter")
    wait_to_say(page, said, "✗ Not yet.", "A queue gives an item to one client.")
    assert notes("quizzes", "01-quiz-start")["right"] is False
    quiz.get_by_role("radio", name="every client").press("ArrowDown")
    assert quiz.get_by_role("radio", name="no client").is_checked()
    check.press("Enter")
    wait_to_say(page, said, "✓ That is right.", "serves another queue. Yours stays")
    kept = notes("quizzes", "01-quiz-start")
    assert (kept["right"], kept["attempts"]) == (True, 2)
    assert kept["first"] == ["every client that calls `get`"]
    assert page.problems() == []


def test_lines_are_put_in_order_with_the_keyboard(page, notes):
    """A chosen line moves at each key, wherever the focus is by then."""
    page.open(LESSON).run_cell("01-setup-kit").run_cell("01-order-start")
    lines = page.cell("01-order-start")
    said = lines.get_by_role("alert")

    def press(name):
        lines.get_by_role("button", name=name, exact=True).press("Enter")

    def choose(line):
        lines.get_by_role("radio", name=line).press("Space")
        return lines.get_by_role("status")

    press("Check")
    wait_to_say(page, said, "✗ Not yet.", "The client sends only a name.")
    for extra in ("the callable runs in the client", "the class name is looked up"):
        choose(extra)
        press("Leave out")
        wait_to_say(page, lines.get_by_role("status"), f"{extra} is left out.")
    for place, line in enumerate(START_ORDER, 1):
        now = int(re.search(rf"(\d)\. {re.escape(line)}", lines.inner_text())[1])
        moved = choose(line)
        for above in range(now - 1, place - 1, -1):
            press("Up")
            wait_to_say(page, moved, f"{line} is number {above}.")
    press("Check")
    wait_to_say(page, said, "✓ That is the order.", "The callable runs late:")
    kept = notes("orderings", "01-order-start")
    assert kept["order"] == list(START_ORDER)
    assert (kept["right"], kept["attempts"]) == (True, 2)
    assert page.problems() == []


def test_number_is_predicted_and_its_distance_told(page, lab, notes):
    """A word is refused; a number is kept, and compared by a factor."""
    cells = {
        "setup": "from labkit import predict",
        "guess": 'rate = predict("rate", "How fast?", unit="items/s")',
        "run": "rate.compare(8000)",
    }
    lab.write(NUMBERS, cells)
    guess = page.open(NUMBERS).run_cell("setup").run_cell("guess").cell("guess")
    field, said = guess.get_by_label("Your prediction"), guess.get_by_role("alert")
    field.fill("fast")
    field.press("Enter")
    wait_to_say(page, said, "'fast' is not a number: write it like 1200")
    field.fill("1,000")
    field.press("Enter")
    wait_to_say(page, said, "You predicted 1,000 items/s.")
    compared = page.run_cell("run").cell("run").get_by_role("alert")
    wait_to_say(page, compared, "✗ Far off: your prediction was too low by a factor")
    assert notes("predictions", "rate")["first"] == 1000
    assert page.problems() == []


@pytest.fixture
def progress(lab):
    """Return a look into the learner's progress."""
    return lambda kind, name: json.loads(lab.progress.read_text("utf-8"))[kind][name]


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
