"""Questions in a lesson: predict before a run, a quiz, lines to put in order.

All work by mouse and by keyboard where there is a front end, and as text elsewhere.
What a learner answers is kept in the progress file.
"""

import sys
import types
from collections.abc import Mapping
from typing import overload

from labkit._predict.estimates import NumberPrediction
from labkit._predict.guesses import ChoicePrediction
from labkit._predict.orderings import Ordering, arrange
from labkit._predict.quizzes import Quiz, quiz
from labkit.errors import QuestionError

__all__ = [
    "ChoicePrediction",
    "NumberPrediction",
    "Ordering",
    "Quiz",
    "arrange",
    "predict",
    "quiz",
]


@overload
def predict(
    name: str, question: str, options: Mapping[str, str]
) -> ChoicePrediction: ...


@overload
def predict(
    name: str,
    question: str,
    *,
    unit: str = ...,
    within: float = ...,
    because: str = ...,
) -> NumberPrediction: ...


def predict(
    name: str,
    question: str,
    options: Mapping[str, str] | None = None,
    *,
    unit: str = "",
    within: float = 2.0,
    because: str = "",
) -> ChoicePrediction | NumberPrediction:
    """Ask what a learner expects of a run: the last line of a cell before the run.

    A later cell calls ``compare(outcome)``, with what really happened.

    Parameters
    ----------
    name : str
        An id, one for each question of the course, such as ``"04-predict-producer"``.
    question : str
        What is asked; in it and in the other texts, backticks mark code.
    options : mapping of str to str, optional
        What may happen, each with the explanation to give when it was predicted, or
        when it happened. Without options a number is asked for.
    unit : str, optional
        Of the number, such as ``"calls/s"``.
    within : float, default 2.0
        A number that is off by at most this factor is near enough.
    because : str, optional
        Why the number is what it is, to say when it is compared.

    Returns
    -------
    ChoicePrediction or NumberPrediction
        With the methods ``choose()``, for who has no widgets, and ``compare()``.

    Raises
    ------
    QuestionError
        There are fewer than two options, one is not explained, or the id belongs to
        another question of this notebook.

    Notes
    -----
    A prediction is kept as soon as it is made, also over a restart of the kernel. The
    one that counts is the last one before the first comparison.

    Examples
    --------
    >>> guess = predict(
    ...     "00-example", "What is `2 + 2`?", {"4": "It is.", "22": "Not of texts."}
    ... )
    >>> guess
    What is 2 + 2?
      ( ) 1. 4
      ( ) 2. 22
    No prediction yet: choose above, or type .choose("...").
    """
    if options is None:
        return NumberPrediction(name, question, unit, within, because)
    if unit or because:
        raise QuestionError(
            f"{name!r} has options: unit= and because= go with a number, which has "
            "none."
        )
    return ChoicePrediction(name, question, options)


class _Module(types.ModuleType):
    """The module itself, callable, for ``from labkit import predict`` may give it."""

    @overload
    def __call__(
        self, name: str, question: str, options: Mapping[str, str]
    ) -> ChoicePrediction: ...

    @overload
    def __call__(
        self,
        name: str,
        question: str,
        *,
        unit: str = ...,
        within: float = ...,
        because: str = ...,
    ) -> NumberPrediction: ...

    def __call__(self, *args, **options):  # type: ignore[no-untyped-def]
        return predict(*args, **options)


sys.modules[__name__].__class__ = _Module
