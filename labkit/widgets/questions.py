"""Questions in a lesson: predict before a run, a quiz, lines to put in order.

Each shows itself when it is made. An answer is kept at once: in the logbook, and in
the notebook as words that stay true when its kernel has gone.
"""

import hashlib
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from labkit.errors import QuestionError
from labkit.logbook import learners_logbook
from labkit.widgets import views
from labkit.widgets.texts import Option, find, pick
from labkit.widgets.views import button, panel, plain, rich

__all__ = ["Ordering", "Prediction", "Question", "Quiz", "arrange", "predict", "quiz"]

_HASTE_S = 30.0  # from a question to its comparison; Run All is faster
_CUT = "(lines below this one are left out)"
_asked: dict[str, "Question"] = {}


class Question(ABC):
    """A question with an id; what was said of its answer is in ``said``."""

    kind: ClassVar[str]  # where the logbook keeps the answers
    marks = "()"
    box: Any

    def __init__(self, name: str, texts: Mapping[str, Any]) -> None:
        import ipywidgets

        self.name, self.texts, self.said = name, texts, ""
        self.question = str(texts["question"])
        self.options = [Option(**option) for option in texts.get("options", ())]
        self.choices = [option.text for option in self.options]
        self._logbook = learners_logbook()
        self.entry = dict(self._logbook.notes(self.kind).get(name, {}))
        self._cell, self._receipt = -1, None
        head = f"{views.style()}<p><strong>{rich(self.question)}</strong></p>"
        parts = [ipywidgets.HTML(head, layout=views.AUTO), *self._make_inputs()]
        if name in _asked:  # the cell was run again
            views.close_all(_asked[name].box)
        _asked[name] = self
        self.box = ipywidgets.VBox(parts)
        self.box.add_class("labkit-ask")

    @abstractmethod
    def _make_inputs(self) -> list[Any]:
        """Return the widgets that answer, with the kept answer in them."""

    @property
    @abstractmethod
    def answer(self) -> list[Any]:
        """What the widgets say now."""

    @abstractmethod
    def _feedback(self) -> tuple[list[str], bool | None]:
        """Return what there is to say of the kept answer, and whether it is right."""

    def _say(self, lines: Sequence[str], right: bool | None = None) -> None:
        """Show what became of the answer, below the question."""
        self.said = "\n".join(map(plain, lines))
        if self._receipt is not None:
            self._receipt.update(panel(lines, right), raw=True)

    def _keep(self) -> list[str]:
        """Write the answer down; return what went wrong."""
        entry = {"question": self.question, **self.entry}
        self._logbook.note(self.kind, self.name, entry)
        return [self._logbook.trouble] if self._logbook.trouble else []

    def _lines(self) -> list[str]:
        before, after = self.marks[:1], self.marks[1:]
        chosen = [before and "x" * (text in self.answer) for text in self.choices]
        marks = [before and f"{before}{mark or ' '}{after} " for mark in chosen]
        pairs = zip(marks, self.choices, strict=True)
        lines = [f"  {mark}{n}. {text}" for n, (mark, text) in enumerate(pairs, 1)]
        how = "Without widgets, answer with .choose(...)."
        return [self.question, *lines, how, *self._feedback()[0]]

    def __repr__(self) -> str:
        return plain("\n".join(self._lines()))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        page = f"<p>{'<br>'.join(map(rich, self._lines()))}</p>"
        widget: dict[str, Any] = self.box._repr_mimebundle_()
        return widget | {"text/plain": repr(self), "text/html": page}

    def show(self) -> None:
        """Display the question, and below it what there is to say of a kept answer."""
        self._cell = views.kernel_cell()
        if self._cell >= 0:
            views.display(self._repr_mimebundle_())
            self._receipt = views.display(panel([]), display_id=True)
        self._say(*self._feedback())

    def _ipython_display_(self) -> None:
        if views.kernel_cell() < 0:
            print(self)
        elif self._cell != views.kernel_cell():  # else it is there already
            self.show()


