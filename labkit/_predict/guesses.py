"""A prediction: made before the run, compared after it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from labkit._predict.options import checked, lines_of, pick, radio
from labkit._predict.prompts import Prompt, show
from labkit.errors import QuestionError

__all__ = ["ChoicePrediction", "Prediction"]

_NONE_MADE = (
    "You had made no prediction. That costs nothing, but what one predicted stays "
    "longer in mind, above all when it was wrong."
)


class Prediction(Prompt):
    """What a learner expects of a run. Made by :func:`labkit.predict`.

    Attributes
    ----------
    guess : str, float or None
        The latest prediction.
    first : str, float or None
        The one that counts: the last that was made before the first comparison.
    """

    kind = "predictions"

    @property
    def guess(self) -> Any:
        """The latest prediction, None as long as there is none."""
        return self.entry.get("guess")

    @property
    def first(self) -> Any:
        """The prediction that counts: it was there before the first comparison."""
        return self.entry.get("first")

    def _predict(self, guess: object) -> None:
        """Keep a prediction; say so."""
        self.entry["guess"] = guess
        if not self.entry.get("compared"):
            self.entry["first"] = guess
        trouble = self._keep()
        self._say(self._receipt() + [trouble] * bool(trouble))

    def _receipt(self) -> list[str]:
        kept = f"You predict {self._shown(self.guess)}."
        if not self.entry.get("compared"):
            return [kept, "It is written down. You can change it until you compare."]
        if self.first is None:
            return [kept, "It does not count: what happens has been shown by now."]
        counts = f"What counts is your first prediction: {self._shown(self.first)}."
        return [kept, counts]

    def _compare(self, outcome: object) -> None:
        """Keep what happened; show it beside the prediction."""
        right = None if self.first is None else self._agrees(self.first, outcome)
        if not self.entry.get("compared") and right is not None:
            self.entry["right"] = right
        self.entry |= {"compared": True, "outcome": outcome}
        # Whoever runs all cells first, to see them, may still predict another day.
        trouble = self._keep() if self.guess is not None else ""
        lines = [*self._verdict(right, outcome), *self._aside()]
        show(lines + [trouble] * bool(trouble), right)

    def _aside(self) -> list[str]:
        if self.guess is None:
            return [_NONE_MADE]
        if self.guess == self.first:
            return []
        return [f"Predicted after the first comparison: {self._shown(self.guess)}."]

    @abstractmethod
    def _shown(self, value: Any) -> str:
        """Return a prediction or an outcome as it stands in a sentence."""

    @abstractmethod
    def _agrees(self, guess: Any, outcome: Any) -> bool:
        """Tell whether a prediction was right."""

    @abstractmethod
    def _verdict(self, right: bool | None, outcome: Any) -> list[str]:
        """Return what happened, and how that compares."""

    def _present(self) -> str:
        if self.guess is None:
            return 'No prediction yet: choose above, or type .choose("...").'
        return " ".join(self._receipt())


class ChoicePrediction(Prediction):
    """A prediction that is one of several options.

    Attributes
    ----------
    options : dict of str to str
        What may happen, and what to say of it.
    radio : ipywidgets.RadioButtons
    """

    def __init__(self, name: str, question: str, options: Mapping[str, str]) -> None:
        self.options = checked(name, options)
        super().__init__(name, question)
        for key in ("guess", "first"):
            if self.entry.get(key) not in list(self.options):
                self.entry.pop(key, None)  # of a version that asked otherwise
        self.radio = radio(self.options, [self.guess] if self.guess else [])
        self._make_box(self.radio)
        if self.guess is not None:
            self._say(self._receipt())
        self.radio.observe(lambda change: self._predict(change["new"]), "value")

    def choose(self, option: str | int) -> None:
        """Predict, as the radio buttons do.

        Parameters
        ----------
        option : str or int
            One of the options, or its number.

        Raises
        ------
        QuestionError
            There is no such option.
        """
        self.radio.value = pick(self.name, self.options, option)
        show(self._receipt())

    def compare(self, outcome: str) -> None:
        """Show what was predicted, what happened, and why.

        Parameters
        ----------
        outcome : str
            The option that the run has shown to be true.

        Raises
        ------
        QuestionError
            It is no option.
        """
        if not isinstance(outcome, str):  # a number would be taken for an option's
            raise QuestionError(
                f"{self.name!r} is compared with one of its options, not {outcome!r}."
            )
        self._compare(pick(self.name, self.options, outcome))

    def _shown(self, value: Any) -> str:
        return f'"{value}"'

    def _agrees(self, guess: Any, outcome: Any) -> bool:
        return bool(guess == outcome)

    def _verdict(self, right: bool | None, outcome: Any) -> list[str]:
        happened = f"What happened: {self._shown(outcome)}."
        why = self.options[outcome]
        if right is None:
            return [happened, why]
        if right:
            return [f"✓ As you predicted: {self._shown(outcome)}.", why]
        guessed = f"You predicted {self._shown(self.first)}. {self.options[self.first]}"
        return ["✗ Not as you predicted.", guessed, f"{happened} {why}"]

    def _twin(self) -> list[str]:
        chosen = [] if self.guess is None else [self.guess]
        return [*lines_of(self.options, chosen, "()"), self._present()]
