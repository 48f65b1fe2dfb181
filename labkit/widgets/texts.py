"""The texts of the questions: ``notebooks/questions/NN.toml``, one table for each.

A question for :func:`labkit.predict`, with the measured value that makes an option
true under ``when`` (a range is ``{ at_least = 2, below = 4 }``)::

    [04-guess-consumer]
    question = "How many orders does it pack, and with which exit code does it end?"

    [[04-guess-consumer.options]]
    text = "none, 0"
    when = [0, 0]
    why = "`except Exception` turned a bug into a line of text."

Without options it asks for a number: ``unit``, ``within`` (a factor), ``why``. For
:func:`labkit.quiz` options have ``right = true`` in place of ``when``. For
:func:`labkit.arrange` there are ``lines`` in their order, ``why``, and perhaps
``extra`` lines, which have a text and a why. Backticks mark code.
"""

import difflib
import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.errors import QuestionError
from labkit.widgets.views import plain

__all__ = ["Option", "find", "pick"]


@dataclass(frozen=True)
class Option:
    """A possible answer, what to say of it, and when it is the right one."""

    text: str
    why: str
    when: Any = None
    right: bool = False

    def fits(self, outcome: Any) -> bool:
        """Tell whether a measured value makes this option true."""
        if isinstance(self.when, dict):
            low = self.when.get("at_least", -math.inf)
            high = self.when.get("below", math.inf)
            return isinstance(outcome, int | float) and low <= outcome < high
        if isinstance(outcome, tuple):
            outcome = list(outcome)
        return outcome is not None and outcome in (self.when, self.text)


def find(name: str) -> dict[str, Any]:
    """Return the texts of a question, from a file beside the notebook or the kit's."""
    known: list[str] = []
    file = f"{name.partition('-')[0]}.toml"
    for folder in _folders():
        try:
            data = tomllib.loads((folder / file).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise QuestionError(f"{folder / file} is not TOML: {error}.") from error
        if name in data:
            return dict(_joined(data[name]))
        known += data
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"no {file} has it."
    raise QuestionError(f"There is no question {name!r}: {advice}")


def _joined(value: Any) -> Any:
    """Return texts with their lines joined, in whatever holds them."""
    if isinstance(value, dict):
        return {key: _joined(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_joined(each) for each in value]
    return value.replace("\n", " ") if isinstance(value, str) else value


def _folders() -> Iterator[Path]:
    here = Path.cwd()
    for folder in (here, *here.parents):
        yield folder / "questions"
        yield folder / "notebooks" / "questions"
    yield Path(__file__).resolve().parents[2] / "notebooks" / "questions"
    yield Path(sys.prefix, "share", "labkit", "questions")  # see pyproject.toml


def pick(name: str, texts: list[str], wanted: object) -> str:
    """Return the text that is meant: by itself, or by its number from 1 on."""
    if isinstance(wanted, int) and 1 <= wanted <= len(texts):
        return texts[wanted - 1]
    for text in texts:
        if isinstance(wanted, str) and wanted.strip() in {text.strip(), plain(text)}:
            return text
    given = ", ".join(f'"{text}"' for text in texts)
    raise QuestionError(
        f"{wanted!r} is not an option of {name!r}: choose from {given}."
    )
