"""What pip prints, turned into progress and into one sentence."""

import io
from pathlib import Path

import pytest

from labkit._bootstrap.pip_output import LINE_EVERY_S, Progress, explain

NO_COPY = """\
ERROR: Could not find a version that satisfies the requirement ruff>=0.17 (from \
versions: none)
ERROR: No matching distribution found for ruff>=0.17
"""
RETRIED = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('...:
Failed to establish a new connection: [Errno -2] Name or service not known')': /ruff/
"""
NOT_SECURE = """\
There was a problem confirming the ssl certificate: Max retries exceeded (Caused by
SSLError(SSLCertVerificationError(1, 'certificate verify failed')))
"""
NOT_INSTALLED = "ERROR: Could not install packages due to an OSError: "
WRONG_PYTHON = "Package 'labkit' requires a different Python: 3.11.7 not in '>=3.12'"

# What pip 23 and pip 26 print, shortened, and the words that it must be turned into.
CAUSES = [
    (RETRIED + NO_COPY, "connect this machine to the network"),
    ("error: connection-failed\nx Failed to connect to an.index", "no way to the"),
    (NO_COPY, "pip found no copy of ruff>=0.17"),
    (NOT_INSTALLED + "[Errno 28] No space left on device", "free about 700 MB"),
    (NOT_INSTALLED + "[WinError 112] There is not enough space", "the disk is full"),
    (NOT_INSTALLED + "[Errno 13] Permission denied: 'x'", "may not write"),
    (NOT_SECURE, "certificate was refused"),
    ("ERROR: " + WRONG_PYTHON, "labkit does not run on this Python (3.11.7 not in"),
    ("ERROR: ResolutionImpossible: for help", "pip says: ResolutionImpossible"),
    ("", "pip stopped without a word"),
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


@pytest.mark.parametrize(("output", "cause"), CAUSES)
def test_explain_names_the_cause(output, cause):
    """Each way in which pip fails has its sentence."""
    assert cause in explain(output, 700)


def test_explain_forgets_an_old_retry():
    """A retry that went well, long before the end, explains nothing."""
    output = "connection broken by x\n" + "Collecting a\n" * 1000 + "ERROR: Odd thing"
    assert explain(output, 700) == "pip says: Odd thing"


def progress_on(stream, folders):
    """Return a progress on a stream, and the list that moves its clock."""
    now = [0.0]
    shown = Progress(
        4, lambda: set(folders), "starting pip", stream=stream, clock=lambda: now[-1]
    )
    return shown, now


def test_a_pipe_gets_a_line_every_few_seconds():
    """Elsewhere than on a terminal a line is printed when it is due, not before."""
    stream = io.StringIO()
    shown, now = progress_on(stream, [])
    shown.tick()
    shown.read("Collecting jupyterlab>=4.6 (from labkit==0.1.0)\n")
    shown.tick()
    now.append(LINE_EVERY_S)
    shown.tick()
    shown.close()
    assert stream.getvalue().splitlines() == [
        "Setting up .venv: starting pip, 0 s",
        "Setting up .venv: fetching jupyterlab, 1 of about 4, 5 s",
    ]


def test_a_terminal_gets_one_line_redrawn():
    """On a terminal every tick redraws the same line, and the end clears it."""
    stream = Terminal()
    shown, _ = progress_on(stream, [])
    shown.tick()
    shown.read("Collecting psutil\n")
    shown.tick()
    shown.close()
    assert "\n" not in stream.getvalue()
    assert "\rSetting up .venv: fetching psutil, 1 of about 4, 0 s" in stream.getvalue()
    assert stream.getvalue().endswith(" \r")


def test_the_silent_phase_is_watched_in_the_folder():
    """While pip installs and says nothing, the new metadata folders are counted."""
    stream = Terminal()
    folders = [Path("pip-23.dist-info")]
    shown, _ = progress_on(stream, folders)
    shown.read("Installing collected packages: psutil, labkit\n")
    folders.append(Path("psutil-7.2.dist-info"))
    shown.tick()
    assert "installing psutil, 1 of about 4" in stream.getvalue()


def test_a_network_that_does_not_answer_is_shown():
    """While pip tries again and again the reader is told so."""
    stream = Terminal()
    shown, _ = progress_on(stream, [])
    shown.read("WARNING: Retrying after connection broken by 'NewConnectionError'\n")
    shown.tick()
    assert "no answer from the network, trying again" in stream.getvalue()
