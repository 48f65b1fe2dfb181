"""Run an answer in its own process, and report what its task's tests found.

:func:`run` starts one process below :mod:`labkit.supervised`, which has a deadline and
ends whatever the answer started. In it :func:`examine` runs pytest, and reports over
the one pipe that the supervisor reads, a line of JSON for each check: what was found
stays found, however the process ends. Of several answers, as in a class, each has a
fork of such a process.

An answer shares its process with the tests, so a clever one can forge their report.
:attr:`Report.suspect` names what an instructor should look at.
"""

import ast
import faulthandler
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit import supervised
from labkit.confine import confined
from labkit.grader.tasks import PARSING, Check, Task

__all__ = ["STUB", "Report", "Row", "run", "suspicions", "try_out", "without_magics"]

STUB = "...  # your answer here"  # in a learner's copy: the answer replaces it

TRIAL_S = 5.0  # how long the top level of an answer may take
_MOST_OUTPUT = 1_000_000  # characters
_HEADER = "# %%answer\n"  # in place of the magic, so line numbers are those of the cell
_FOREIGN = ("PYTEST_", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "COV_")
_AT_ITS_END = 77  # the exit code of a run that was not cut short
# Programs for an answer's process, below a line with their `deadline`, in seconds.
_EXAMINE = (
    "import sys, time; until = time.time() + deadline; sys.path.append({!r}); "
    "from labkit.grader.runner import examine; examine({!r}, until)"
)
_TRY = (
    "import faulthandler, os, runpy, sys; faulthandler.enable(); "
    "faulthandler.dump_traceback_later(deadline - 0.5); sys.path.append(os.getcwd()); "
    "runpy.run_path('answer.py', run_name='__main__'); "
    f"sys.stdout.flush(); os._exit({_AT_ITS_END})"
)
_IN_TURN = (
    "import sys; sys.path.append({!r}); import {}; "
    "from labkit.supervised import in_turn; exec(in_turn({!r}, {!r}))"
)
_KIT = str(Path(__file__).parents[2])
_OURS = "That is a mistake of the kit, not of your answer. Please report it."


@dataclass(frozen=True)
class Row:
    """What became of one check."""

    check: Check
    passed: bool | None = None  # None if it was not tried
    message: str = ""  # what was called, what came back, what was expected, why
    detail: str = ""  # the traceback, the answer's own lines alone


