"""Run an answer in a process of its own, and report what its task's tests found.

:func:`run` starts one process below :mod:`labkit.supervised`, which has a deadline and
ends whatever the answer started. In that process :func:`examine` runs pytest. Its report
comes back over the one pipe that the supervisor reads, a line of JSON for each event, so
what was found stays found, however the process ends.

An answer shares its process with the tests, and a clever one can forge their report:
:func:`suspicions` and :attr:`Report.suspect` name what an instructor should look at.
"""

import ast
import faulthandler
import io
import json
import os
import re
import runpy
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit import supervised
from labkit.grader.tasks import Task

__all__ = [
    "STUB",
    "Confinement",
    "Report",
    "Row",
    "run",
    "suspicions",
    "trouble_in",
    "try_out",
]

STUB = "...  # your answer here"
"""The line in a learner's copy that the answer replaces."""

TRIAL_S = 5.0
"""How long the top level of an answer may take."""

Confinement = Callable[[list[str], Path], list[str]]
"""Takes a command and the one folder that it may write to; returns the command that runs
it confined. The command reads the answer in that folder, and the task's files."""

_HEADER = (
    "# %%answer\n"  # in the place of the magic: line numbers are those of the cell
)
_OUTPUT_CHARS = 1_000_000
_FOREIGN = ("PYTEST_", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "COV_")
_NEEDED = {
    "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT",
    "LABKIT_START_METHOD",
}  # fmt: skip
_ROOT = str(Path(__file__).resolve().parents[2])
_COMMAND = [
    sys.executable, "-P", "-B", "-c",
    f"import sys; sys.path.append({_ROOT!r}); "
    "from labkit.grader.runner import examine; examine()",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What became of one check.

    Attributes
    ----------
    name, says : str
        The test, and what an answer does that passes it.
    worth : float
        What it gives when it passes.
    state : str
        ``passed``, ``failed``, ``untried``, or ``broken`` (the check itself failed).
    message : str
        In words: what was called, what came back, what was expected, why.
    detail : str
        The traceback, the answer's own lines alone; may be empty.
    """

    name: str
    says: str
    worth: float
    state: str = "untried"
    message: str = ""
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer does what the check looks for."""
        return self.state == "passed"

    @property
    def points(self) -> float:
        """What the answer gets for it."""
        return self.worth if self.passed else 0.0


@dataclass(frozen=True)
class Report:
    """What the checks of a task found about an answer.

    Attributes
    ----------
    task : Task
    rows : tuple of Row
        One for each check of the task, in its order.
    state : str
        ``checked``: the checks came to their end. ``unwritten``: the answer is what was
        handed out. ``refused``: it is not Python, or cannot be loaded. ``stopped``: the
        deadline came. ``ended``: it ended or crashed its process. ``forged``: the report
        is not what the checks send. ``broken``: the checks could not be started.
    error : str
        Why it is not ``checked``, in a sentence; else empty.
    output : str
        What the answer printed, its beginning.
    notes : tuple of str
        What else a learner should know: processes left behind, too much output.
    suspect : tuple of str
        What an instructor should look at, with the line.
    """

    task: Task
    rows: tuple[Row, ...]
    state: str = "checked"
    error: str = ""
    output: str = ""
    notes: tuple[str, ...] = ()
    suspect: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """What the checks that passed are worth."""
        return sum(row.points for row in self.rows)

    @property
    def is_full(self) -> bool:
        """Whether every check passed."""
        return all(row.passed for row in self.rows)

    @property
    def message(self) -> str:
        """The one sentence to read first."""
        first = next((row.message for row in self.rows if row.message), "")
        right = f"{self.task.id} is right: every check passes. {self.task.takeaway}"
        undone = f"{self.task.id} was not checked to its end: run check() once more."
        return self.error or first or (right if self.is_full else undone)


@dataclass(frozen=True)
class Trial:
    """How the top level of an answer ended.

    Attributes
    ----------
    trouble : str
        What went wrong, in a sentence; empty if it ended well.
    output : str
        What it printed.
    detail : str
        The traceback; may be empty.
    """

    trouble: str = ""
    output: str = ""
    detail: str = ""


def run(
    task: Task,
    source: str,
    *,
    deadline_s: float | None = None,
    first_only: bool = False,
    confinement: Confinement | None = None,
) -> Report:
    """Run a task's checks on an answer.

    Parameters
    ----------
    task : Task
    source : str
        The text of the answer cell below its first line.
    deadline_s : float, optional
        After this many seconds it is ended, whatever it does; the task's own by default.
    first_only : bool, default False
        Whether to stop at the first check that fails.
    confinement : callable, optional
        See :data:`Confinement`. With one, the environment is bare, too.

    Returns
    -------
    Report

    Raises
    ------
    ProgramError
        No process could be started.

    Notes
    -----
    Safe to call from several threads at once: each call has a folder and processes of
    its own, and changes nothing in this process.
    """
    rows = tuple(Row(one.name, one.says, one.points) for one in task.checks)
    if trouble := trouble_in(source):
        return Report(task, rows, "refused", trouble)
    seconds = task.deadline_s if deadline_s is None else deadline_s
    job = {"task": str(task.path), "first_only": first_only}
    ended = _Run(source, job, seconds, confinement)
    found, forged = _rows(rows, ended.events)
    suspect = (*suspicions(source), *forged)
    if forged:
        error = "The report of the checks did not arrive as they send it: no points."
        return Report(task, rows, "forged", error, ended.output, (), suspect)
    last = [row.says for row in found if row.state != "untried"]
    state, error = ended.trouble(
        f"checking whether it {last[-1]}" if last else "loading it"
    )
    if not error and not last:
        state, error = (
            "broken",
            (
                f"The checks of {task.id} could not be started: that is a mistake of the "
                f"kit, not of your answer. Please report it. {ended.stray[:300]}"
            ),
        )
    report = Report(
        task, found, state, error, ended.output, tuple(ended.notes()), suspect
    )
    line = _stub_line(source)
    if line and state == "checked" and report.points == 0:
        blank = (
            f"The answer to {task.id} is not written yet: line {line} still says "
            f"`{STUB}`; put your code in its place."
        )
        silent = tuple(replace(row, message="", detail="") for row in found)
        return replace(report, rows=silent, state="unwritten", error=blank)
    return report


def try_out(
    source: str, deadline_s: float = TRIAL_S, confinement: Confinement | None = None
) -> Trial:
    """Run the top level of an answer in a process of its own.

    Parameters
    ----------
    source : str
        The answer.
    deadline_s : float
        How long it may take, in seconds.
    confinement : callable, optional
        As for :func:`run`.
    """
    if trouble := trouble_in(source):
        return Trial(trouble)
    ended = _Run(source, {"task": ""}, deadline_s, confinement)
    for event in ended.events:
        if event["state"] == "raised":
            return Trial(event["message"], ended.output, event["detail"])
    trouble = ended.trouble("running the answer cell")[1]
    if not trouble and ended.cut:
        trouble = (
            "The answer cell prints more than 1,000,000 characters: too much here."
        )
    return Trial(trouble, ended.output)


def trouble_in(source: str) -> str:
    """Say what keeps a text from being an answer at all, without running it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(_HEADER + source)
            compile(tree, "answer", "exec")
    except SyntaxError as error:
        line = (error.text or "").strip()
        if line.startswith(("%", "!", "?")):
            return (
                f"Line {error.lineno} is a command of the notebook (`{line}`); an answer "
                "is plain Python: move the command to a cell of its own."
            )
        return f"The answer is not valid Python, line {error.lineno}: {error.msg}."
    except (ValueError, RecursionError, MemoryError) as error:
        return f"The answer cannot be read as Python: {error}."
    if all(_says_nothing(statement) for statement in tree.body):
        return "The answer cell is empty: write your answer below its first line."
    return ""


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _stub_line(source: str) -> int:
    lines = (_HEADER + source).split("\n")
    return next((n for n, line in enumerate(lines, 1) if line.strip() == STUB), 0)


_SUSPECT = re.compile(
    r"(?<!\w)(gc|inspect|ctypes|_getframe|_current_frames|f_back|f_locals|tb_frame|"
    r"settrace|addaudithook|killpg|os\.kill|pytest|_pytest|pluggy|labkit\.grader|"
    r"getppid|/proc|exercises/checks)\b"
)


def suspicions(source: str) -> Iterator[str]:
    """Name the lines of an answer that could forge its own report."""
    for number, line in enumerate((_HEADER + source).split("\n"), 1):
        if found := _SUSPECT.search(line):
            yield f"line {number} names {found[0]}: {line.strip()[:80]}"


class _Run:
    """One run of :func:`examine` on an answer, ended; what came back of it.

    Attributes
    ----------
    events : list of dict
        What it reported, in order.
    stray : str
        What came over the report's pipe and is no report.
    output : str
        What the answer printed.
    cut : bool
        Whether it printed more than that.
    """

    def __init__(
        self,
        source: str,
        job: dict[str, object],
        deadline_s: float,
        confinement: Confinement | None,
    ) -> None:
        self.deadline_s = deadline_s
        with tempfile.TemporaryDirectory(
            prefix="labkit-answer-", ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            answer = folder / "work" / "answer.py"
            answer.parent.mkdir()
            answer.write_text(_HEADER + source, encoding="utf-8", errors="replace")
            job = {**job, "answer": str(answer), "until": time.time() + deadline_s}
            command = confinement(_COMMAND, folder) if confinement else _COMMAND
            self.finished = supervised.run(
                command,
                timeout_s=deadline_s,
                cwd=answer.parent,
                env=_environment(bare=confinement is not None),
                stdin_text=json.dumps(job),
                max_chars=8 * _OUTPUT_CHARS,
            )
            self._line = _line_in(folder / "crash")
        self.events: list[dict[str, Any]] = []
        self.stray = self.output = ""
        for line in self.finished.output.splitlines():
            self._take(line)
        self.cut = any(event["state"] == "cut" for event in self.events)
        self.events = [e for e in self.events if e["state"] != "cut"]

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
            self.output += event.pop("output", "")
            if event:
                self.events.append(event | {"state": str(event["state"])})
        except (ValueError, TypeError, LookupError, AttributeError):
            self.stray += line + "\n"

    def trouble(self, doing: str) -> tuple[str, str]:
        """Say why it did not come to its end: a state, and a sentence.

        Parameters
        ----------
        doing : str
            What it did last, to follow "while".
        """
        for event in self.events:
            if event["state"] == "unloadable":
                return "refused", event["message"]
        if self.events and self.events[-1]["state"] == "end":
            return "checked", ""
        place = f"while {doing}" + (f", at line {self._line}" if self._line else "")
        if self.finished.timed_out:
            return "stopped", (
                f"The answer did not end: it was stopped after {self.deadline_s:g} s, "
                f"{place}. A loop there has no way out, or it waits for what never "
                "comes."
            )
        code = self.finished.exit_code or 0
        if code < 0:
            name = (signal.strsignal(-code) or "unknown").lower()
            how = f"The answer crashed Python ({name}, signal {-code}), {place}."
            if -code == signal.SIGINT:
                how = f"The answer interrupted itself, as Ctrl-C does, {place}."
            return "ended", how
        return "ended", (
            f"The answer ended the Python it runs in (exit code {code}), {place}. "
            "Leave out os._exit() and the like."
        )

    def notes(self) -> Iterator[str]:
        """Tell what else a learner should know of the run."""
        if self.cut:
            yield "It printed more than 1,000,000 characters; the rest was dropped."
        # A process that died took its server's owner with it: not the answer's fault.
        if (count := self.finished.leftovers) and self.events[-1]["state"] == "end":
            processes = "process" if count == 1 else "processes"
            yield (
                f"It left {count} {processes} running, which were ended: a program "
                "should end what it starts."
            )


def _rows(
    rows: tuple[Row, ...], events: list[dict[str, Any]]
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Read the report; it has one line when a check begins, one when it ends, in order."""
    found, wanted = list(rows), list(range(len(rows)))
    begun = None
    for event in events:
        name, state = event.get("check"), event["state"]
        if (
            state == "started"
            and wanted
            and begun is None
            and name == rows[wanted[0]].name
        ):
            begun = wanted.pop(0)
            # If nothing follows, what the answer did then was the end of Python.
            found[begun] = replace(rows[begun], state="failed")
        elif begun is not None and name == rows[begun].name and state in _ENDINGS:
            message, detail = (
                str(event.get("message", "")),
                str(event.get("detail", "")),
            )
            if state == "broken":
                message = (
                    f"The check itself failed ({message}): that is a mistake of the kit, "
                    "not of your answer. Please report it."
                )
            kept = "untried" if state == "unloadable" else state
            found[begun] = replace(
                rows[begun], state=kept, message=message, detail=detail
            )
            begun = None
        elif state != "end" or begun is not None or event is not events[-1]:
            return rows, (f"an entry {state!r} of {name!r} came where none belongs",)
    return tuple(found), ()


_ENDINGS = ("passed", "failed", "broken", "unloadable")


def _environment(*, bare: bool) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in _NEEDED if bare else not name.startswith(_FOREIGN))
    }
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}


