"""Lines to put in order, a Parsons problem: moved by buttons, or typed."""

from collections.abc import Mapping, Sequence

from labkit._dashboards.views import button
from labkit._predict.movables import Row, checked_lines, first_wrong, missing, shuffled
from labkit._predict.prompts import Prompt, show
from labkit.errors import QuestionError

__all__ = ["Ordering", "arrange"]


class Ordering(Prompt):
    """Shuffled lines, and perhaps some that do not belong. Made by :func:`arrange`.

    Attributes
    ----------
    shuffled : list of str
        All lines, as they stood at first.
    used, unused : list of str
        The lines in their present order, and those left out.
    rows : list of Row
        What is on the page: the used lines, then the unused ones.
    check_button : ipywidgets.Button
    """

    kind = "orderings"

    def __init__(
        self,
        name: str,
        question: str,
        lines: Sequence[str],
        distractors: Mapping[str, str],
        because: str,
    ) -> None:
        self._right, self._extra = checked_lines(name, lines, distractors)
        self._because = because
        super().__init__(name, question)
        self.shuffled = shuffled(name, [*self._right, *self._extra])
        kept = self._kept("order", self.shuffled)
        self.used = kept or list(self.shuffled)
        self.unused = [line for line in self.shuffled if line not in self.used]
        self._make_rows()
        if kept:
            self._say(*self._feedback())

    def _make_rows(self) -> None:
        self.check_button = button("Check", "Say whether this is the order")
        self.check_button.on_click(lambda _: self._check())
        out = bool(self._extra)
        self.rows = [Row(i, self._move, out) for i in range(len(self.shuffled))]
        self._make_box(*(row.box for row in self.rows), self.check_button)
        self._draw()

    def _draw(self) -> None:
        for place, row in enumerate(self.rows):
            if place < len(self.used):
                row.show(self.used[place], f"{place + 1}.")
            else:
                row.show(self.unused[place - len(self.used)], "left out:")

    def _move(self, place: int, step: int) -> None:
        """Move the line at a place; step 0 leaves it out, or takes it in again."""
        line = [*self.used, *self.unused][place]
        if step == 0:
            self._toggle(line)
        elif line in self.unused:
            self._say([f"`{line.strip()}` is left out: press Use first."])
            return
        elif 0 <= place + step < len(self.used):
            self.used.insert(place + step, self.used.pop(place))
        self._draw()
        now = [*self.used, *self.unused].index(line)
        # The keyboard follows the line, so that one key moves it on.
        self.rows[now].buttons[step].focus()
        where = f"is number {now + 1} of {len(self.used)}"
        said = where if line in self.used else "is left out"
        self._say([f"`{line.strip()}` {said}."])

    def _toggle(self, line: str) -> None:
        here, there = self.used, self.unused
        if line in self.unused:
            here, there = there, here
        here.remove(line)
        there.append(line)

    def order(self, lines: Sequence[str | int]) -> None:
        """Put lines in order, as the buttons do; those not named are left out.

        Parameters
        ----------
        lines : sequence of str or int
            The lines, or the numbers that the text form gives them.

        Raises
        ------
        QuestionError
            There is no such line, one stands there twice, or there is none at all.
        """
        if isinstance(lines, str):
            raise QuestionError(f"{lines!r} is one text: an order is a list of lines.")
        wanted = [self._line(line) for line in lines]
        if not wanted:
            raise QuestionError("An order names at least one line; this one is empty.")
        for line in wanted:
            if wanted.count(line) > 1:
                raise QuestionError(f"The line {line!r} stands in your order twice.")
        self.used = wanted
        self.unused = [line for line in self.shuffled if line not in wanted]
        self._draw()
        self._check()
        show(*self._feedback())

    def _line(self, wanted: str | int) -> str:
        if isinstance(wanted, int) and 1 <= wanted <= len(self.shuffled):
            return self.shuffled[wanted - 1]
        for line in self.shuffled:
            if isinstance(wanted, str) and line.strip() == wanted.strip():
                return line
        raise QuestionError(
            f"There is no line {wanted!r} here: give a line, or its number from 1 to "
            f"{len(self.shuffled)}."
        )

    def _check(self) -> None:
        right = self.used == self._right
        trouble = self._keep_attempt("order", list(self.used), right)
        lines, right = self._feedback()
        self._say(lines + [trouble] * bool(trouble), right)

    def _feedback(self) -> tuple[list[str], bool]:
        """Return what to say of the present order, and whether it is right."""
        if self.used == self._right:
            return ["✓ That is the order.", *filter(None, [self._because])], True
        lines = [
            f"`{line.strip()}` does not belong. {why}"
            for line, why in self._extra.items()
            if line in self.used
        ]
        used = [line for line in self.used if line in self._right]
        if len(used) < len(self._right):
            lines.append(missing(len(self._right) - len(used)))
        fits = [line for line in self._right if line in used]
        if used != fits:
            lines.append(first_wrong(used, fits))
        return ["✗ Not yet.", *lines], False

    def _twin(self) -> list[str]:
        lines = [f"  {n}. {line}" for n, line in enumerate(self.shuffled, 1)]
        if not self._kept("order", self.shuffled):
            example = ", ".join(map(str, range(1, min(3, len(lines)) + 1)))
            how = f"move the lines, or type .order([{example}, ...])"
            return [*lines, f"Not in order yet: {how}."]
        now = ", ".join(str(self.shuffled.index(line) + 1) for line in self.used)
        return [*lines, f"Your order: {now}.", *self._feedback()[0]]


def arrange(
    name: str,
    prompt: str,
    lines: Sequence[str],
    distractors: Mapping[str, str] | None = None,
    *,
    because: str = "",
) -> Ordering:
    """Ask for lines in their right order: the last line of a cell.

    Parameters
    ----------
    name : str
        An id, one for each question of the course, such as ``"03-order-handshake"``.
    prompt : str
        What is asked; in it and in `because`, backticks mark code.
    lines : sequence of str
        In the right order. They are shown in another, which depends on the id alone.
    distractors : mapping of str to str, optional
        Lines that are to be left out, each with why it does not belong.
    because : str, optional
        What to say when the order is right.

    Returns
    -------
    Ordering
        With the method ``order()``, for who has no widgets.

    Raises
    ------
    QuestionError
        There are fewer than two lines, one stands there twice, a distractor is not
        explained, or the id belongs to another question of this notebook.
    """
    return Ordering(name, prompt, lines, distractors or {}, because)