@dataclass(frozen=True)
class Report:
    """What the checks of a task found about an answer."""

    task: Task
    rows: tuple[Row, ...]  # one for each check of the task, in its order
    error: str = ""  # why the checks did not run to their end, in a sentence
    suspect: tuple[str, ...] = ()  # what an instructor should look at

    @property
    def points(self) -> float:
        """What the checks that passed are worth."""
        return sum(row.check.points for row in self.rows if row.passed)

    @property
    def is_full(self) -> bool:
        """Whether every check passed."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    @property
    def message(self) -> str:
        """The one sentence to read first."""
        if self.is_full:
            return f"{self.task.id} is right: every check passes. {self.task.takeaway}"
        undone = f"{self.task.id} was not checked to its end: run check() once more."
        # What a check said before the end says more than how the end came.
        first = next((row.message for row in self.rows if row.message), self.error)
        return first or undone


def run(
    answers: Sequence[tuple[Task, str]],
    *,
    tried: bool = False,
    walls: bool = False,
) -> list[Report]:
    """Run the checks of several tasks, each on its answer, one after the other.

    On Linux one process loads what they need, and forks for each. So they should be
    answers of one person: one could look at what the others left.

    Parameters
    ----------
    answers : sequence of (Task, str)
    tried : bool, default False
        Whether they were tried out before, as :func:`try_out` does.
    walls : bool, default False
        Whether to run them behind the walls of :mod:`labkit.confine`.
    """
    troubles = {one: _trouble_in(one[1]) for one in answers}
    if not tried:
        trials = [one for one in answers if not (troubles[one] or one[0].program)]
        programs = [(source, _TRY, TRIAL_S) for _, source in trials]
        ends = _execute(programs, [] if walls else None, "multiprocessing.managers")
        troubles |= {one: _trouble(end) for one, end in zip(trials, ends, strict=True)}
    exams = [one for one in answers if not troubles[one]]
    programs = [
        (text, _EXAMINE.format(_KIT, str(task.path)), task.deadline_s)
        for task, text in exams
    ]
    files = [file for task, _ in exams for file in task.files]
    ends = _execute(programs, files if walls else None, "labkit.grader.fixtures")
    reports = dict(zip(exams, map(_report, exams, ends), strict=True))
    return [reports.get(one) or Report(one[0], (), troubles[one]) for one in answers]


def _report(answer: tuple[Task, str], done: supervised.Finished) -> Report:
    task, source = answer
    blank = tuple(map(Row, task.checks))
    found, stray, strange = _read(task.checks, done.output)
    now = task.checks[min(len(found), len(blank) - 1)]
    error = _ending(done, stray, task.deadline_s, f"checking whether it {now.says}")
    began = found or (error and "Traceback" not in stray)
    if error and began and len(found) < len(blank):
        found.append(Row(now, passed=False))
    rows = (*found, *blank[len(found) :])
    lines = (_HEADER + source).split("\n")
    stub = next((n for n, line in enumerate(lines, 1) if line.strip() == STUB), 0)
    if strange:
        rows = blank
        error = "The report of the checks did not arrive as they send it: no points."
    elif not began:
        error = f"The checks of {task.id} could not start. {_OURS} {stray[-300:]}"
    elif not error and stub and not any(row.passed for row in rows):
        rows = tuple(replace(row, message="") for row in rows)
        error = (
            f"The answer to {task.id} is not written yet: line {stub} still says "
            f"`{STUB}`; put your code in its place."
        )
    return Report(task, rows, error, (*suspicions(source), *strange))


def try_out(source: str, deadline_s: float = TRIAL_S) -> tuple[str, str]:
    """Run the top level of an answer in its own process, as the notebook is going to.

    Return what went wrong, in a sentence or empty, and what it printed.
    """
    if trouble := _trouble_in(source):
        return trouble, ""
    (done,) = _execute([(source, _TRY, deadline_s)])
    return _trouble(done, deadline_s), done.output


def _trouble(done: supervised.Finished, deadline_s: float = TRIAL_S) -> str:
    """Say why an answer was not tried out to its end; nothing if it was."""
    lines = re.findall(r'answer\.py", line (\d+)', done.output)
    said = re.findall(r"(?m)^[A-Za-z_][\w.]*(?:: .*)?$", done.output)
    if len(done.output) >= _MOST_OUTPUT:
        return "The answer cell prints more than 1,000,000 characters: too many."
    if lines and said and done.exit_code == 1:
        what = f"at line {lines[-1]}: {said[-1][:300]}"
        return f"The answer cell raised an error {what}."
    return _ending(done, done.output, deadline_s, "running the answer cell")


def without_magics(cell: str) -> str:
    """Return the text below ``%%answer`` with cell magics at its top as comments."""
    top = re.match(r"(?:%%.*\n|\s*\n)*", cell)
    above = top[0] if top else ""
    return re.sub("(?m)^%%", "# %%", above) + cell[len(above) :]


def encodable(text: str) -> str:
    """Replace lone surrogates, which no file and no page can hold."""
    return text.encode("utf-8", "replace").decode()


def _trouble_in(source: str) -> str:
    """Say what keeps a text from being an answer at all, without running it."""
    try:
        with PARSING, warnings.catch_warnings(action="ignore"):
            tree = ast.parse(_HEADER + source)
            compile(tree, "answer", "exec")
    except SyntaxError as error:
        line = (error.text or "").strip()
        if line.startswith(("%", "!", "?")):
            return (
                f"Line {error.lineno} is a command of the notebook (`{line}`); an "
                "answer is plain Python: move the command to another cell."
            )
        return f"The answer is not valid Python, line {error.lineno}: {error.msg}."
    except (ValueError, RecursionError, MemoryError) as error:
        return f"The answer cannot be read as Python: {error}."
    values = (isinstance(node, ast.Expr) and node.value for node in tree.body)
    if all(isinstance(value, ast.Constant) for value in values):
        return "The answer cell is empty: write your answer below its first line."
    return ""


_SUSPECT = re.compile(
    r"(?<!\w)(gc|inspect|ctypes|_getframe|_current_frames|f_back|f_locals|f_globals|"
    r"tb_frame|__globals__|__subclasses__|settrace|addaudithook|killpg|os\.kill|pytest|"
    r"_pytest|pluggy|labkit\.grader|getppid|orig_argv|/proc|exercises/\w+)\b"
)


def suspicions(source: str) -> Iterator[str]:
    """Name the lines of an answer that could forge its own report."""
    for number, line in enumerate((_HEADER + source).split("\n"), 1):
        if found := _SUSPECT.search(line):
            yield f"line {number} names {found[0]}: {line.strip()[:80]}"


def _execute(
    programs: Sequence[tuple[str, str, float]],
    readable: list[Path] | None = None,
    loaded: str = "",
) -> list[supervised.Finished]:
    """Run programs on answers: of each the answer, the code, and the deadline.

    They run behind walls if there is a list of what they may read; several on Linux in
    forks of one process that has `loaded` a module.
    """
    kept = {n: v for n, v in os.environ.items() if not n.startswith(_FOREIGN)}
    with tempfile.TemporaryDirectory(
        prefix="labkit-answer-", ignore_cleanup_errors=True
    ) as name:
        turns = []
        for number, (source, code, seconds) in enumerate(programs):
            work = Path(name, f"{number}")
            work.mkdir()
            work.joinpath("answer.py").write_text(_HEADER + source, "utf-8", "replace")
            turns.append((str(work), f"deadline = {seconds}; {code}", seconds))

        def execute(cwd: str, code: str, seconds: float) -> supervised.Finished:
            command = [sys.executable, "-P", "-c", code]
            if readable is not None:
                command = confined(command, cwd, readable)
            most = _MOST_OUTPUT * len(turns)
            return supervised.run(
                command, timeout_s=seconds, max_chars=most, cwd=cwd, env=kept
            )

        ends: list[supervised.Finished] = []
        if len(turns) > 1 and sys.platform == "linux":
            separator = secrets.token_hex()
            code = _IN_TURN.format(_KIT, loaded, turns, separator)
            output = execute(name, code, sum(turn[2] + 10 for turn in turns)).output
            said = re.split(rf"\n{separator} (null|0|-?[1-9]\d{{0,2}})\n", output)
            codes = map(json.loads, said[1 : 2 * len(turns) : 2])
            ends = list(map(supervised.Finished, codes, said[::2]))
        # By itself, if another answer has kept it from its turn.
        return [*ends, *(execute(*turn) for turn in turns[len(ends) :])]


def _ending(
    done: supervised.Finished, stray: str, deadline_s: float, doing: str
) -> str:
    """Say what cut a run short; nothing, if nothing did."""
    code = done.exit_code or 0
    if code == _AT_ITS_END:
        return ""
    # faulthandler wrote where it was, the innermost line first.
    dump = re.split(r"(?m)^(?:Timeout|Fatal Python error)", stray)[-1]
    line = re.search(r'answer\.py", line (\d+)', dump)
    place = f"while {doing}" + (f", at line {line[1]}" if line else "")
    if done.exit_code is None:
        return (
            f"The answer did not end: it was stopped after {deadline_s:g} s, {place}. A "
            "loop there has no way out, or it waits for what never comes."
        )
    how = f"The answer ended the Python it runs in (exit code {code}), {place}."
    if code >= 0:
        return f"{how} Leave out sys.exit(), os._exit() and the like."
    name = (signal.strsignal(-code) or "unknown").lower()
    return f"The answer crashed Python ({name}, signal {-code}), {place}."


def _read(
    checks: tuple[Check, ...], output: str
) -> tuple[list[Row], str, tuple[str, ...]]:
    """Read the report, a list as JSON for each check that has ended, in order.

    Return the rows, what else was written, and what is strange about the report.
    """
    found: list[Row] = []
    stray = ""
    for line in output.splitlines(keepends=True):
        try:
            name, passed, *told = json.loads(line)
            message, detail = (encodable(str(one)) for one in told)
        except (ValueError, TypeError, RecursionError):
            stray += line
            continue
        check = checks[len(found)] if len(found) < len(checks) else None
        if not check or check.name != name or not isinstance(passed, bool):
            return [], "", (f"an entry of {name!r} came out of turn",)
        found.append(Row(check, passed, message, detail))
    return found, stray, ()


# --- in the process of the answer -----------------------------------------------------


def examine(task: str, until: float) -> None:
    """Run the tests of a task; report on standard output."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.path.append(str(Path.cwd()))
    import pytest

    from labkit.grader import fixtures

    fixtures.ANSWER = Path("answer.py").resolve()
    report, folder = _Reporter(), Path(task).parent
    # Where the answer was when time ran out: late, for it looks at threads that go on.
    left_s = max(until - time.time() - 0.3, 0.05)
    faulthandler.dump_traceback_later(left_s, file=report.pipe)
    faulthandler.enable(report.pipe)
    # What no check needs takes as long as the rest.
    idle = (
        "cacheprovider debugging doctest faulthandler junitxml legacypath logging "
        "pastebin setuponly setupplan stepwise subtests terminal threadexception tmpdir "
        "unittest unraisableexception warnings"
    )
    options = [option for name in idle.split() for option in ("-p", f"no:{name}")]
    options += ["-s", "--assert=plain", "--import-mode=importlib"]
    options += [f"--config-file={os.devnull}", f"--rootdir={folder}"]
    options += [f"--confcutdir={folder}"]
    pytest.main([task, *options], plugins=[fixtures, report])
    os._exit(_AT_ITS_END)  # threads that the answer left behind hold nothing up


