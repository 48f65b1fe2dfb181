"""Questions in a lesson: predict before a run, a quiz, lines to put in order.

Each shows itself when it is made. An answer is kept at once: in the logbook, and in
the notebook as words that stay true when its kernel has gone.

The texts are in ``notebooks/questions/NN.toml``, one table for each question. An option
of a prediction has ``when``: the measured value that makes it true, or a range. Without
options a number is asked for (``unit``, ``within`` a factor, ``why``). A right answer of
a quiz has ``right = true``. For lines to arrange there are ``lines`` in their order,
``why``, and perhaps ``extra``, a list of lines with a why::

    [04-guess-timeout]
    question = "How many of the ten orders does it `pack`?"
    options = [ { text = "none", when = 0, why = "It mistook a late start for the end." },
                { text = "some", when = { at_least = 1, below = 10 }, why = "..." } ]
"""

import html
import math
import re
import tomllib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets

from labkit.errors import QuestionError
from labkit.logbook import Logbook
from labkit.setup import course
from labkit.widgets import views
from labkit.widgets.views import button, panel, plain, rich


class Question(views.Shown, ABC):
    """A question with an id; what was said of its answer is in ``said``.

    Parameters
    ----------
    name : str
        Its id, such as ``"04-guess-consumer"``. Its texts are in ``questions/04.toml``
        beside the notebook, else in the installed course.
    *old, **_
        The question and its options, as cells had them up to version 0.1: they count
        where the file has none.
    """

    kind: ClassVar[str]  # where the logbook keeps the answers

    def __init__(self, name: str, *old: Any, **_: Any) -> None:
        self.name, self.texts, self.said = name, _texts(name, old), ""
        self.options = {one["text"]: one for one in self.texts.get("options", ())}
        self.choices = list(self.options)
        self._logbook = Logbook()
        self.entry = dict(self._logbook.notes(self.kind).get(name, {}))
        head = f"<p><strong>{rich(self.texts['question'])}</strong></p>"
        asked = ipywidgets.HTML(head, layout=views.AUTO)
        super().__init__(f"question {name}", asked, *self._make_inputs())
        self.box.add_class("labkit-ask")
        self._receipt = None
        if views.notebook_kernel():
            views.display(self._repr_mimebundle_())
            self._receipt = views.display(panel([]), display_id=True)
        self._say(*self._feedback())

    @abstractmethod
    def _make_inputs(self) -> list[Any]:
        """Return the widgets that answer, with the kept answer in them."""

    @abstractmethod
    def _feedback(self) -> tuple[list[str], bool | None]:
        """Return what there is to say of the answer, if any, and whether it is right."""

    def _say(self, lines: Sequence[str], right: bool | None = None) -> None:
        """Show what became of the answer, below the question."""
        self.said = "\n".join(map(plain, lines))
        if self._receipt is not None:
            self._receipt.update(panel(lines, right), raw=True)

    def _keep(self) -> list[str]:
        """Write the answer down; return what went wrong."""
        self._logbook.note(self.kind, self.name, self.entry)
        return [self._logbook.trouble] if self._logbook.trouble else []

    def __repr__(self) -> str:
        choices = [f"  {n}. {text}" for n, text in enumerate(self.choices, 1)]
        return "\n".join(map(plain, [self.texts["question"], *choices]))

    def _ipython_display_(self) -> None:
        if not views.notebook_kernel():  # else it has shown itself
            print(self)


