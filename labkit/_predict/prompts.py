"""What predictions, quizzes and orderings have in common: a question that is kept.

A prompt shows widgets where there is a front end, and says the same as text and as
HTML elsewhere. What is answered goes to the progress file, and comes back from it.
"""

import html
import os
import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar

from labkit._checks.bookkeeping import Progress
from labkit._dashboards.views import View, open_view
from labkit.errors import QuestionError

__all__ = ["STYLE", "Prompt", "listed", "panel", "plain", "rich", "show", "text_of"]

# Long texts wrap, at any width; JupyterLab's own colours, light and dark. The border
# of a panel is Okabe and Ito's green or vermilion; its first words say the same.
STYLE = """<style>
.labkit-ask { padding:2px 0 2px 12px; max-width:52em;
  border-left:3px solid var(--jp-border-color1, #bdbdbd) }
.labkit-ask, .labkit-ask label, .labkit-ask .widget-html-content {
  font-size:14px; line-height:1.45; color:var(--jp-ui-font-color1, #1f1f1f) }
.labkit-ask p { margin:0 0 4px; overflow-wrap:anywhere }
.labkit-ask .labkit-question { font-weight:bold }
.labkit-ask .widget-radio, .labkit-ask .widget-checkbox { height:auto }
.labkit-ask .widget-radio-box { width:100%; min-width:0 }
.labkit-ask .widget-radio-box label, .labkit-ask .widget-checkbox label {
  display:flex; gap:8px; align-items:flex-start; height:auto; padding:3px 0;
  white-space:normal; overflow-wrap:anywhere; cursor:pointer }
.labkit-ask .widget-radio-box label { flex-direction:row-reverse;
  justify-content:flex-end }
.labkit-ask input[type=radio], .labkit-ask input[type=checkbox] { float:none;
  flex:none; width:16px; height:16px; margin:2px 0 0 }
.labkit-ask .widget-checkbox input { align-self:flex-start }
.labkit-ask .widget-button { align-self:flex-start }
.labkit-ask .widget-text { flex-wrap:wrap; height:auto; margin:2px; gap:4px }
.labkit-ask .widget-text input { flex:1 1 10em; min-width:0 }
.labkit-ask input:focus-visible, .labkit-ask button:focus-visible {
  outline:2px solid var(--jp-ui-font-color1, #1f1f1f) !important; outline-offset:2px }
.labkit-ask .labkit-line { white-space:pre-wrap; overflow-wrap:anywhere }
.labkit-ask .labkit-line code { white-space:pre-wrap }
.labkit-panel { border-left:4px solid var(--jp-border-color1, #bdbdbd);
  padding-left:10px; margin:4px 0; max-width:52em; line-height:1.45 }
.labkit-panel.right { border-color:#009e73 }
.labkit-panel.wrong { border-color:#d55e00 }
.labkit-panel p { margin:0 0 6px; overflow-wrap:anywhere }
</style>"""


