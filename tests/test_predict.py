"""Predictions, quizzes and orderings: what they keep, what they say, what they refuse.

The widgets are made in this process; buttons are pressed and values set as a front
end would.
"""

import importlib
import json
import re

import pytest

import labkit
from labkit import arrange, predict, quiz
from labkit._checks.bookkeeping import Progress
from labkit._dashboards.views import open_view
from labkit.errors import QuestionError

QUESTION = "Which comes first, `put` or `get`?"
OPTIONS = {
    "`put`": "What is not there cannot be got.",
    "get": "It waits, and returns after the `put`.",
}
LINES = ["register", "get_server", "  serve_forever"]
WHY = {"start": "It would start a second server."}


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """Return the progress file of this test; close what it has asked."""
    path = tmp_path / "progress.json"
    monkeypatch.setenv("LABKIT_PROGRESS", str(path))
    yield path
    restart()


def restart():
    """Forget every question, as a kernel does that ends."""
    for name in ("t-one", "t-two", "t-three"):
        if asked := open_view(f"prompt {name}"):
            asked.close()


def guess_of(**changes):
    """Return a prediction with options."""
    return predict("t-one", **{"question": QUESTION, "options": OPTIONS} | changes)


def lines():
    """Return lines to put in order, one of them too many."""
    return arrange("t-three", "Start a server.", LINES, WHY, because="Bind, serve.")


def words(prompt):
    """Return what a screen reader has just read out."""
    assert 'role="alert"' in prompt.said.value
    return re.sub(r"<[^>]*>", " ", prompt.said.value)


def noted(kind, name):
    """Return what the progress file holds."""
    return Progress().noted(kind, name)


# --- predictions --------------------------------------------------------------------


def test_a_choice_is_kept_at_once_and_over_a_restart():
    """Whoever predicts, restarts and runs the cell again finds the prediction."""
    guess_of().radio.index = 1
    assert noted("predictions", "t-one")["first"] == "get"
    restart()
    again = guess_of()
    assert again.radio.value == again.first == "get"
    assert "(x) 2. get" in repr(again)


def test_comparing_explains_both_options(capsys):
    """A wrong prediction gets its own explanation, and that of what happened."""
    guess = guess_of()
    guess.radio.value = "get"
    guess.compare("`put`")
    shown = capsys.readouterr().out
    assert shown.startswith("✗ Not as you predicted.\nYou predicted")
    assert "It waits, and returns after the put." in shown
    assert 'What happened: "put". What is not there' in shown
    assert noted("predictions", "t-one")["right"] is False


def test_a_right_prediction_is_said_to_be_right(capsys):
    """The explanation comes with it, once."""
    guess = guess_of()
    guess.choose(1)
    guess.compare("put")  # without its backticks it is the same option
    shown = capsys.readouterr().out
    assert "✓ As you predicted" in shown
    assert shown.count("What is not there cannot be got.") == 1
    assert noted("predictions", "t-one")["right"] is True


def test_no_prediction_is_no_error_and_leaves_no_trace(capsys, file):
    """To run all cells first tells what happens, and spoils no later prediction."""
    guess_of().compare("get")
    assert capsys.readouterr().out.startswith('What happened: "get".')
    assert not file.exists()
    restart()
    guess = guess_of()
    guess.choose("get")
    assert guess.first == "get"


def test_a_change_after_comparing_does_not_count(capsys):
    """The first prediction stays the one that counts, over a restart, too."""
    guess = guess_of()
    guess.choose("get")
    guess.compare("`put`")
    guess.choose("`put`")
    guess.compare("`put`")
    restart()
    assert (guess_of().guess, guess_of().first) == ("`put`", "get")
    assert noted("predictions", "t-one")["right"] is False
    assert 'Predicted after the first comparison: "put".' in capsys.readouterr().out


def test_a_prediction_after_the_answer_does_not_count():
    """Who had none when the answer was shown has no first prediction."""
    guess = guess_of()
    guess.compare("get")
    guess.radio.value = "get"
    assert guess.first is None
    assert "does not count" in words(guess)
    assert "right" not in noted("predictions", "t-one")