class Prediction(Question):
    """What a learner expects of a run: an option, or a number where there are none.

    Attributes
    ----------
    guess, first : str, float or None
        The latest prediction, and the one that counts: the last that was made before
        the first comparison.
    """

    kind = "predictions"
    guess: Any
    first: Any
    _nudged = False

    def _make_inputs(self) -> list[Any]:
        import ipywidgets

        self._asked_at = time.monotonic()
        kept = [self.entry.get("guess"), self.entry.get("first")]
        fits = self.choices.__contains__ if self.options else _is_number
        self.guess, self.first = (one if fits(one) else None for one in kept)
        if self.options:
            self.input = _radio(self.choices, self.guess)
        else:
            self.input = ipywidgets.Text(
                value="" if self.guess is None else f"{self.guess:,.12g}",
                placeholder="a number, then Enter",
                description=f"Your prediction ({self.texts.get('unit') or 'number'}):",
                continuous_update=False,
                style={"description_width": "initial"},
                layout={"width": "calc(min(100%, 28em) - 4px)"},
            )
        self.input.observe(lambda change: self._entered(change["new"]), "value")
        return [self.input]

    @property
    def answer(self) -> list[Any]:
        """The latest prediction."""
        return [] if self.guess is None else [self.guess]

    def _entered(self, value: str | None) -> None:
        if not value:
            return
        try:
            self.guess = value if self.options else _number(value)
        except QuestionError as error:
            self._say([str(error)], right=False)
            return
        if not self.entry.get("compared"):
            self.first = self.guess
        self.entry |= {"guess": self.guess, "first": self.first}
        self._say([*self._feedback()[0], *self._keep()])

    def _feedback(self) -> tuple[list[str], bool | None]:
        made = f"You predicted {self._shown(self.guess)}."
        if self.guess is None:
            return [], None
        if self.first is None:
            made += " It does not count: the answer had been shown before."
        elif self.guess != self.first:
            made += f" What counts is your first: {self._shown(self.first)}."
        return [made], None

    def choose(self, guess: str | float) -> None:
        """Predict without widgets: an option, its number, or the number asked for."""
        if not self.options and not _is_number(guess):
            raise QuestionError(f"A prediction here is a number, not {guess!r}.")
        text = pick(self.name, self.choices, guess) if self.options else f"{guess:.12g}"
        self.input.value = text
        views.display(panel(self._feedback()[0]))

    def compare(self, outcome: Any) -> None:
        """Show what was predicted, what happened, and why.

        `outcome` is what was measured: the number asked for, or a value that the
        question's file gives to one of its options.
        """
        if not self.options and not _is_number(outcome):
            raise QuestionError(f"{self.name!r} compares numbers, not {outcome!r}.")
        fitting = [option for option in self.options if option.fits(outcome)]
        happened = fitting[0].text if fitting else outcome
        why = fitting[0].why if fitting else self.texts.get("why", "")
        right = None if self.first is None else self._agrees(happened)
        if not self.entry.get("compared") and right is not None:
            self.entry["right"] = right
        kept = happened if isinstance(happened, str | int | float) else repr(happened)
        self.entry |= {"compared": True, "outcome": kept}
        # Someone who first runs all cells may still predict another day.
        trouble = self._keep() if self.guess is not None else []
        lines = [*self._verdict(right, happened, why), *trouble]
        views.display(panel([line for line in lines if line], right))

    def _agrees(self, happened: Any) -> bool:
        if self.options or self.first * happened <= 0:
            return bool(self.first == happened)
        within = self.texts.get("within", 2.0)
        return bool(1 / within <= self.first / happened <= within)

    def _verdict(self, right: bool | None, happened: Any, why: str) -> list[str]:
        word = "What happened" if self.options else "Measured"
        fact, mine = f"{word}: {self._shown(happened)}.", self._feedback()[0]
        if right is None:
            late = time.monotonic() - self._asked_at > _HASTE_S
            nudge, Prediction._nudged = late and not self._nudged, late or self._nudged
            help_ = "You made no prediction. Guessing first helps you remember."
            return [fact, why, *mine, help_ if nudge and not mine else ""]
        if not self.options:
            off = _distance(self.first, happened)
            head = f"✓ Close enough: {off}." if right else f"✗ Far off: {off}."
            return [head, f"{mine[0]} {fact}", why]
        if right:
            return ["✓ As you predicted.", f"{fact} {why}"]
        reason = self.options[self.choices.index(self.first)].why
        return ["✗ Not what you predicted.", f"{mine[0]} {reason}", f"{fact} {why}"]

    def _shown(self, value: Any) -> str:
        if self.options or not _is_number(value):
            return f'"{value}"'
        whole = float(value).is_integer() and abs(value) < 1e9
        text = f"{value:,.0f}" if whole else f"{float(f'{value:.3g}'):,.12g}"
        return f"{text} {self.texts.get('unit', '')}".strip()


