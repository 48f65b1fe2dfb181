"""One run of :mod:`.examiner`: an answer in a folder and a process of its own."""

import contextlib
import json
import os
import re
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from labkit import supervised

__all__ = ["HEADER", "ScratchRun", "environment"]

HEADER = "# %%answer\n"
"""Stands above the answer in its file, so that line numbers are those of the cell."""

_EXAMINER = Path(__file__).with_name("examiner.py")
_FOREIGN = ("PYTEST_", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "COV_")
_NEEDED = {
    "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT",
}  # fmt: skip


class ScratchRun:
    """Run an answer, end everything it started, keep what was found.

    Parameters
    ----------
    text : str
        The answer.
    checks : Path or None
        The pytest file to run on it; without one its top level alone is run.
    deadline_s : float
        After so many seconds it is ended, whatever it does.
    run : callable, optional
        What runs the examiner, with the parameters of :func:`.supervised.run`,
        which it is by default.
    watch : mapping, optional
        What :func:`.witness.watch` is told, if the examiner is to have a
        witness.
    first_only : bool, default False
        Whether to stop at the first check that fails.

    Attributes
    ----------
    finished : labkit.supervised.Finished
        How the process ended, and what it wrote.
    events : list of dict
        What the examiner reported, in order.

    Raises
    ------
    ProgramError
        The process could not be started.
    """

    def __init__(
        self,
        text: str,
        checks: Path | None,
        deadline_s: float,
        *,
        run: Callable[..., supervised.Finished] | None = None,
        watch: Mapping[str, object] | None = None,
        first_only: bool = False,
    ) -> None:
        self._deadline_s = deadline_s
        with tempfile.TemporaryDirectory(
            prefix="labkit-answer-", ignore_cleanup_errors=True
        ) as folder:
            place, seal = Path(folder), secrets.token_hex()
            job = _job(place, seal, text, checks) | {"deadline_s": deadline_s}
            job |= {"watch": dict(watch or {}), "first_only": first_only}
            self.finished = (run or supervised.run)(
                [sys.executable, "-P", "-B", str(_EXAMINER)],
                timeout_s=deadline_s,
                cwd=place / "work",
                env=environment(bare=bool(watch)),
                stdin_text=json.dumps(job),
            )
            self.events = list(_events(place / "report", seal))
            self._line = _line_in(place / "crash")

    def event(self, state: str) -> dict[str, Any] | None:
        """Return the first event of this kind, or None."""
        return next((event for event in self.events if event["state"] == state), None)

    def trouble(self, doing: str) -> str:
        """Say why the examiner did not come to its end.

        Parameters
        ----------
        doing : str
            What it did last, to follow "while".

        Returns
        -------
        str
            One sentence; empty if it came to its end.
        """
        if broken := self.event("unloadable"):
            return str(broken["message"])
        if self.event("end"):
            return ""
        place = f"while {doing}" + (f", at line {self._line}" if self._line else "")
        if self.finished.timed_out:
            return (
                f"The answer did not end: it was stopped after {self._deadline_s:g} s, "
                f"{place}. A loop there has no way out, or it waits for what never "
                "comes."
            )
        code = self.finished.exit_code or 0
        if code < 0:
            name = (signal.strsignal(-code) or "unknown").lower()
            return f"The answer crashed Python ({name}, signal {-code}), {place}."
        return (
            f"The answer ended the Python it runs in (exit code {code}), {place}. "
            "Leave out os._exit() and the like."
        )

    def notes(self) -> Iterator[str]:
        """Tell what else a learner should know of the run."""
        if self.finished.truncated:
            yield "It printed more than 1,000,000 bytes; what came after was dropped."
        # A process that died took its server's owner with it: not the answer's fault.
        if self.event("end") and self.finished.leftovers:
            count = self.finished.leftovers
            yield (
                f"It left {count} {'process' if count == 1 else 'processes'} running, "
                "now ended: a program should end what it starts."
            )


def _job(place: Path, seal: str, text: str, checks: Path | None) -> dict[str, object]:
    """Write the answer, and the job that the examiner reads."""
    # The answer works in a folder of its own; the report lies outside it.
    answer = place / "work" / "answer.py"
    answer.parent.mkdir()
    answer.write_text(HEADER + text, encoding="utf-8")
    (place / "pytest.ini").touch()
    return {
        "answer": str(answer),
        "checks": str(checks) if checks else "",
        "report": str(place / "report"),
        "crash": str(place / "crash"),
        "seal": seal,
    }


def environment(*, bare: bool) -> dict[str, str]:
    """Return the environment of an examiner.

    Parameters
    ----------
    bare : bool
        Whether it is nothing but what a program needs to start, for answers of
        others; otherwise all is passed on but what changes how Python or pytest runs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in _NEEDED if bare else not name.startswith(_FOREIGN))
    }
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}


def _events(report: Path, seal: object) -> Iterator[dict[str, Any]]:
    """Read the events that the examiner wrote, and none that an answer added."""
    lines = (
        report.read_text(encoding="utf-8", errors="replace") if report.exists() else ""
    )
    for line in lines.splitlines():
        with contextlib.suppress(ValueError, TypeError, LookupError):
            event = json.loads(line)
            if event["seal"] == seal:
                yield event


def _line_in(crash: Path) -> int:
    """Find the line of the answer in what faulthandler wrote."""
    text = crash.read_text(encoding="utf-8", errors="replace") if crash.exists() else ""
    last = re.split(r"^(?:Timeout|Fatal Python error)", text, flags=re.MULTILINE)[-1]
    found = re.search(r'answer\.py", line (\d+)', last)
    return int(found[1]) if found else 0