class _Reporter:
    """A plugin for pytest that reports on what was standard output.

    What the answer prints goes nowhere: its cell has shown that.
    """

    def __init__(self) -> None:
        self.pipe, self._running = os.dup(1), ""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

    def _tell(self, passed: bool, message: str = "", detail: str = "") -> None:
        row = [self._running, passed, message, detail]
        os.write(self.pipe, json.dumps(row).encode() + b"\n")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running = nodeid.rsplit("::", maxsplit=1)[-1]

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        # The answer pressed Ctrl-C: nobody else is there to do it.
        message = (
            "The answer sent the interrupt signal (SIGINT) to the process that it runs "
            "in, as Ctrl-C does; expected it to interrupt nothing but its own programs."
        )
        if excinfo.type is KeyboardInterrupt:  # `shouldstop` raises one of pytest's own
            self._tell(False, message)

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        from labkit.grader import fixtures

        error = call.excinfo.value if call.excinfo else None
        if error is None and call.when == "call":
            self._tell(True)
        if error is None or call.when == "teardown":  # its row is there
            return
        said = str(error)
        if call.when == "setup" and "answer" not in sys.modules:
            said = f"The check could not be prepared ({error!r:.500}). {_OURS}"
        elif not isinstance(error, AssertionError):
            # No check stops like this with an answer that does what it should.
            said = (
                f"The check stopped with {fixtures.shown(error)}. That never happens to "
                "an answer that does what the task says: look at what yours returns, and "
                "at what it starts."
            )
        self._tell(False, cut(said, 900), _own_traceback(error.__cause__ or error))
        if isinstance(error, fixtures.StopChecksError):
            item.session.shouldstop = "every other check would end the same way"


def cut(text: str, most: int) -> str:
    """Return a text, or its beginning and its end, of about so many characters."""
    end = most // 4
    return text if len(text) <= most else f"{text[: most - end]} ... {text[-end:]}"


def _own_traceback(error: BaseException) -> str:
    """Write an error as a traceback of the answer's own lines, if it has any."""
    frames = traceback.extract_tb(error.__traceback__)
    own = traceback.format_list([f for f in frames if f.filename.endswith("answer.py")])
    text = "".join([*own, *traceback.format_exception_only(error)])
    return cut(re.sub('File ".*answer.py", ', "", text).strip(), 1_500) if own else ""
