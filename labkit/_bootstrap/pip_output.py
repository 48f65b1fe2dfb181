"""Read what pip prints: how far it is, and why it failed, each in one line.

Standard library only, and readable by Python 3.6: see ``__main__``.
"""

__all__ = ["Progress", "explain"]

import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

LINE_EVERY_S = 5.0  # on a pipe; a terminal's line is redrawn at every tick

AGAIN = "and run the same command again"

NO_NETWORK = (
    "connection broken by",
    "Failed to establish a new connection",
    "Failed to connect to",
    "Unable to fetch",
    "didn't respond within",
    "NewConnectionError|NameResolutionError|ProxyError|RemoteDisconnected",
    "ConnectTimeout|ReadTimeout|Read timed out|Max retries exceeded",
    "Connection (?:refused|reset|aborted)|Network is unreachable",
    "getaddrinfo failed|Name or service not known",
)
NOT_SECURE = (
    "CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
    "Failed to establish a secure connection",
)
DISK_FULL = (
    r"\[Errno 28\]|\[WinError 112\]",
    "No space left on device|Disk quota exceeded",
)
NOT_ALLOWED = (
    r"\[Errno 13\]|\[Errno 30\]|\[WinError 5\]",
    "Permission denied|Read-only file system",
)
NO_COPY = (r"satisfies the requirement (?P<what>\S+).*\(from versions: none\)",)
WRONG_PYTHON = (r"Package '(?P<what>[^']+)' requires a different Python: (?P<more>.*)",)

#: What pip prints, and the sentence for it. The first that is found wins: a full disk
#: and a refused certificate are also reported as failed downloads.
CAUSES = {
    DISK_FULL: f"the disk is full: free about {{needed}} MB {AGAIN}",
    NOT_SECURE: (
        "the package index's certificate was refused: set pip's proxy or cert option "
        f"for this network {AGAIN}"
    ),
    NO_NETWORK: (
        "there is no way to the package index: connect this machine to the network "
        f"(or set pip's proxy) {AGAIN}"
    ),
    NO_COPY: (
        "pip found no copy of {what}: connect this machine to the network (or check "
        f"pip's index settings) {AGAIN}"
    ),
    NOT_ALLOWED: (
        "pip may not write where it has to: copy the kit to a folder of your own "
        f"{AGAIN}"
    ),
    WRONG_PYTHON: "{what} does not run on this Python ({more}): use the one it needs",
}


def explain(output: str, needed_mb: int) -> str:
    """Say in one sentence why pip failed.

    Parameters
    ----------
    output : str
        Everything that pip printed.
    needed_mb : int
        The room that a set-up takes, in megabytes.

    Returns
    -------
    str
        The cause and the next step, without a full stop. For a cause that is not
        known, pip's own last error line.
    """
    end = output[-6000:]  # a retry that went well earlier explains nothing
    for patterns, sentence in CAUSES.items():
        found = re.search("|".join(patterns), end)
        if found:
            return sentence.format(needed=needed_mb, **found.groupdict())
    errors = re.findall(r"(?im)^\s*error: (.+)$", output)
    return f"pip says: {errors[-1].strip()}" if errors else "pip stopped without a word"


class Progress:
    """One line about a running pip: the phase, the package, n of about m, seconds.

    Parameters
    ----------
    packages : int
        How many packages are expected, at least 1.
    installed : callable
        Returns the metadata folders in the environment, for the phase in which pip
        itself is silent.
    phase : str
        What is done first, in words.
    stream : text file, optional
        Where the line goes; standard error by default. On a terminal it is redrawn,
        elsewhere a new line is printed every few seconds.
    clock : callable, optional
        Seconds that never go back, as a float; a test puts its own.
    """

    def __init__(
        self,
        packages: int,
        installed: Callable[[], set[Path]],
        phase: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._packages = packages
        self._installed = installed
        self._before = installed()
        self._stream = stream or sys.stderr
        self._clock = clock
        self._started = clock()
        self._last_line = ""
        self._last_time = float("-inf")
        self._seen: set[str] = set()
        self._phase = phase
        self._package = ""

    @property
    def seconds(self) -> float:
        """The time since the start, in seconds."""
        return self._clock() - self._started

    def read(self, line: str) -> None:
        """Take in one line of pip's output.

        Parameters
        ----------
        line : str
            The line, with or without its end.
        """
        found = re.match(r"(Collecting|Requirement already satisfied:) ([\w.-]+)", line)
        if found:
            self._phase, self._package = "fetching", found.group(2)
            self._seen.add(found.group(2))
        elif "connection broken by" in line:
            self._phase, self._package = "no answer from the network, trying again", ""
        elif line.startswith("Installing collected packages"):
            self._phase, self._package = "installing", ""
            self._seen = set()
            self._before = self._installed()

    def tick(self) -> None:
        """Show the line when it is due; call this a few times a second."""
        if self._phase == "installing":
            self._watch_folder()
        now = self._clock()
        if self._stream.isatty():
            self._redraw(self._text())
        elif now - self._last_time >= LINE_EVERY_S:
            print(self._text(), file=self._stream, flush=True)
            self._last_time = now

    def close(self) -> None:
        """Leave a terminal's line empty for what comes next."""
        if self._last_line:
            self._redraw("")

    def _watch_folder(self) -> None:
        for path in self._installed() - self._before:
            if path.name not in self._seen:
                self._seen.add(path.name)
                self._package = path.name.partition("-")[0]

    def _text(self) -> str:
        parts = [f"Setting up .venv: {self._phase} {self._package}".rstrip()]
        if self._seen:
            about = max(self._packages, len(self._seen))
            parts.append(f"{len(self._seen)} of about {about}")
        return ", ".join([*parts, f"{self.seconds:.0f} s"])

    def _redraw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        padded = text[:width].ljust(min(len(self._last_line), width))
        self._stream.write(f"\r{padded}" if text else f"\r{padded}\r")
        self._stream.flush()
        self._last_line = text