def test_a_cell_may_run_twice_where_nothing_can_be_kept(monkeypatch, tmp_path):
    """Without a file, a sentence says so, and this kernel remembers all the same."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path))
    guess = guess_of()
    guess.radio.value = "get"
    assert "not being kept" in words(guess)
    again = guess_of()
    assert guess.closed
    assert again.radio.value == "get"


@pytest.mark.parametrize(
    ("typed", "number"),
    [("1200", 1200), ("1,200.0", 1200), ("1 200", 1200), (" 1e3 ", 1000), (".5", 0.5)],
)
def test_numbers_are_read_as_people_write_them(typed, number):
    """Separators of thousands, exponents and blanks do no harm."""
    guess = predict("t-two", "How many?", unit="calls/s")
    guess.entry_field.value = typed
    assert guess.first == number
    assert f"You predict {number:,} calls/s." in words(guess)


@pytest.mark.parametrize("typed", ["many", "1,2", "nan", "inf", "12 34 x"])
def test_what_is_no_number_is_refused_in_words(typed):
    """The prediction stays what it was."""
    guess = predict("t-two", "How many?")
    guess.entry_field.value = "7"
    guess.entry_field.value = typed
    assert guess.guess == 7
    assert "is no number: write it like 1200" in words(guess)


@pytest.mark.parametrize(
    ("predicted", "outcome", "said"),
    [
        (4000, 8123.4, "✗ Far off: your prediction was too low by a factor of 2.03"),
        (
            9000,
            8123.4,
            "✓ Near enough: your prediction was too high by a factor of 1.1",
        ),
        (50, 50, "✓ Near enough: you predicted exactly that."),
        (3, 0, "✗ Far off: you were 3 off."),
        (-3, 3, "✗ Far off: you were 6 off."),
    ],
)
def test_a_number_is_compared_by_its_factor(predicted, outcome, said, capsys):
    """How far off it was, in words; a zero has no factor."""
    guess = predict("t-two", "How many?", unit="items", because="It is `so`.")
    guess.choose(predicted)
    guess.compare(outcome)
    shown = capsys.readouterr().out
    assert said in shown
    assert shown.endswith("It is so.\n")


# --- quizzes ------------------------------------------------------------------------


def test_a_quiz_explains_each_answer():
    """The wrong answer gets its explanation; the right one gets all of them."""
    asked = quiz("t-two", QUESTION, OPTIONS, "`put`")
    asked.check_button.click()
    assert "Choose an answer" in words(asked)
    asked.radio.index = 1
    asked.check_button.click()
    assert "✗ Not yet." in words(asked)
    assert "What is not there" not in words(asked)
    asked.radio.index = 0
    assert asked.said.value == ""  # what was said is of the other answer
    asked.check_button.click()
    assert "✓ That is right." in words(asked)
    assert "What is not there" in words(asked)
    kept = noted("quizzes", "t-two")
    assert (kept["first"], kept["attempts"], kept["right"]) == (["get"], 2, True)


def test_a_quiz_with_several_answers_says_how_many_are_missing():
    """Checkboxes; an answer is right when all are there, and no other."""
    three = OPTIONS | {"`join`": "It waits for both."}
    asked = quiz("t-two", QUESTION, three, {"`put`", "`join`"})
    asked.boxes["`put`"].value = True
    asked.check_button.click()
    assert "Right answers still missing: 1 of 2." in words(asked)
    asked.choose(3, 1)
    assert "✓ That is right." in words(asked)
    restart()
    assert quiz("t-two", QUESTION, three, {"`put`", "`join`"}).boxes["`join`"].value


# --- orderings ----------------------------------------------------------------------


def test_lines_are_shuffled_the_same_way_each_time():
    """The order depends on the id, and is not the right one."""
    first = lines().shuffled
    restart()
    assert lines().shuffled == first
    assert sorted(first) == sorted([*LINES, *WHY])
    assert first[: len(LINES)] != LINES


def test_lines_are_moved_by_buttons():
    """A line goes up, out and in again; what it does is read out."""
    task = lines()
    moved = task.used[1]
    task.rows[1].buttons[-1].click()
    assert task.used[0] == moved
    assert "is number 1 of 4." in words(task)
    task.rows[0].buttons[0].click()
    assert task.unused == [moved]
    assert "left out:" in task.rows[-1].text.value
    assert task.rows[-1].buttons[0].description == "Use"
    task.rows[-1].buttons[1].click()
    assert "press Use first" in words(task)
    task.rows[-1].buttons[0].click()
    assert (task.used[-1], task.unused) == (moved, [])


def test_a_wrong_order_says_what_is_wrong_with_it():
    """Lines that do not belong, lines that are missing, the first out of order."""
    task = lines()
    task.order(["get_server", "register", "start"])
    said = words(task)
    assert "It would start a second server." in said
    assert "1 line that belongs is left out." in said
    assert "comes too early: it is not the first." in said


def test_the_right_order_is_kept():
    """By lines or by numbers; and there again after a restart."""
    task = lines()
    task.order([task.shuffled.index(line) + 1 for line in LINES])
    assert "✓ That is the order." in words(task)
    assert "Bind, serve." in words(task)
    restart()
    assert lines().used == LINES
    assert noted("orderings", "t-three")["right"] is True


# --- what all have in common --------------------------------------------------------

REFUSED = {
    "no options": (lambda: guess_of(options={}), "0 options"),
    "a list of options": (lambda: guess_of(options=["a", "b"]), "a dict of texts"),
    "no explanation": (lambda: guess_of(options=OPTIONS | {"x": ""}), "of 'x'"),
    "read the same": (lambda: guess_of(options=OPTIONS | {"put": "b"}), "'put'"),
    "no question": (lambda: guess_of(question=" "), "question of 't-one'"),
    "no id": (lambda: predict("", QUESTION, OPTIONS), "An id, such as"),
    "unit and options": (
        lambda: guess_of(unit="s"),
        "unit= and because= go with a number",
    ),
    "within": (lambda: predict("t-two", "Many?", within=0), "within=0"),
    "unknown option": (lambda: guess_of().choose("all"), "'all' is no option of"),
    "unknown number": (lambda: guess_of().choose(3), "3 is no option"),
    "unknown outcome": (lambda: guess_of().compare("all"), '"`put`", "get"'),
    "outcome a number": (lambda: guess_of().compare(1), "not 1"),
    "outcome a text": (
        lambda: predict("t-two", "Many?").compare("8"),
        "compared with a number, not '8'",
    ),
    "guess a text": (lambda: predict("t-two", "Many?").choose("8"), "not '8'"),
    "unknown right answer": (
        lambda: quiz("t-two", QUESTION, OPTIONS, "all"),
        "The right answer 'all' is no option of 't-two'",
    ),
    "no right answer": (
        lambda: quiz("t-two", QUESTION, OPTIONS, set()),
        "no right answer",
    ),
    "chosen twice": (
        lambda: quiz("t-two", QUESTION, OPTIONS, {"get"}).choose("get", "get"),
        "an answer is chosen once",
    ),
    "two of one": (
        lambda: quiz("t-two", QUESTION, OPTIONS, "get").choose("get", "put"),
        "choose one, not 2",
    ),
    "one line": (lambda: arrange("t-three", "Order.", ["a"]), "two lines"),
    "a line twice": (
        lambda: arrange("t-three", "Order.", ["a", "b", " a"]),
        "The line 'a' stands in 't-three' twice",
    ),
    "unknown line": (lambda: lines().order(["stop"]), "no line 'stop'"),
    "line chosen twice": (lambda: lines().order([1, 1]), "in your order twice"),
    "empty order": (lambda: lines().order([]), "at least one line"),
    "order a text": (lambda: lines().order("register"), "a list of lines"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(case):
    """The message names the value; it is a ValueError, too."""
    act, said = REFUSED[case]
    with pytest.raises(QuestionError, match=re.escape(said)) as caught:
        act()
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_an_id_belongs_to_one_question():
    """The same cell may run twice; another question may not take its id."""
    guess_of()
    guess_of()
    with pytest.raises(QuestionError, match="already belongs to another question"):
        guess_of(question="Another one?")
    with pytest.raises(QuestionError, match="give this one an id of its own"):
        quiz("t-one", QUESTION, OPTIONS, "get")


@pytest.mark.parametrize("value", ["get", ["sleep"], {"a": 1}, None, 7])
def test_answers_of_another_version_are_left_alone(file, value):
    """What the file holds may be of other options, or nonsense: it is not asked."""
    old = {"guess": value, "first": value, "answer": value, "order": value}
    kinds = ("predictions", "quizzes", "orderings")
    data = {kind: dict.fromkeys(("t-one", "t-two", "t-three"), old) for kind in kinds}
    file.write_text(json.dumps({"version": 1, "tasks": {}} | data))
    options = {"a": "One.", "b": "Two."}
    assert predict("t-one", QUESTION, options).guess is None
    assert quiz("t-two", QUESTION, options, "a").radio.value is None
    assert lines().unused == []


def test_texts_cannot_become_markup():
    """What a question says is shown as it stands; backticks mark code."""
    options = {"<b>one</b>": "<i>1</i>", "two": "`2 < 3`"}
    guess = predict("t-one", "Is `1 < 2`?", options)
    guess.choose("two")
    page = guess._repr_html_() + "".join(
        part.value for part in guess.box.children if hasattr(part, "value")
    )
    assert "<code>1 &lt; 2</code>" in page
    assert "<b>one" not in page


def test_without_widgets_it_is_text_and_html():
    """Both say what there is to choose, and how, without giving the answer away."""
    for asked in (guess_of(), quiz("t-two", QUESTION, OPTIONS, "get"), lines()):
        bundle = asked._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        for twin in (bundle["text/plain"], bundle["text/html"]):
            assert re.search(r"type \.(choose|order)\(", twin)
            assert "cannot be got" not in twin
            assert "second server" not in twin


def test_the_module_may_be_called():
    """Whichever way the name was imported, it asks."""
    module = importlib.import_module("labkit.predict")
    assert module("t-one", QUESTION, OPTIONS).guess is None
    assert labkit.quiz is module.quiz
    assert module("t-two", "How many?", unit="s").unit == "s"