class Prediction(Question):
    """Ask what a learner expects of a run, an option or a number.

    A later cell ends it with ``compare(outcome)``. See :class:`Question`.
    """

    kind = "predictions"

    def _make_inputs(self) -> list[Any]:
        kept = self.entry.get("first", self.entry.get("guess"))
        known = kept in self.choices if self.options else isinstance(kept, int | float)
        self.guess: Any = kept if known else None
        if self.options:
            self.input = _radio(self.choices, self.guess)
        else:
            self.input = ipywidgets.Text(
                value="" if self.guess is None else f"{self.guess:,.12g}",
                placeholder="a number, then Enter",
                description=f"Your prediction ({self.texts.get('unit') or 'number'}):",
                continuous_update=False,
                **views.WIDE,
            )
        self.input.disabled = self.guess is not None and "right" in self.entry
        self.input.observe(lambda change: self._entered(change["new"]), "value")
        return [self.input]

    def _entered(self, value: str | None) -> None:
        if not value:
            return
        try:
            number = re.sub(r"(?<=\d)[ ,](?=\d{3}\b)", "", value)  # 1,200 or 1 200
            self.guess = value if self.options else float(number)
        except ValueError:
            no = f"{value!r} is not a number: write it like 1200, 0.5 or 1e6."
            self._say([no], right=False)
            return
        self.entry = {"guess": self.guess}
        self._say([*self._feedback()[0], *self._keep()])

    def _feedback(self) -> tuple[list[str], bool | None]:
        made = f"You predicted {self._shown(self.guess)}."
        return [] if self.guess is None else [made], None

    def compare(self, outcome: Any) -> None:
        """Show what was predicted, what happened, and why.

        `outcome` is what was measured: the number asked for, or a value that the
        question's file gives to one of its options.
        """
        happened, why = outcome, self.texts.get("why", "")
        for text, option in self.options.items():
            if _fits(option, outcome):
                happened, why = text, option["why"]
        fact = "What happened" if self.options else "Measured"
        lines, right = [f"{fact}: {self._shown(happened)}.", why], None
        self.input.disabled = True  # until the cell that asks is run again
        if self.guess is not None:
            right, verdict = self._verdict(happened)
            self.entry.setdefault("right", right)
            lines = [*verdict, " ".join(lines), *self._keep()]
        views.display(panel([line for line in lines if line], right))

    def _verdict(self, happened: Any) -> tuple[bool, list[str]]:
        """Return whether the prediction was right, and what to say of it."""
        made = f"You predicted {self._shown(self.guess)}."
        if self.options:
            if self.guess == happened:
                return True, ["✓ As you predicted."]
            why = self.options[self.guess]["why"]
            return False, ["✗ Not what you predicted.", f"{made} {why}"]
        low, high = sorted((self.guess, happened))
        factor = 1.0 if low == high else high / low if low > 0 else math.inf
        right = factor <= self.texts.get("within", 2.0)
        head = "✓ Close enough" if right else "✗ Far off"
        way = "high" if self.guess > happened else "low"
        off = f": your prediction was too {way} by a factor of {factor:,.3g}"
        return right, [head + (off if 1 < factor < math.inf else "") + ".", made]

    def _shown(self, value: Any) -> str:
        if self.options or not isinstance(value, int | float):
            return f'"{value}"'
        text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        return f"{text} {self.texts.get('unit', '')}".strip()


class Quiz(Question):
    """Ask a question with one right answer or several; see :class:`Question`."""

    kind, key, first = "quizzes", "answer", "Choose an answer"

    def _make_inputs(self) -> list[Any]:
        self._right = [text for text, one in self.options.items() if one.get("right")]
        self._one, kept = len(self._right) == 1, self._kept()
        look = {"indent": False, "layout": views.AUTO}
        self.inputs = [_radio(self.choices, *kept[:1])] if self._one else []
        for text in () if self._one else self.choices:
            box = ipywidgets.Checkbox(text in kept, description=plain(text), **look)
            self.inputs.append(box)
        return self._checked(*self.inputs)

    @property
    def answer(self) -> list[str]:
        """What is chosen now."""
        if self._one:
            return [text for text in self.choices if text == self.inputs[0].value]
        boxes = zip(self.choices, self.inputs, strict=True)
        return [text for text, box in boxes if box.value]

    def _feedback(self) -> tuple[list[str], bool | None]:
        if not self.answer:
            return [], None
        right, missing = self.answer == self._right, {*self._right} - {*self.answer}
        lines = ["✓ That is right." if right else "✗ Not yet."]
        for text in self.answer:
            word = "" if right else "Right: " if text in self._right else "Wrong: "
            lines.append(f'{word}"{text}". {self.options[text]["why"]}')
        if missing and not self._one:
            lines.append(f"Right answers still missing: {len(missing)}.")
        return lines, right

    def _checked(self, *inputs: Any) -> list[Any]:
        """Return the widgets that answer, and a button that checks the answer."""
        for each in inputs:  # what was said is about the answer before
            each.observe(lambda _: self._say([]), "value")
        self.check_button = button("Check", "Find out whether this is right")
        self.check_button.on_click(lambda _: self._check())
        return [*inputs, self.check_button]

    def _kept(self) -> list[str]:
        """Return the kept answer, if the question still has all of it."""
        kept: Any = self.entry.get(self.key)
        usable = isinstance(kept, list) and all(one in self.choices for one in kept)
        return kept if usable else []

    def _check(self) -> None:
        lines, right = self._feedback()
        if not lines:
            self._say([f"{self.first}, then press Check."], right=False)
            return
        ever_right = right or self.entry.get("right") is True
        self.entry = {self.key: self.answer, "right": ever_right}
        self._say([*lines, *self._keep()], right)


