"""Lines that can be moved: shuffled, each in a row with its buttons."""

import hashlib
import html
from collections.abc import Callable, Mapping, Sequence

from labkit._dashboards.views import button
from labkit._predict.prompts import text_of
from labkit.errors import QuestionError

__all__ = ["Row", "checked_lines", "first_wrong", "missing", "shuffled"]

UP, TOGGLE, DOWN = -1, 0, 1


class Row:
    """A place on the page for a line, with buttons to move what stands there.

    Parameters
    ----------
    place : int
        Which row it is, from 0.
    move : callable
        Of the place and a step: -1 up, 1 down, 0 in or out.
    can_leave_out : bool
        Whether there is a button for the latter.

    Attributes
    ----------
    buttons : dict of int to ipywidgets.Button
        By step.
    text : ipywidgets.HTML
    box : ipywidgets.HBox
    """

    def __init__(
        self, place: int, move: Callable[[int, int], None], can_leave_out: bool
    ) -> None:
        import ipywidgets

        names = {UP: "Up", DOWN: "Down"}
        if can_leave_out:
            names[TOGGLE] = "Leave out"
        self.buttons = {step: button(name, "") for step, name in names.items()}
        for step, each in self.buttons.items():
            each.layout.flex = "0 0 auto"
            each.on_click(lambda _, step=step: move(place, step))
        self.text = ipywidgets.HTML(layout={"flex": "1 1 14em", "min_width": "0"})
        # On a narrow page the line stands above its buttons.
        flow = {"flex_flow": "row wrap-reverse", "align_items": "center"}
        self.box = ipywidgets.HBox([*self.buttons.values(), self.text], layout=flow)

    def show(self, line: str, place: str) -> None:
        """Put a line here, with its number or what else there is to say of it."""
        words = f"{html.escape(place)} <code>{html.escape(line)}</code>"
        self.text.value = f'<p class="labkit-line">{words}</p>'
        used = place[0].isdigit()
        for step, each in self.buttons.items():
            if step == TOGGLE:
                each.description = "Leave out" if used else "Use"
            # The name alone would be the same in each row.
            each.tooltip = f"{each.description}: {line.strip()}"


def checked_lines(
    name: str, lines: Sequence[str], distractors: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the lines and the distractors, if they can be put in order.

    Raises
    ------
    QuestionError
        There are fewer than two lines, one is no text or stands there twice, or a
        distractor has no explanation.
    """
    if isinstance(lines, str) or len(lines) < 2:
        raise QuestionError(f"{name!r} needs a list of two lines or more.")
    for line in [*lines, *distractors]:
        text_of(line, f"A line of {name!r}")
    for line, why in distractors.items():
        text_of(why, f"Why {line!r} does not belong in {name!r}")
    stripped = [line.strip() for line in [*lines, *distractors]]
    for line in stripped:
        if stripped.count(line) > 1:
            raise QuestionError(f"The line {line!r} stands in {name!r} twice.")
    return list(lines), dict(distractors)


def shuffled(name: str, lines: Sequence[str]) -> list[str]:
    """Return lines in an order that depends on the name alone, and is another."""

    def place(line: str) -> bytes:
        return hashlib.sha256(f"{name}\0{line}".encode()).digest()

    found = sorted(lines, key=place)
    return found if found != list(lines) else [*found[1:], found[0]]


def first_wrong(used: Sequence[str], right: Sequence[str]) -> str:
    """Say up to where lines are in order, and which is the first that is not."""
    good = next(i for i, line in enumerate(used) if line != right[i])
    wrong = f"`{used[good].strip()}` comes too early"
    if good == 0:
        return f"{wrong}: it is not the first."
    before = "first line is" if good == 1 else f"first {good} lines are"
    return f"The {before} in order; then {wrong}."


def missing(count: int) -> str:
    """Say how many lines were left out that belong."""
    lines = "line that belongs is" if count == 1 else "lines that belong are"
    return f"{count} {lines} left out."
