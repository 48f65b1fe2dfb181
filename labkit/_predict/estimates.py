"""A prediction that is a number, and how far off it was."""

import math
import re
from typing import Any

from labkit._predict.guesses import Prediction
from labkit._predict.prompts import show
from labkit.errors import QuestionError

__all__ = ["NumberPrediction"]


class NumberPrediction(Prediction):
    """A prediction that is a number.

    Attributes
    ----------
    unit : str
    entry_field : ipywidgets.Text
        It takes numbers such as 1200, 1,200, 0.5 or 1e6.
    """

    def __init__(
        self, name: str, question: str, unit: str, within: float, because: str
    ) -> None:
        if not _is_number(within) or within < 1:
            raise QuestionError(
                f"within={within!r} of {name!r} is a factor, such as 2: 1 or more."
            )
        super().__init__(name, question)
        self.unit, self.within, self._because = unit, within, because
        for key in ("guess", "first"):
            if not _is_number(self.entry.get(key)):
                self.entry.pop(key, None)
        self._make_field()
        if self.guess is not None:
            self._say(self._receipt())

    def _make_field(self) -> None:
        import ipywidgets

        self.entry_field = ipywidgets.Text(
            value="" if self.guess is None else f"{self.guess:,.12g}",
            placeholder="a number, then Enter",
            description=f"Your prediction ({self.unit}):"
            if self.unit
            else "Prediction:",
            continuous_update=False,
            style={"description_width": "initial"},
            # Less the margins; where the page is narrow the field goes below its name.
            layout={"width": "calc(min(100%, 28em) - 4px)", "flex_flow": "row wrap"},
        )
        self._make_box(self.entry_field)
        self.entry_field.observe(lambda change: self._typed(change["new"]), "value")

    def _typed(self, text: str) -> None:
        if not text.strip():
            return
        try:
            self._predict(_number(text))
        except QuestionError as error:
            self._say([str(error)], right=False)

    def choose(self, number: float) -> None:
        """Predict a number, as the field does.

        Raises
        ------
        QuestionError
            It is no number.
        """
        if not _is_number(number):
            raise QuestionError(f"A prediction here is a number, not {number!r}.")
        self.entry_field.value = f"{number:,.12g}"
        show(self._receipt())

    def compare(self, outcome: float) -> None:
        """Show what was predicted, what was measured, and how far off it was.

        Parameters
        ----------
        outcome : float
            What the run has measured, in the unit of the question.

        Raises
        ------
        QuestionError
            It is no number.
        """
        if not _is_number(outcome):
            raise QuestionError(
                f"{self.name!r} is compared with a number, not {outcome!r}."
            )
        self._compare(outcome)

    def _shown(self, value: Any) -> str:
        return f"{_rounded(value)} {self.unit}".strip()

    def _agrees(self, guess: Any, outcome: Any) -> bool:
        if guess * outcome > 0:
            return bool(1 / self.within <= guess / outcome <= self.within)
        return bool(guess == outcome)

    def _verdict(self, right: bool | None, outcome: Any) -> list[str]:
        happened = f"Measured: {self._shown(outcome)}."
        why = [self._because] if self._because else []
        if right is None:
            return [happened, *why]
        sign = "✓ Near enough" if right else "✗ Far off"
        off = _distance(self.first, outcome)
        guessed = f"You predicted {self._shown(self.first)}."
        return [f"{sign}: {off}.", guessed, happened, *why]

    def _twin(self) -> list[str]:
        return [f"  ({self.unit or 'a number'})", self._present()]


def _is_number(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]


def _number(text: str) -> float:
    """Read a number as people write it."""
    squeezed = re.sub(r"(?<=\d)[ _](?=\d)", "", text.strip())
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", squeezed):
        squeezed = squeezed.replace(",", "")
    try:
        number = float(squeezed)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    raise QuestionError(f"{text!r} is no number: write it like 1200, 0.5 or 1e6.")


def _rounded(value: float) -> str:
    """Return a number in three significant digits, whole ones as they are."""
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):,.12g}"


def _distance(guess: float, outcome: float) -> str:
    """Say in words how far a prediction was from what happened."""
    if guess == outcome:
        return "you predicted exactly that"
    if guess * outcome <= 0:
        return f"you were {_rounded(abs(guess - outcome))} off"
    factor = max(guess / outcome, outcome / guess)
    way = "high" if abs(guess) > abs(outcome) else "low"
    return f"your prediction was too {way} by a factor of {factor:,.3g}"