class Ordering(Quiz):
    """Ask for the order of shuffled lines, of which some may not belong.

    See :class:`Question`.
    """

    kind, key, first = "orderings", "order", "Type the numbers of the lines"

    def _make_inputs(self) -> list[Any]:
        self._right = list(self.texts["lines"])
        self._extra = {one["text"]: one["why"] for one in self.texts.get("extra", ())}
        self.choices = _shuffled(self.name, [*self._right, *self._extra])
        shown = [f"{n}  {html.escape(one)}" for n, one in enumerate(self.choices, 1)]
        self.input = ipywidgets.Text(
            value=" ".join(str(self.choices.index(one) + 1) for one in self._kept()),
            placeholder="such as 3 1 2",
            description="The numbers of the lines, in their order:",
            **views.WIDE,
        )
        text = "\n".join(["<pre>", *shown, "</pre>"])
        lines = ipywidgets.HTML(text, layout=views.AUTO)
        lines.add_class("labkit-lines")
        return self._checked(lines, self.input)

    @property
    def answer(self) -> list[str]:
        """The lines in the order that was typed, without those left out."""
        lines = dict(enumerate(self.choices, 1))
        numbers = dict.fromkeys(map(int, re.findall(r"\d+", self.input.value)))
        return [lines[n] for n in numbers if n in lines]

    def _feedback(self) -> tuple[list[str], bool | None]:
        if not self.answer:
            return [], None
        if self.answer == self._right:
            why = [self.texts["why"]] if "why" in self.texts else []
            return ["✓ That is the order.", *why], True
        used = [line for line in self.answer if line in self._right]
        in_order = [line for line in self._right if line in used]
        extra = [line for line in self._extra if line in self.answer]
        lines = [f"`{it.strip()}` does not belong. {self._extra[it]}" for it in extra]
        if missing := len(self._right) - len(used):
            lines.append(f"Lines that belong and are left out: {missing}.")
        early = [one for one, due in zip(used, in_order, strict=True) if one != due]
        if early:
            lines.append(f"`{early[0].strip()}` comes too early.")
        return ["✗ Not yet.", *lines], False


def _radio(texts: Sequence[str], chosen: str | None = None) -> Any:
    options = [(plain(text), text) for text in texts]
    return ipywidgets.RadioButtons(options=options, value=chosen, layout=views.AUTO)


def _shuffled(name: str, lines: list[str]) -> list[str]:
    """Return lines in an order that depends on the name alone, and is another."""
    found = sorted(lines, key=lambda line: zlib.crc32(f"{name}{line}".encode()))
    return found if found != lines else [*found[1:], found[0]]


predict, quiz, arrange = Prediction, Quiz, Ordering


def _fits(option: dict[str, Any], outcome: Any) -> bool:
    """Tell whether a measured value makes an option true."""
    when = option.get("when", option["text"])
    outcome = list(outcome) if isinstance(outcome, tuple) else outcome
    if isinstance(when, dict):
        low, high = when.get("at_least", -math.inf), when.get("below", math.inf)
        return isinstance(outcome, int | float) and low <= outcome < high
    return outcome in (when, option["text"])


def _texts(name: str, old: Sequence[Any]) -> dict[str, Any]:
    """Return the texts of a question: of the file, else as a cell had them."""
    file = f"{name.partition('-')[0]}.toml"
    known = f"there is no {file}"
    for folder in (Path.cwd(), *Path.cwd().parents, course() / "notebooks"):
        path = folder / "questions" / file
        if path.is_file():
            try:
                data = tomllib.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise QuestionError(f"{path} is not TOML: {error}.") from error
            if name in data:
                return dict(data[name])
            known = f"{file} has {', '.join(data)}"
    if old:
        lines = old[1] if old[1:] else {}
        whys = lines if isinstance(lines, dict) else {}
        options = [{"text": text, "why": why} for text, why in whys.items()]
        return {"question": old[0], "options": options, "lines": list(lines)}
    raise QuestionError(f"There is no question {name!r}: {known}.")
