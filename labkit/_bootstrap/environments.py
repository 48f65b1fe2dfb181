"""The kit's own ``.venv`` in a checkout: what it was made from, what it lacks.

A stamp in the folder says what it was made from. It is written last, so that an
interrupted set-up is recognised. Standard library only, and readable by Python 3.6:
see ``__main__``.
"""

__all__ = ["Environment"]

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

#: What ``.venv`` is made with; a command that needs another extra adds it later.
EXTRAS = ("test",)

VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"

#: Runs in another interpreter: which requirements of the checkout does it lack?
PROBE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from labkit import bootstrap
print(",".join(bootstrap.unmet(pathlib.Path(sys.argv[1]), tuple(sys.argv[2:]))))
"""


class Environment:
    """The ``.venv`` of a checkout.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    extras : tuple of str, optional
        The optional groups that a command needs beyond those of every command.
    """

    def __init__(self, root: Path, extras: tuple[str, ...] = ()) -> None:
        self.root = root
        self.extras = tuple(dict.fromkeys((*EXTRAS, *extras)))
        self.folder = root / ".venv"
        tail = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        self.python = self.folder / tail
        self.log = self.folder / "install.log"
        self._stamp = self.folder / "labkit-set-up.json"

    def is_running(self) -> bool:
        """Tell whether this very process runs in it."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def is_complete(self) -> bool:
        """Tell whether it was made from the files as they are now, and still runs."""
        stamp = self.stamp()
        return "python" in stamp and stamp == self._wanted()

    def is_usable(self) -> bool:
        """Tell whether pip can go on from what is there, rather than start afresh."""
        stamp, wanted = self.stamp(), self._wanted()
        made = {**wanted, **stamp, "made_from": wanted["made_from"]}
        return made == wanted and self._ask("-c", "import pip") is not None

    def stamp(self) -> dict[str, Any]:
        """Return what it was made from; empty when it is not known."""
        try:
            loaded = json.loads(self._stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def begin(self) -> None:
        """Mark it as unfinished, until :meth:`finish`."""
        self._stamp.write_text('{"unfinished": true}', encoding="utf-8")

    def finish(self) -> None:
        """Write the stamp: from now on commands start at once."""
        self._stamp.write_text(json.dumps(self._wanted()), encoding="utf-8")

    def lacking(self) -> list[str] | None:
        """Return the requirements it lacks; None when its Python does not run."""
        answer = self._ask("-c", PROBE, str(self.root), *self.extras)
        return None if answer is None else [line for line in answer.split(",") if line]

    def metadata(self) -> set[Path]:
        """Return the metadata folder of every package that is installed in it."""
        return {
            path
            for pattern in ("lib/python*/site-packages", "Lib/site-packages")
            for path in self.folder.glob(f"{pattern}/*.dist-info")
        }

    def _wanted(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for name in ("pyproject.toml", "constraints.txt"):
            digest.update((self.root / name).read_bytes())
        return {
            "made_from": digest.hexdigest(),
            "root": str(self.root),
            "python": self._ask("-S", "-c", VERSION),
        }

    def _ask(self, *arguments: str) -> str | None:
        command = [str(self.python), "-I", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()