def _line_in(crash: Path) -> int:
    """Find the line of the answer in what faulthandler wrote."""
    text = crash.read_text(encoding="utf-8", errors="replace") if crash.exists() else ""
    last = re.split(r"^(?:Timeout|Fatal Python error)", text, flags=re.MULTILINE)[-1]
    found = re.search(r'answer\.py", line (\d+)', last)
    return int(found[1]) if found else 0


# --- in the process of the answer -----------------------------------------------------


def examine() -> None:
    """Do one job, which is JSON on standard input; report on standard output."""
    job = json.loads(sys.stdin.read())
    report = _Reporter()
    answer = Path(job["answer"])
    # Where the answer was when it crashed the interpreter, or when time ran out.
    crash = (answer.parent.parent / "crash").open("w")  # open until the process ends
    faulthandler.enable(crash)
    # At the last moment, for it looks at threads that go on.
    left_s = max(job["until"] - time.time() - 0.3, 0.05)
    faulthandler.dump_traceback_later(left_s, file=crash)
    sys.path.append(str(answer.parent))
    if job["task"]:
        _check(answer, Path(job["task"]), report, first_only=job["first_only"])
    else:
        _try_out(str(answer), report)
    report.close()
    os._exit(0)  # threads that the answer left behind do not hold anything up


