"""The program that runs an answer, in a process of its own; see :mod:`.scoring`.

It reads one job from standard input, as JSON, and writes what happens to a report
outside the answer's folder, a line of JSON at a time: whatever then becomes of this
process, what it had found stays found.
"""

import faulthandler
import json
import os
import runpy
import sys
import traceback
from pathlib import Path

_QUIET = [
    "cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "logging",
    "pastebin", "recwarn", "setuponly", "setupplan", "stepwise", "terminal",
    "threadexception", "tmpdir", "unittest", "unraisableexception", "warnings",
]  # fmt: skip
"""Parts of pytest that a check does not need: without them it starts sooner."""


class Report:
    """The report, written so that a line is either there or not.

    Parameters
    ----------
    path : str
        A file that does not exist yet.
    seal : str
        Put into each event: what an answer writes into the file lacks it.
    """

    def __init__(self, path: str, seal: str) -> None:
        self._seal = seal
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def __call__(self, **event: object) -> None:
        """Add one event."""
        os.write(self._file, json.dumps({"seal": self._seal, **event}).encode() + b"\n")


def own_frames(error: BaseException, source: str) -> list[traceback.FrameSummary]:
    """Pick the frames of an error's traceback that stand in the answer."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename == source]


def own_traceback(error: BaseException, source: str) -> str:
    """Write an error as a traceback of the answer's own lines."""
    frames = [
        f"  line {frame.lineno}, in {frame.name}\n    {frame.line}\n"
        for frame in own_frames(error, source)
    ]
    return "".join([*frames, *traceback.format_exception_only(error)]).strip()


def try_out(source: str, report: Report) -> None:
    """Run an answer as its notebook is going to, and report how it ended."""
    try:
        runpy.run_path(source, run_name="__main__")
    except BaseException as error:  # noqa: BLE001 - whatever an answer raises is told
        frames = own_frames(error, source)
        report(
            state="raised",
            error=type(error).__name__,
            message=str(error),
            line=frames[-1].lineno if frames else 0,
            detail=own_traceback(error, source),
        )
    report(state="end")


def check(
    source: str, checks: str, report: Report, first_only: bool, *more: object
) -> None:
    """Run a task's checks on an answer, and report each; `more` are pytest plugins."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # The deadline is running: pytest is loaded only when it is needed.
    import pytest

    from labkit._checks import examplugin, plainserver

    plainserver.send_without_delay()
    # An empty one: no other configuration is looked for.
    config = Path(source).parent.with_name("pytest.ini")
    folder = Path(checks).parent  # pytest looks at none above it
    options = [option for name in _QUIET for option in ("-p", f"no:{name}")]
    options += ["-s", "--noconftest", "--assert=plain", "--import-mode=importlib"]
    options += ["--maxfail=1"] * first_only
    pytest.main(
        [checks, f"--config-file={config}", f"--confcutdir={folder}", *options],
        plugins=[examplugin.Plugin(source, report), *more],
    )
    report(state="end")


def main(text: str = "") -> None:
    """Do one job.

    Parameters
    ----------
    text : str
        The job, as JSON; without it, it stands on standard input.
    """
    job = json.loads(text or sys.stdin.read())
    # Where the answer was when it crashed the interpreter, or when time ran out.
    crash = Path(job["crash"]).open("w")  # noqa: SIM115 - open until the process ends
    faulthandler.enable(crash)
    # Twice: the time began before Python did, and the second may come too late.
    faulthandler.dump_traceback_later(job["deadline_s"] * 0.45, repeat=True, file=crash)
    sys.path += [str(Path(__file__).resolve().parents[2]), os.getcwd()]  # noqa: PTH109 - a string is meant
    report = Report(job["report"], job["seal"])
    more: list[object] = []
    if job.get("watch"):
        from labkit._checks import witness  # not before the path leads to it

        more.append(witness.watch(report, job["answer"], **job["watch"]))
    if job["checks"]:
        check(job["answer"], job["checks"], report, job["first_only"], *more)
    else:
        try_out(job["answer"], report)
    sys.stdout.flush()
    os._exit(0)  # threads that the answer left behind do not hold anything up


if __name__ == "__main__":
    main()