def rich(text: str) -> str:
    """Return a text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def plain(text: str) -> str:
    """Return a text as a label shows it, which cannot mark code."""
    return re.sub(r"`([^`]+)`", r"\1", text)


def text_of(value: object, what: str) -> str:
    """Return a text that is there, or say what should have been one.

    Raises
    ------
    QuestionError
        It is empty, or no text.
    """
    if isinstance(value, str) and value.strip():
        return value
    raise QuestionError(f"{what} is a text with something in it, not {value!r}.")


def listed(texts: Iterable[str]) -> str:
    """Return texts as one, each in quotation marks."""
    return ", ".join(f'"{text}"' for text in texts)


def panel(lines: Sequence[str], right: bool | None = None, *, aloud: bool) -> str:
    """Return lines as HTML, the first in bold.

    Parameters
    ----------
    lines : sequence of str
        At least one.
    right : bool or None
        Which colour goes with the words, if any.
    aloud : bool
        Whether a screen reader reads them out as soon as they are there.
    """
    kind = {True: " right", False: " wrong", None: ""}[right]
    role = ' role="alert"' if aloud else ""
    first, *rest = map(rich, lines)
    body = "".join(f"<p>{line}</p>" for line in (f"<strong>{first}</strong>", *rest))
    return f'<div class="labkit-panel{kind}"{role}>{body}</div>'


class Prompt(View):
    """A question with an id, shown by being the last line of a cell.

    Parameters
    ----------
    name : str
        Its id, one for each question of the course.
    question : str
        What is asked.

    Attributes
    ----------
    name, question : str
    entry : dict
        What is kept of the answer.
    said : ipywidgets.HTML
        What became of the answer, read out when it changes.
    box : ipywidgets.VBox
        All of it.

    Raises
    ------
    QuestionError
        There is no id, or no question, or the id belongs to another question.
    """

    kind: ClassVar[str]
    """Where the progress file keeps the answers."""

    def __init__(self, name: str, question: str) -> None:
        self.name = text_of(name, 'An id, such as "04-predict-producer",')
        self.question = text_of(question, f"The question of {name!r}")
        earlier = open_view(self._key_of())
        if isinstance(earlier, Prompt) and (
            type(earlier) is not type(self) or earlier.question != question
        ):
            raise QuestionError(
                f"The id {name!r} already belongs to another question "
                f'("{earlier.question}"): give this one an id of its own, or restart '
                "the kernel if you have reworded the question."
            )
        super().__init__(self._key_of())
        self._progress = Progress()
        # Where no file can be kept, a cell that is run twice still has the answer.
        kept = self._progress.noted(self.kind, name)
        self.entry: dict[str, Any] = kept or (
            earlier.entry if isinstance(earlier, Prompt) else {}
        )

    def _key_of(self) -> str:
        return f"prompt {self.name}"

    def _make_box(self, *answers: Any) -> None:
        """Put the question above the widgets that answer it, and `said` below."""
        import ipywidgets

        auto = {"width": "auto", "margin": "2px"}
        style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        asked = f'<p class="labkit-question">{rich(self.question)}</p>'
        self.said = ipywidgets.HTML(layout=auto)
        parts = [style, ipywidgets.HTML(asked, layout=auto), *answers, self.said]
        self.box = ipywidgets.VBox(parts)
        self.box.add_class("labkit-ask")

    def _keep(self) -> str:
        """Write down the answer; return a sentence if that cannot be done."""
        if "NBGRADER_EXECUTION" in os.environ:  # the learner's progress, not ours
            return ""
        entry = {"question": self.question, **self.entry}
        return self._progress.note(self.kind, self.name, entry)

    def _kept(self, key: str, possible: Collection[str]) -> list[str]:
        """Return the texts that were kept, if all are still possible."""
        kept = self.entry.get(key)
        texts = list(possible)  # whatever stands in the file can be looked for in it
        usable = isinstance(kept, list) and all(one in texts for one in kept)
        return list(kept) if usable and kept else []

    def _keep_attempt(self, key: str, answer: list[str], right: bool) -> str:
        """Write down an answer that was checked; return as `_keep`."""
        attempts = self.entry.get("attempts")
        self.entry.setdefault("first", answer)
        self.entry |= {
            key: answer,
            "attempts": 1 + (attempts if isinstance(attempts, int) else 0),
            "right": right or self.entry.get("right") is True,
        }
        return self._keep()

    def _say(self, lines: Sequence[str], right: bool | None = None) -> None:
        """Show what became of the answer, below the question and as text."""
        self.said.value = panel(lines, right, aloud=True)

    @abstractmethod
    def _twin(self) -> list[str]:
        """Return the possible answers and the present one, a line for each."""

    def _end(self) -> None:
        """Nothing runs for a question."""

    def __repr__(self) -> str:
        return "\n".join(map(plain, [self.question, *self._twin()]))

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{rich(line.strip())}</li>" for line in self._twin())
        listing = f'<ul style="list-style:none;padding-left:0">{lines}</ul>'
        return f"<p><strong>{rich(self.question)}</strong></p>{listing}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        shown = super()._repr_mimebundle_(**options)
        return shown | {"text/html": self._repr_html_()}


def show(lines: Sequence[str], right: bool | None = None) -> None:
    """Show lines below the cell that runs; print them where there is no notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print("\n".join(map(plain, lines)))
        return
    if getattr(get_ipython(), "kernel", None) is None:
        print("\n".join(map(plain, lines)))
        return
    words = "\n".join(map(plain, lines))
    picture = STYLE + panel(lines, right, aloud=True)
    both = {"text/plain": words, "text/html": picture}
    display(both, raw=True)  # type: ignore[no-untyped-call]
