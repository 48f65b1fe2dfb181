"""Questions: what they keep, what they say, what they refuse, and the files of texts.

The widgets are made in this process; buttons are pressed and values set as a front
end would.
"""

import json
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from kernels import kernel_in
from test_notebooks import habits_in

from labkit import arrange, predict, quiz
from labkit.errors import QuestionError
from labkit.logbook import Logbook

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
FILES = sorted((NOTEBOOKS / "questions").glob("*.toml"))
TEXTS = """
[t-choice]
question = "How many orders are left?"

[[t-choice.options]]
text = "`none`"
when = [0, true]
why = "A `get` takes
an order out."

[[t-choice.options]]
text = "a few"
when = { at_least = 1, below = 9 }
why = "They wait for somebody."

[t-number]
question = "How many a second?"
unit = "calls/s"
why = "Each call is a round trip."

[t-quiz]
question = "Which ones wait?"
options = [
  { text = "`put`", why = "A full queue makes it wait.", right = true },
  { text = "`get`", why = "An empty queue makes it wait.", right = true },
  { text = "`qsize`", why = "It only looks." },
]

[t-one]
question = "Which one looks?"
options = [
  { text = "`get`", why = "It takes." },
  { text = "`qsize`", why = "It looks.", right = true },
]

[t-lines]
question = "Start a server."
lines = ["register", "get_server", "  serve_forever"]
extra = [{ text = "start", why = "It would start a second server." }]
why = "First bind, then serve."
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of its own, with texts beside it and a logbook in it."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    (tmp_path / "questions").mkdir()
    texts = re.sub(r'why = "([^"]*\n[^"]*)"', r'why = """\1"""', TEXTS)
    (tmp_path / "questions" / "t.toml").write_text(texts, encoding="utf-8")
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    return tmp_path


def kept(kind, name):
    """Return what the logbook holds."""
    return Logbook().notes(kind).get(name)


# --- predictions --------------------------------------------------------------------


def test_a_choice_is_kept_at_once_and_over_a_restart():
    """A learner who predicts, restarts and runs the cell again finds the choice."""
    predict("t-choice").input.index = 1
    assert kept("predictions", "t-choice") == {"guess": "a few"}
    again = predict("t-choice")
    assert again.input.value == again.guess == "a few"
    assert again.said == 'You predicted "a few".'


@pytest.mark.parametrize(
    ("outcome", "option"), [((0, True), "`none`"), (1, "a few"), (8.5, "a few")]
)
def test_a_measured_value_finds_its_option(outcome, option, capsys):
    """The file says which option a value, several values or a range belongs to."""
    guess = predict("t-choice")
    guess.input.value = option
    guess.compare(outcome)
    assert "✓ As you predicted.\nWhat happened:" in capsys.readouterr().out
    assert kept("predictions", "t-choice")["right"] is True


def test_an_outcome_that_no_option_has_is_said(capsys):
    """A surprise of the machine is no error of the lesson."""
    guess = predict("t-choice")
    guess.input.value = "a few"
    guess.compare(9)
    assert 'What happened: "9".' in capsys.readouterr().out


def test_a_wrong_prediction_gets_both_explanations(capsys):
    """That of what was predicted, and that of what happened."""
    guess = predict("t-choice")
    guess.input.value = "a few"
    guess.compare((0, True))
    assert capsys.readouterr().out.splitlines() == [
        "✗ Not what you predicted.",
        'You predicted "a few". They wait for somebody.',
        'What happened: "none". A get takes an order out.',
    ]
    assert kept("predictions", "t-choice")["right"] is False


def test_no_prediction_is_no_error_and_leaves_no_trace(capsys, folder):
    """Run All shows what happens, does not scold, and spoils no later prediction."""
    predict("t-choice").compare(1)
    said = capsys.readouterr().out
    assert said == 'What happened: "a few".\nThey wait for somebody.\n'
    assert not (folder / "progress.db").exists()
    predict("t-choice").input.value = "a few"
    assert kept("predictions", "t-choice") == {"guess": "a few"}


def test_a_comparison_makes_a_prediction_final():
    """It cannot be changed any more, even after a restart."""
    guess = predict("t-choice")
    guess.input.value = "a few"
    guess.compare(1)
    assert guess.input.disabled
    again = predict("t-choice")
    assert again.input.disabled
    again.compare(0)
    assert kept("predictions", "t-choice")["right"] is True


def test_a_prediction_after_the_answer_does_not_count():
    """There was none when the answer was shown: it cannot be made any more."""
    guess = predict("t-choice")
    guess.compare(1)
    assert guess.input.disabled
    assert not predict("t-choice").input.disabled


def test_what_the_version_before_kept_still_counts():
    """It had the latest prediction, and the first, which counted."""
    entry = {"guess": "a few", "first": "`none`", "right": False, "compared": True}
    Logbook().note("predictions", "t-choice", entry)
    assert predict("t-choice").guess == "`none`"


def test_a_cell_of_the_version_before_still_asks():
    """The file's texts count, and the cell's own where the file has none."""
    whys = {"none": "It takes one out.", "some": "They wait."}
    known = predict("t-choice", "How many?", whys, because="see there")
    assert known.texts["question"] == "How many orders are left?"
    gone = predict("t-gone", "How many?", whys)
    gone.compare("some")
    assert gone.choices == ["none", "some"]
    assert quiz("t-gone", "Which?", whys, right="some").choices == gone.choices
    assert sorted(arrange("t-gone", "Start it.", ["a", "b"]).choices) == ["a", "b"]


def test_a_cell_may_run_twice_where_nothing_can_be_kept(monkeypatch, folder):
    """Without a file, a sentence says so, and this kernel remembers all the same."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(folder))
    predict("t-choice").input.value = "a few"
    again = predict("t-choice")
    assert again.input.value == "a few"
    again.input.index = 0
    assert "not being kept" in again.said


