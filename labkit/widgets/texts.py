"""The texts of the questions: ``notebooks/questions/NN.toml``, one table for each.

An option of a prediction has ``when``: the measured value that makes it true, or a
range. Without options a number is asked for (``unit``, ``within`` a factor, ``why``).
A right answer of a quiz has ``right = true``. For lines to arrange there are ``lines``
in their order, ``why``, and perhaps ``extra``, a list of lines with a why::

    [04-guess-timeout]
    question = "How many of the ten orders does it `pack`?"
    options = [ { text = "none", when = 0, why = "It mistook a late start for the end." },
                { text = "some", when = { at_least = 1, below = 10 }, why = "..." } ]
"""

import math
import tomllib
from pathlib import Path
from typing import Any

from labkit.errors import QuestionError
from labkit.setup import course

__all__ = ["find", "fits"]


def fits(option: dict[str, Any], outcome: Any) -> bool:
    """Tell whether a measured value makes an option true."""
    when = option.get("when")
    outcome = list(outcome) if isinstance(outcome, tuple) else outcome
    if isinstance(when, dict):
        low, high = when.get("at_least", -math.inf), when.get("below", math.inf)
        return isinstance(outcome, int | float) and low <= outcome < high
    return outcome is not None and outcome in (when, option["text"])


def find(name: str) -> dict[str, Any]:
    """Return the texts of a question, from a file beside the notebook or the kit's."""
    file, known = f"{name.partition('-')[0]}.toml", ""
    for folder in (Path.cwd(), *Path.cwd().parents, course() / "notebooks"):
        path = folder / "questions" / file
        if path.is_file():
            try:
                data = tomllib.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise QuestionError(f"{path} is not TOML: {error}.") from error
            if name in data:
                return dict(data[name])
            known = ", ".join(data)
    known = f"{file} has {known}" if known else f"there is no {file}"
    raise QuestionError(f"There is no question {name!r}: {known}.")