class _Checked(Question):
    """A question with a button that says whether the answer is right."""

    key: ClassVar[str]

    def _check_button(self) -> Any:
        self.check_button = button("Check", "Find out whether this is right")
        self.check_button.on_click(lambda _: self._check())
        return self.check_button

    def _kept(self) -> list[str]:
        """Return the kept answer, if the question still has all of it."""
        kept = self.entry.get(self.key)
        usable = isinstance(kept, list) and all(one in self.choices for one in kept)
        return list(kept) if usable and kept else []

    def _feedback(self) -> tuple[list[str], bool | None]:
        return self._judge() if self._kept() == self.answer != [] else ([], None)

    @abstractmethod
    def _take(self, answer: list[str]) -> None:
        """Put an answer into the widgets."""

    @abstractmethod
    def _judge(self) -> tuple[list[str], bool]:
        """Return what to say of the answer, and whether it is right."""

    def _check(self) -> None:
        lines, right = self._judge()
        if self.answer:
            self.entry.setdefault("first", self.answer)
            self.entry["attempts"] = self.entry.get("attempts", 0) + 1
            self.entry["right"] = right or self.entry.get("right") is True
            self.entry[self.key] = self.answer
            lines += self._keep()
        self._say(lines, right)

    def choose(self, *answers: str | int) -> None:
        """Answer without widgets: with texts, or their numbers."""
        self._take([pick(self.name, self.choices, answer) for answer in answers])
        self._check()
        views.display(panel(*self._judge()))


class Quiz(_Checked):
    """A question with one right answer (radio buttons), or several (checkboxes)."""

    kind, key = "quizzes", "answer"

    def _make_inputs(self) -> list[Any]:
        import ipywidgets

        self._right = {option.text for option in self.options if option.right}
        if not self._right:
            raise QuestionError(f"The quiz {self.name!r} has no right answer.")
        self._one, kept = len(self._right) == 1, self._kept()
        self.marks = "()" if self._one else "[]"
        look = {"indent": False, "layout": views.AUTO}
        self.inputs = (
            [_radio(self.choices, *kept[:1])]
            if self._one
            else [
                ipywidgets.Checkbox(text in kept, description=plain(text), **look)
                for text in self.choices
            ]
        )
        for each in self.inputs:  # what was said is about the answer before
            each.observe(lambda _: self._say([]), "value")
        return [*self.inputs, self._check_button()]

    @property
    def answer(self) -> list[str]:
        """What is chosen now."""
        if self._one:
            return [text for text in self.choices if text == self.inputs[0].value]
        boxes = zip(self.choices, self.inputs, strict=True)
        return [text for text, box in boxes if box.value]

    def _take(self, answer: list[str]) -> None:
        if self._one and len(answer) != 1:
            raise QuestionError(f"{self.name!r} has one right answer: choose one.")
        for text, box in zip(self.choices, self.inputs, strict=not self._one):
            box.value = answer[0] if self._one else text in answer

    def _judge(self) -> tuple[list[str], bool]:
        right = set(self.answer) == self._right
        lines = ["✓ That is right." if right else "✗ Not yet."]
        for one in self.options:
            if one.text in self.answer:
                word = "" if right else "Right: " if one.right else "Wrong: "
                lines.append(f'{word}"{one.text}". {one.why}')
        missing = len(self._right - set(self.answer))
        if not self.answer:
            lines = ["Choose an answer, then press Check."]
        elif missing and not self._one:
            lines.append(f"Right answers still missing: {missing}.")
        return lines, right


class Ordering(_Checked):
    """Shuffled lines, some of which may not belong: choose one, then move it."""

    kind, key, marks = "orderings", "order", ""

    def _make_inputs(self) -> list[Any]:
        import ipywidgets

        self._right = list(self.texts["lines"])
        self._extra = {one["text"]: one["why"] for one in self.texts.get("extra", ())}
        self.choices = _shuffled(self.name, [*self._right, *self._extra])
        self.lines = _radio([])
        self.lines.add_class("labkit-lines")
        steps = {"Up": -1, "Down": 1} | ({"Leave out": 99} if self._extra else {})
        self.buttons = {name: button(name, "The chosen line") for name in steps}
        for name, step in steps.items():
            self.buttons[name].on_click(lambda _, step=step: self._move(step))
        start = "<p>Choose a line, then move it.</p>"
        self._moved = ipywidgets.HTML(start, layout=views.AUTO)  # read out, not kept
        self._take(self._kept() or self.choices)
        row = [*self.buttons.values(), self._check_button()]
        return [self.lines, views.rows(*row), self._moved]

    @property
    def answer(self) -> list[str]:
        """The lines in their present order, without those left out."""
        return self._rows[: self._rows.index(_CUT)]

    def order(self, lines: Sequence[str | int]) -> None:
        """Do as `choose`, with the lines in a list."""
        self.choose(*lines)

    def _take(self, answer: list[str]) -> None:
        if len(set(answer)) < len(answer) or not answer:
            raise QuestionError("An order has at least one line, and no line twice.")
        left = [line for line in self.choices if line not in answer]
        self._rows = [*answer, _CUT, *left]
        self._draw(None)

    def _draw(self, chosen: str | None) -> None:
        numbered = [f"{n}. {line}" for n, line in enumerate(self.answer, 1)]
        left = self._rows[len(numbered) :]
        rows = zip([*numbered, *left], self._rows, strict=True)
        with self.lines.hold_sync():
            self.lines.options = list(rows)[: None if self._extra or left[1:] else -1]
            self.lines.value = chosen

    def _move(self, step: int) -> None:
        line, said = self.lines.value, "Choose a line first."
        if line not in (None, _CUT):
            place = self._rows.index(line)
            self._rows.insert(max(place + step, 0), self._rows.pop(place))
            self._draw(line)
            used = self.answer
            where = f"number {used.index(line) + 1}" if line in used else "left out"
            said = f"`{line.strip()}` is {where}."
        self._moved.value = f'<p role="status">{rich(said)}</p>'

    def _judge(self) -> tuple[list[str], bool]:
        if self.answer == self._right:
            return [
                "✓ That is the order.",
                *filter(None, [self.texts.get("why")]),
            ], True
        used = [line for line in self.answer if line in self._right]
        fits = [line for line in self._right if line in used]
        extra = [line for line in self._extra if line in self.answer]
        lines = [
            f"`{one.strip()}` does not belong. {self._extra[one]}" for one in extra
        ]
        if missing := len(self._right) - len(used):
            lines.append(f"Lines that belong and are left out: {missing}.")
        if used != fits:
            good = next(n for n, line in enumerate(used) if line != fits[n])
            early = f"`{used[good].strip()}` comes too early."
            before = f"The first {good} are in order; then {early}"
            lines.append(before if good > 1 else early)
        return ["✗ Not yet.", *lines], False