class _Reporter:
    """The report, on what was standard output; what the answer prints becomes part of it.

    A plugin for pytest: it reports when a check begins, and what became of it.
    """

    def __init__(self) -> None:
        self._pipe = os.dup(1)
        read, write = os.pipe()
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        self._printed = open(read, "rb", 0)  # noqa: SIM115, PTH123 - closed by its thread
        self._pump = threading.Thread(target=self._forward, daemon=True)
        self._pump.start()
        self.answer = self._running = ""

    def __call__(self, **event: object) -> None:
        """Report one thing, in one piece."""
        os.write(self._pipe, json.dumps(event).encode() + b"\n")

    def _forward(self) -> None:
        """Pass on what the answer prints, the beginning of it."""
        decoder = io.IncrementalNewlineDecoder(None, translate=True)
        left = _OUTPUT_CHARS
        while chunk := self._printed.read(65_536):
            text = decoder.decode(chunk.decode("utf-8", "replace"))
            if chunk.endswith(_LAST):
                text = text.removesuffix(_LAST.decode())
            if text and left:
                self(output=text[:left])
                if len(text) > left:
                    self(state="cut")
                left = max(left - len(text), 0)
            if chunk.endswith(_LAST):
                return

    def close(self) -> None:
        """Report what is left of the output, and the end."""
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.write(1, _LAST)
        self._pump.join(2)
        self(state="end")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Report which check begins, in case none of it comes back."""
        self._running = nodeid.rsplit("::", maxsplit=1)[-1]
        self(state="started", check=self._running)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Report that the answer pressed Ctrl-C: nobody else is there to do it."""
        if excinfo.type is not KeyboardInterrupt:
            return  # `shouldstop` is an interrupt of pytest's own
        message = (
            "The answer sent the interrupt signal (SIGINT) to the process that it runs "
            "in, as Ctrl-C does; expected it to interrupt nothing but its own programs."
        )
        self(state="failed", check=self._running, message=message)

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """Report what became of a check."""
        from labkit.grader.fixtures import AnswerError, StillRunningError

        error = call.excinfo.value if call.excinfo else None
        if error is None:
            if call.when == "call":
                self(state="passed", check=item.name)
            return
        if call.when == "teardown":
            return  # the row is there; servers and programs end with this process
        state = "failed" if isinstance(error, AssertionError) else "broken"
        cause = error.__cause__ or error
        self(
            state="unloadable" if isinstance(error, AnswerError) else state,
            check=item.name,
            message=_cut(str(error)) if state == "failed" else _cut(repr(error)),
            detail=_own_traceback(cause, self.answer) if error.__cause__ else "",
        )
        if isinstance(error, AnswerError | StillRunningError):
            item.session.shouldstop = "every other check would end the same way"