@pytest.mark.parametrize(
    ("typed", "number"),
    [("1200", 1200), ("1,200.0", 1200), ("1 200", 1200), (" 1e3 ", 1000), (".5", 0.5)],
)
def test_numbers_are_read_as_people_write_them(typed, number):
    """Separators of thousands, exponents and blanks do no harm."""
    guess = predict("t-number")
    guess.input.value = typed
    assert guess.guess == number
    assert guess.said == f"You predicted {number:,} calls/s."


@pytest.mark.parametrize("typed", ["many", "1,2", "12 34 x"])
def test_what_is_not_a_number_is_refused_in_words(typed):
    """The prediction stays what it was."""
    guess = predict("t-number")
    guess.input.value = "7"
    guess.input.value = typed
    assert guess.guess == 7
    assert "is not a number: write it like 1200" in guess.said


@pytest.mark.parametrize(
    ("predicted", "outcome", "said"),
    [
        (4000, 8123.4, "✗ Far off: your prediction was too low by a factor of 2.03"),
        (9000, 8123.4, "✓ Close enough: your prediction was too high by a factor of"),
        (50, 50, "✓ Close enough.\n"),
        (3, 0, "✗ Far off.\n"),
    ],
)
def test_a_number_is_compared_by_its_factor(predicted, outcome, said, capsys):
    """How far off it was, in words; a zero has no factor."""
    guess = predict("t-number")
    guess.input.value = str(predicted)
    guess.compare(outcome)
    shown = capsys.readouterr().out
    assert said in shown
    assert shown.endswith("Each call is a round trip.\n")


# --- quizzes and orderings ----------------------------------------------------------