def _radio(texts: Sequence[str], chosen: str | None = None) -> Any:
    import ipywidgets

    options = [(plain(text), text) for text in texts]
    return ipywidgets.RadioButtons(options=options, value=chosen, layout=views.AUTO)


def _shuffled(name: str, lines: list[str]) -> list[str]:
    """Return lines in an order that depends on the name alone, and is another."""

    def place(line: str) -> bytes:
        return hashlib.sha256(f"{name}\0{line}".encode()).digest()

    found = sorted(lines, key=place)
    return found if found != lines else [*found[1:], found[0]]


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _number(text: str) -> float:
    """Read a number as people write it: 1200, 1,200, 1 200, 0.5 or 1e6."""
    digits = re.sub(r"(?<=\d)[ ,_](?=\d{3}(\D|$))", "", text.strip()).lower()
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?", digits):
        return float(digits)
    raise QuestionError(f"{text!r} is not a number: write it like 1200, 0.5 or 1e6.")


def _distance(guess: float, outcome: float) -> str:
    if guess == outcome:
        return "you predicted exactly that"
    if guess * outcome <= 0:
        return f"you were {abs(guess - outcome):,.3g} off"
    way = "high" if abs(guess) > abs(outcome) else "low"
    factor = max(guess / outcome, outcome / guess)
    return f"your prediction was too {way} by a factor of {factor:,.3g}"


def predict(
    name: str, question: str = "", options: Mapping[str, str] | None = None, **more: Any
) -> Prediction:
    """Ask what a learner expects of a run; a later cell calls ``compare(outcome)``.

    Parameters
    ----------
    name : str
        The question's id, such as ``"04-guess-consumer"``. Its texts are in
        ``questions/04.toml`` beside the notebook, else in the installed course.
    question, options, **more
        The texts themselves, as version 0.1 took them.

    Raises
    ------
    QuestionError
        There is no such question.
    """
    return _ask(Prediction, name, question, options=options, **more)


def quiz(
    name: str,
    question: str = "",
    options: Mapping[str, str] | None = None,
    right: str | Collection[str] = (),
) -> Quiz:
    """Ask a question with one right answer or several; see :func:`predict`."""
    return _ask(Quiz, name, question, options=options, right=right)


def arrange(
    name: str,
    question: str = "",
    lines: Sequence[str] = (),
    distractors: Mapping[str, str] | None = None,
    because: str = "",
) -> Ordering:
    """Ask for lines in their right order; see :func:`predict`."""
    more: dict[str, Any] = {"lines": lines, "extra": distractors, "because": because}
    return _ask(Ordering, name, question, **more)


_Asked = TypeVar("_Asked", bound=Question)


def _ask(kind: type[_Asked], name: str, question: str, **texts: Any) -> _Asked:
    if question:  # as version 0.1 wrote it, in the cell
        right = texts.pop("right", ())
        rights = [right] if isinstance(right, str) else right
        for key in ("options", "extra"):
            pairs = (texts.get(key) or {}).items()
            texts[key] = [{"text": text, "why": why} for text, why in pairs]
        for option in texts["options"]:
            option["right"] = option["text"] in rights
        texts |= {"question": question, "why": texts.pop("because", "")}
    asked = kind(name, texts if question else find(name))
    asked.show()
    return asked