_LAST = b"\0labkit: this is all\0"


def _cut(text: str) -> str:
    return text if len(text) <= 1_500 else f"{text[:1_000]} ... {text[-400:]}"


_QUIET = [
    "cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "logging",
    "pastebin", "recwarn", "setuponly", "setupplan", "stepwise", "terminal",
    "threadexception", "tmpdir", "unittest", "unraisableexception", "warnings",
]  # fmt: skip
# Parts of pytest that a check does not need: without them it starts sooner.


def _check(answer: Path, task: Path, report: _Reporter, *, first_only: bool) -> None:
    """Run a task's checks on an answer, and report each."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    from labkit.grader import fixtures

    class TheAnswer:
        @pytest.fixture(scope="session")
        def answer_path(self) -> Path:
            """Return the file of the answer."""
            return answer

        def pytest_configure(self, config: pytest.Config) -> None:
            """Spare pytest the tracebacks that nobody is going to see."""
            config.option.tbstyle = "no"

    report.answer = str(answer)
    config = answer.parent.with_name("pytest.ini")  # empty: none other is looked for
    config.touch()
    options = [option for name in _QUIET for option in ("-p", f"no:{name}")]
    options += ["-s", "--assert=plain", "--import-mode=importlib"]
    options += ["--maxfail=1"] * first_only
    pytest.main(
        [str(task), f"--config-file={config}", f"--rootdir={task.parent}",
         f"--confcutdir={task.parent}", *options],
        plugins=[fixtures, report, TheAnswer()],
    )  # fmt: skip


def _try_out(source: str, report: _Reporter) -> None:
    """Run an answer as its notebook is going to, and report how it ended."""
    try:
        runpy.run_path(source, run_name="__main__")
    except BaseException as error:  # noqa: BLE001 - whatever an answer raises is told
        frames = _own_frames(error, source)
        line = f" at line {frames[-1].lineno}" if frames else ""
        said = f"{type(error).__name__}: {str(error)[:500]}".rstrip(": ")
        message = f"The answer cell raised an error{line}: {said}."
        if isinstance(error, SystemExit):
            message = f"The answer cell called sys.exit(){line}: that ends Python. Leave it out."
        report(state="raised", message=message, detail=_own_traceback(error, source))


def _own_frames(error: BaseException, source: str) -> list[traceback.FrameSummary]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename == source]


def _own_traceback(error: BaseException, source: str) -> str:
    """Write an error as a traceback of the answer's own lines."""
    frames = [
        f"  line {frame.lineno}, in {frame.name}\n    {frame.line}\n"
        for frame in _own_frames(error, source)
    ]
    return "".join([*frames, *traceback.format_exception_only(error)]).strip()[:4_000]
