"""The possible answers of a question, each with its explanation."""

from collections.abc import Mapping, Sequence
from typing import Any

from labkit._predict.prompts import listed, plain, text_of
from labkit.errors import QuestionError

__all__ = ["checkboxes", "checked", "lines_of", "pick", "radio"]


def checked(name: str, options: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a question, if a learner can choose between them.

    Raises
    ------
    QuestionError
        There are fewer than two, one is no text, one is not explained, or two read
        the same.
    """
    if not isinstance(options, Mapping):
        raise QuestionError(
            f"The options of {name!r} are a dict of texts to explanations, not "
            f"{options!r}."
        )
    if len(options) < 2:
        raise QuestionError(
            f"{name!r} has {len(options)} options: a choice needs two or more."
        )
    for option, why in options.items():
        text_of(option, f"An option of {name!r}")
        text_of(why, f"The explanation of {option!r} in {name!r}")
    labels = [plain(option) for option in options]
    for label in labels:
        if labels.count(label) > 1:
            raise QuestionError(f"Two options of {name!r} read the same: {label!r}.")
    return dict(options)


def pick(name: str, options: Mapping[str, str], wanted: object) -> str:
    """Return the option that is meant: its text, or its number from 1 on.

    Raises
    ------
    QuestionError
        There is none.
    """
    texts = list(options)
    if isinstance(wanted, int) and 1 <= wanted <= len(texts):
        return texts[wanted - 1]
    found = [text for text in texts if wanted in {text, plain(text)}]
    if not found:
        raise QuestionError(
            f"{wanted!r} is no option of {name!r}: these are {listed(texts)}."
        )
    return found[0]


def lines_of(
    options: Mapping[str, str], chosen: Sequence[str], marks: str
) -> list[str]:
    """Return the options as lines of text, the chosen ones marked.

    Parameters
    ----------
    options : mapping of str to str
    chosen : sequence of str
    marks : str
        What stands around the mark: ``"()"`` where one is chosen, ``"[]"`` for several.
    """
    return [
        f"  {marks[0]}{'x' if option in chosen else ' '}{marks[1]} {number}. {option}"
        for number, option in enumerate(options, 1)
    ]


def radio(options: Mapping[str, str], chosen: Sequence[str]) -> Any:
    """Return radio buttons for the options, none chosen unless one is given."""
    import ipywidgets

    texts = list(options)
    return ipywidgets.RadioButtons(
        options=[(plain(text), text) for text in texts],
        index=texts.index(chosen[0]) if chosen else None,
        layout={"width": "auto", "height": "auto"},
    )


def checkboxes(options: Mapping[str, str], chosen: Sequence[str]) -> dict[str, Any]:
    """Return a checkbox for each option."""
    import ipywidgets

    return {
        text: ipywidgets.Checkbox(
            value=text in chosen,
            description=plain(text),
            indent=False,
            layout={"width": "auto", "height": "auto"},
        )
        for text in options
    }
