"""The fixture ``answer`` of check files: the learner's answer, with deadlines.

Each call of one of its functions runs in a thread, because a thread that never ends
can still be looked at: the feedback names the line it waits in. What it talks to is
a real server all the same, over a real socket, and every thread has a connection of
its own.
"""

import functools
import importlib.util
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

__all__ = ["Answer", "AnswerError", "Call", "StillRunningError", "until"]

PATIENCE_S = 3.0
"""How long a call may take when nothing is left for it to wait for."""

_EXPLAIN = {
    "Empty": "get() raises queue.Empty when nothing came in time: catch that class.",
    "Full": "put_nowait() raises queue.Full when there is no room; put() waits.",
    "NameError": "Import at the top of the answer what it uses.",
    "has no len()": "A proxy forwards method calls, and len() is none: use qsize().",
    "not iterable": "A proxy forwards method calls, not iteration: call get().",
    "positional argument": "Keep the parameters that the task gives.",
    "called too many times": "Call task_done() once for each get(), never twice.",
}
"""What an error most likely means, by its class or by words in its message."""


def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Wait until a condition holds; say whether it does."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.01)
    return bool(condition())


class AnswerError(AssertionError):
    """The answer could not be loaded: no check can say anything about it."""


class StillRunningError(AssertionError):
    """A call goes on for ever: further checks would wait as long, so none follows."""


class Call:
    """A call of one of the answer's functions, running in a thread.

    Attributes
    ----------
    value : object
        What it returned, once it has ended.
    error : BaseException or None
        What it raised.
    """

    def __init__(
        self, words: str, function: Callable[[], object], source: Path
    ) -> None:
        self.value: object = None
        self.error: BaseException | None = None
        self._words, self._function, self._source = words, function, source
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._words

    def _run(self) -> None:
        try:
            self.value = self._function()
        except BaseException as error:  # noqa: BLE001 - whatever an answer raises is looked at
            self.error = error
        self._ended.set()

    def ended_within(self, seconds: float) -> bool:
        """Wait until the call has ended, at most so long, and say whether it has."""
        return self._ended.wait(seconds)

    def ends(self, because: str, within_s: float = PATIENCE_S) -> "Call":
        """Wait for the end of the call, whether it returns or raises.

        Parameters
        ----------
        because : str
            Why an answer that waits for the server does so for ever, most likely.
        within_s : float
            How long it may take, in seconds.

        Returns
        -------
        Call
            Itself.

        Raises
        ------
        StillRunningError
            It goes on; the message names the line.
        """
        if self.ended_within(within_s):
            return self
        raise self.still_running(because, within_s)

    def still_running(self, because: str, after_s: float) -> StillRunningError:
        """Make the error of a call that goes on; the parameters are as in `ends`."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - documented for this
        frames = list(traceback.walk_stack(frame))[::-1] if frame else []
        place = _last_line(frames, self._source) or " outside its own lines"
        files = {frame.f_code.co_filename for frame, _ in frames}
        if not any("multiprocessing" in f or f.endswith("wire.py") for f in files):
            because = "It asks no server there: a loop has no way out."
        return StillRunningError(
            f"{self} was still running after {after_s:g} s,{place}; "
            f"expected it to end. {because}"
        )

    def returns(
        self,
        because: str,
        within_s: float = PATIENCE_S,
        advice: str = "Nothing here should raise.",
    ) -> object:
        """Wait for the call to return.

        Parameters
        ----------
        because, within_s
            As in :meth:`ends`.
        advice : str
            What to do about an error that nothing is known of here.

        Returns
        -------
        object
            What the call returned.

        Raises
        ------
        StillRunningError
            It goes on.
        AssertionError
            It raised; the message says what, and where.
        """
        error = self.ends(because, within_s).error
        if error is None:
            return self.value
        said = "".join(traceback.format_exception_only(error)).strip().split("\n")[-1]
        advice = next((_EXPLAIN[key] for key in _EXPLAIN if key in said), advice)
        name = type(error).__name__
        detail = f" ({_readable(str(error))})" if str(error) else ""
        line = _last_line(traceback.walk_tb(error.__traceback__), self._source)
        raise AssertionError(
            f"{self} raised {name}{detail}{line}; expected it to return. {advice}"
        ) from error


def _last_line(frames: Iterable[tuple[FrameType, int]], source: Path) -> str:
    """Say at which line of the answer the innermost of these frames stands."""
    numbers = [
        number for frame, number in frames if frame.f_code.co_filename == str(source)
    ]
    if not numbers:
        return ""
    text = source.read_text(encoding="utf-8").split("\n")[numbers[-1] - 1].strip()
    return f" at line {numbers[-1]}: {text}"


def _readable(text: str) -> str:
    """Return a text in one line, its control characters as Python writes them."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _shown(name: str, value: object) -> str:
    plain = isinstance(value, str | int | float | bytes | list | tuple | type(None))
    return repr(value) if plain and len(repr(value)) <= 40 else name


class Answer:
    """The learner's answer, loaded as a module.

    Parameters
    ----------
    path : Path
        The file that holds it.

    Raises
    ------
    AnswerError
        Running its top level raised, or never ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        spec = importlib.util.spec_from_file_location("answer", path)
        if spec is None or spec.loader is None:
            raise AnswerError(f"{path.name} is no Python file.")
        self._module = importlib.util.module_from_spec(spec)
        sys.modules["answer"] = self._module
        run = functools.partial(spec.loader.exec_module, self._module)
        load = Call("Loading the answer", run, path)
        try:
            load.returns("Nothing at the top level of an answer may wait.")
        except AssertionError as error:
            raise AnswerError(str(error)) from error

    def call(self, function: str, /, **given: object) -> Call:
        """Call a function of the answer, in a thread.

        Parameters
        ----------
        function : str
            Its name.
        **given
            The arguments, in order: they are passed by position, and named so that
            the feedback can show the call in words.

        Returns
        -------
        Call
            Running.

        Raises
        ------
        AssertionError
            The answer has no such function.
        """
        found = getattr(self._module, function, None)
        if not callable(found):
            raise AssertionError(  # noqa: TRY004 - a check that fails, not a misuse
                f"The answer has no function {function}(); keep the task's names."
            )
        shown = (_shown(name, value) for name, value in given.items())
        # By position: a learner may rename the parameters.
        run = functools.partial(found, *given.values())
        return Call(f"{function}({', '.join(shown)})", run, self._path)