def test_a_quiz_explains_the_answer_that_was_chosen():
    """After a wrong answer its reason, after a right one nothing about wrong ones."""
    asked = quiz("t-one")
    asked.check_button.click()
    assert asked.said == "Choose an answer, then press Check."
    asked.inputs[0].index = 0
    asked.check_button.click()
    assert asked.said == '✗ Not yet.\nWrong: "get". It takes.'
    asked.inputs[0].index = 1
    assert asked.said == ""  # it was about the other answer
    asked.check_button.click()
    assert asked.said == '✓ That is right.\n"qsize". It looks.'
    assert kept("quizzes", "t-one") == {"answer": ["`qsize`"], "right": True}


def test_a_quiz_with_several_answers_counts_the_missing_ones():
    """An answer is right when all are chosen and no other; it is kept."""
    asked = quiz("t-quiz")
    asked.inputs[0].value = True
    asked.check_button.click()
    assert asked.said.endswith("Right answers still missing: 1.")
    asked.inputs[1].value = True
    asked.check_button.click()
    assert asked.said.startswith("✓ That is right.")
    assert [box.value for box in quiz("t-quiz").inputs] == [True, True, False]


def test_lines_are_shuffled_the_same_way_each_time():
    """The order depends on the id, and is not the right one."""
    first = arrange("t-lines").choices
    assert arrange("t-lines").choices == first
    assert sorted(first) == ["  serve_forever", "get_server", "register", "start"]
    assert first[:3] != ["register", "get_server", "  serve_forever"]


def test_the_order_is_typed():
    """Numbers with anything between them; those of no line, or twice, do not count."""
    task = arrange("t-lines")
    task.check_button.click()
    assert task.said == "Type the numbers of the lines, then press Check."
    task.input.value = "3,1 9-3 0"
    assert task.said == ""
    assert task.answer == [task.choices[2], task.choices[0]]
    assert f"1  {task.choices[0]}" in task.box.children[2].value


def put(task, lines):
    """Type the numbers of lines, and check."""
    task.input.value = " ".join(str(task.choices.index(one) + 1) for one in lines)
    task.check_button.click()


def test_a_wrong_order_says_what_is_wrong_with_it():
    """Lines that do not belong, lines that are missing, the first out of order."""
    task = arrange("t-lines")
    put(task, ["get_server", "register", "start"])
    assert task.said.splitlines() == [
        "✗ Not yet.",
        "start does not belong. It would start a second server.",
        "Lines that belong and are left out: 1.",
        "get_server comes too early.",
    ]


def test_the_right_order_is_kept():
    """It is there again after a restart."""
    task = arrange("t-lines")
    right = ["register", "get_server", "  serve_forever"]
    put(task, right)
    assert task.said == "✓ That is the order.\nFirst bind, then serve."
    assert arrange("t-lines").answer == right
    assert kept("orderings", "t-lines")["right"] is True


# --- what all have in common --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("t-chioce", r"t\.toml has t-choice, t-number"),
        ("77-x", r"there is no 77\.toml"),
        ("u-broken", r"u\.toml is not TOML: "),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(folder, name, said):
    """The message says which file, and what is wrong with it."""
    (folder / "questions" / "u.toml").write_text("[u-broken", encoding="utf-8")
    with pytest.raises(QuestionError, match=said) as caught:
        predict(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["get", ["sleep"], {"a": 1}, None, 7])
def test_answers_to_other_texts_are_left_alone(value):
    """What is kept may be about options that are gone, or nonsense."""
    for kind in ("predictions", "quizzes", "orderings"):
        entry = dict.fromkeys(("guess", "first", "answer", "order", "right"), value)
        for name in ("t-choice", "t-quiz", "t-lines"):
            Logbook().note(kind, name, entry)
    assert predict("t-choice").guess is None
    assert quiz("t-quiz").answer == []
    assert arrange("t-lines").answer == []


def test_texts_cannot_become_markup():
    """What a question says is shown as it is; backticks mark code."""
    guess = predict("t-m", "Is `1 < 2`?", {"<b>one</b>": "<i>1</i>", "two": "2"})
    page = guess._repr_mimebundle_()["text/html"] + guess.box.children[1].value
    assert "<code>1 &lt; 2</code>" in page
    assert "<b>one" not in page


