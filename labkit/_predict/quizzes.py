"""A quiz: one question, its answers, and what to say of each."""

from collections.abc import Collection, Mapping

from labkit._dashboards.views import button
from labkit._predict.options import checkboxes, checked, lines_of, pick, radio
from labkit._predict.prompts import Prompt, listed, show
from labkit.errors import QuestionError

__all__ = ["Quiz", "quiz"]


class Quiz(Prompt):
    """A question with one right answer, or several. Made by :func:`quiz`.

    Attributes
    ----------
    options : dict of str to str
        The answers, and what to say of each.
    radio : ipywidgets.RadioButtons or None
        Where one answer is right.
    boxes : dict of str to ipywidgets.Checkbox
        Where several are.
    check_button : ipywidgets.Button
    """

    kind = "quizzes"

    def __init__(
        self,
        name: str,
        question: str,
        options: Mapping[str, str],
        right: str | Collection[str],
    ) -> None:
        self.options = checked(name, options)
        self._several = not isinstance(right, str)
        wanted = [right] if isinstance(right, str) else list(right)
        self._right = _right_ones(name, self.options, wanted)
        super().__init__(name, question)
        answer = self._kept("answer", self.options)
        self.radio = None if self._several else radio(self.options, answer[:1])
        self.boxes = checkboxes(self.options, answer) if self._several else {}
        self.check_button = button("Check", "Say whether this is the answer")
        self.check_button.on_click(lambda _: self._check())
        choices = [self.radio] if self.radio else list(self.boxes.values())
        self._make_box(*choices)
        self.box.children = (
            *self.box.children[:-1],
            self.check_button,
            self.box.children[-1],
        )
        if answer:
            self._say(self._feedback(answer), self._is_right(answer))
        for choice in choices:
            choice.observe(self._unsay, "value")

    def choose(self, *options: str | int) -> None:
        """Answer, as the widgets and their button do.

        Parameters
        ----------
        *options : str or int
            The answer, or answers, or their numbers.

        Raises
        ------
        QuestionError
            There is no such answer, one is chosen twice, or several where one is
            right.
        """
        chosen = [pick(self.name, self.options, option) for option in options]
        if len(set(chosen)) < len(chosen):
            raise QuestionError(f"{listed(chosen)}: an answer is chosen once.")
        if self.radio is not None and len(chosen) != 1:
            raise QuestionError(
                f"{self.name!r} has one right answer: choose one, not {len(chosen)}."
            )
        if self.radio is not None:
            self.radio.value = chosen[0]
        for text, box in self.boxes.items():
            box.value = text in chosen
        self._check()
        show(self._feedback(chosen), self._is_right(chosen))

    def _chosen(self) -> list[str]:
        if self.radio is not None:
            return [] if self.radio.value is None else [self.radio.value]
        return [text for text, box in self.boxes.items() if box.value]

    def _unsay(self, _: object) -> None:
        """Take back what was said: it is of the answer before."""
        self.said.value = ""

    def _check(self) -> None:
        chosen = self._chosen()
        if not chosen:
            self._say(["Choose an answer, then press Check."])
            return
        right = self._is_right(chosen)
        trouble = self._keep_attempt("answer", chosen, right)
        self._say(self._feedback(chosen) + [trouble] * bool(trouble), right)

    def _is_right(self, chosen: list[str]) -> bool:
        return set(chosen) == self._right

    def _feedback(self, chosen: list[str]) -> list[str]:
        """Return whether it is right, and what there is to say of what was chosen."""
        if self._is_right(chosen):
            lines = ["✓ That is right."]
            others = [text for text in self.options if text not in chosen]
        else:
            lines, others = ["✗ Not yet."], []
        for text in [*chosen, *others]:
            word = "Right" if text in self._right else "Wrong"
            lines.append(f'{word}: "{text}". {self.options[text]}')
        missing = len(self._right - set(chosen))
        if self._several and missing:
            lines.append(
                f"Right answers still missing: {missing} of {len(self._right)}."
            )
        return lines

    def _twin(self) -> list[str]:
        lines = lines_of(self.options, self._chosen(), "[]" if self._several else "()")
        answer = self._kept("answer", self.options)
        if not answer:
            how = "all that are right" if self._several else "one"
            return [*lines, f'Not answered yet: choose {how}, or type .choose("...").']
        return [*lines, *self._feedback(answer)]


def _right_ones(
    name: str, options: Mapping[str, str], wanted: Collection[str]
) -> set[str]:
    if not wanted:
        raise QuestionError(f"{name!r} has no right answer: right= names one or more.")
    for answer in wanted:
        if answer not in options:
            raise QuestionError(
                f"The right answer {answer!r} is no option of {name!r}: these are "
                f"{listed(options)}."
            )
    return set(wanted)


def quiz(
    name: str,
    question: str,
    options: Mapping[str, str],
    right: str | Collection[str],
) -> Quiz:
    """Ask a question with given answers: the last line of a cell.

    Parameters
    ----------
    name : str
        An id, one for each question of the course, such as ``"04-quiz-join"``.
    question : str
        What is asked; in it and in the other texts, backticks mark code.
    options : mapping of str to str
        The answers, each with what to say of it when it was chosen.
    right : str, or a collection of str
        The right answer: radio buttons. Or all right answers: checkboxes.

    Returns
    -------
    Quiz
        With the method ``choose()``, for who has no widgets.

    Raises
    ------
    QuestionError
        A right answer is no option, there are fewer than two options, one is not
        explained, or the id belongs to another question of this notebook.
    """
    return Quiz(name, question, options, right)