def test_twins_do_not_give_the_answer_away():
    """As text and as HTML a question says what to choose from."""
    for asked in (predict("t-choice"), quiz("t-quiz"), arrange("t-lines")):
        bundle = asked._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        for twin in (bundle["text/plain"], bundle["text/html"]):
            assert asked.choices[0].strip("`") in twin
            assert not re.search("takes an order|makes it wait|second server", twin)


def test_running_a_cell_again_gathers_no_widgets():
    """The widgets of the same question, asked before, are closed."""
    from ipywidgets.widgets.widget import _instances

    predict("t-choice")
    before = len(_instances)
    predict("t-choice")
    assert len(_instances) == before


def test_a_question_shows_itself_once(folder):
    """The call shows it, also when the cell ends with it or with its name."""
    with kernel_in(folder) as kernel:
        kernel.run("from labkit import predict, quiz")
        for cell in (
            "guess = predict('t-choice')",
            "again = predict('t-number')\nagain",
            "quiz('t-one')",
        ):
            kernel.run(cell)
            shown = [m["content"].get("data", {}) for m in kernel.messages]
            assert str(shown).count("widget-view+json") == 1, cell
        kernel.run("guess.input.index = 0")
        updates = [m for m in kernel.messages if m["msg_type"] == "update_display_data"]
        said = updates[-1]["content"]["data"]["text/plain"]
        assert said == 'You predicted "none".'


# --- the files of the course --------------------------------------------------------

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def of(file):
    """Return the questions of a file."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


@every_file
def test_lesson_and_file_have_the_same_questions(file):
    """Each is asked in the cell of its id, and compared later; none is left over."""
    (path,) = NOTEBOOKS.glob(f"{file.stem}_*.ipynb")
    asks = re.compile(r'(?m)^(?:(\w+) = )?(predict|quiz|arrange)\(\s*"([^"]*)"')
    cells = nbformat.read(path, 4).cells
    asked, source = {}, "\n".join(cell.source for cell in cells)
    for cell in cells:
        for guess, kind, name in asks.findall(cell.source):
            assert name == cell.id
            asked[name] = kind
            after = source.split(cell.source, 1)[1]
            assert not guess or f"{guess}.compare(" in after, cell.id
    assert asked.keys() == of(file).keys()
    for name, texts in of(file).items():
        kind = asked[name]
        assert (kind == "arrange") == ("lines" in texts), name
        rights = [option.get("right", False) for option in texts.get("options", ())]
        assert any(rights) == (kind == "quiz"), name


@every_file
def test_every_question_can_be_asked(file, monkeypatch):
    """It has a question, two options or more that differ, and a reason for each."""
    monkeypatch.chdir(NOTEBOOKS)
    for name, texts in of(file).items():
        quizzed = any("right" in option for option in texts.get("options", ()))
        kind = arrange if "lines" in texts else quiz if quizzed else predict
        assert len(kind(name).texts["question"]) > 10
        options = texts.get("options", []) + texts.get("extra", [])
        assert len({option["text"] for option in options}) == len(options), name
        assert "lines" in texts or len(options) != 1, name
        assert all(option["why"].strip() for option in options), name


@every_file
def test_length_does_not_give_the_answer_away(file):
    """No right option is half as long again as the longest of the others."""
    for name, texts in of(file).items():
        options = texts.get("options", [])
        right = [len(one["text"]) for one in options if one.get("right")]
        wrong = [len(one["text"]) for one in options if not one.get("right")]
        if right:
            assert max(right) <= 1.5 * max(wrong), name


@every_file
def test_questions_are_in_natural_english(file):
    """No text has a habit of translated English."""
    assert habits_in(json.dumps(of(file))) == []
