"""JupyterLab for a browser that is driven: a copy of the course, folders of its own.

The course is copied, because a lesson writes programs beside itself and JupyterLab
saves what is open: neither belongs into a checkout.
"""

import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from labkit.errors import BrowserError
from labkit.supervised import Supervised

__all__ = ["Lab"]

ROOT = Path(__file__).resolve().parents[2]

_COURSE = ("notebooks", "exercises/release")
_LEFT_OUT = shutil.ignore_patterns("work", ".ipynb_checkpoints", "__pycache__")
_START_S = 120.0  # 2 s on an idle machine
_ANSWER_S = 60.0
_ADDRESS = re.compile(r"JupyterLab runs at (http://[^/\s]+)/")
_FOLDERS = {
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
}
# Somebody else's settings that would reach the server or its kernels.
_FOREIGN = ("JUPYTER", "IPYTHON", "LABKIT_PROGRESS")
# What a run shows is not saved into the lesson.
_QUIET = {"@jupyterlab/docmanager-extension:plugin": {"autosave": False}}


class Lab:
    """A running ``python -m labkit lab``, on a copy of the lessons and exercises.

    A context manager. It never outlives this process.

    Attributes
    ----------
    folder : pathlib.Path
        What JupyterLab shows: ``notebooks/`` and ``exercises/release/``.
    progress : pathlib.Path
        The learner's progress, which exists after the first answer.
    url : str
        The server's address, ``http://localhost:8888``, without a slash at its end.
    token : str
        What opens it.

    Raises
    ------
    BrowserError
        JupyterLab ended at once, or did not start within two minutes.

    Notes
    -----
    Start it once and open many lessons: each has a kernel and, beside it, a
    ``work/`` folder that no other lesson writes the same files in.
    """

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="labkit-lab-")
        home = Path(self._home.name).resolve()
        self.folder = home / "course"
        self.progress = home / "progress.json"
        self.token = secrets.token_hex(16)
        self._settings = home / "config" / "lab" / "user-settings"
        self._said = ""
        self._told = threading.Event()
        for place in _COURSE:
            shutil.copytree(ROOT / place, self.folder / place, ignore=_LEFT_OUT)
        self._program = Supervised(
            [sys.executable, "-m", "labkit", "lab", "--no-browser", *self._options()],
            cwd=ROOT,
            env=self._environment(home),
            on_output=self._hear,
            on_exit=lambda _: self._told.set(),
        )
        self.url = self._wait_for_address()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id of the server, whose children the kernels are."""
        return self._program.pid

    @property
    def said(self) -> str:
        """What the server and its kernels wrote to the terminal so far."""
        return self._said

    def close(self) -> None:
        """End the server, its kernels and all they started; remove the copy."""
        self._program.end()
        self._home.cleanup()

    def write(self, notebook: str, cells: Mapping[str, Any]) -> None:
        """Write a notebook of one's own into `folder`.

        Parameters
        ----------
        notebook : str
            Its path below `folder`.
        cells : mapping of str to str or nbformat.NotebookNode
            By its id, the source of each code cell; or a cell of nbformat's.
        """
        from nbformat import from_dict, v4, write

        made = [
            v4.new_code_cell(cell, id=name)
            if isinstance(cell, str)
            else from_dict({**cell, "id": name})
            for name, cell in cells.items()
        ]
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
        book = v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
        write(book, self.folder / notebook)

    def renew(self, notebook: str) -> None:
        """Copy a lesson or an exercise anew from the checkout.

        Parameters
        ----------
        notebook : str
            Its path below the checkout, such as ``notebooks/00_start_here.ipynb``. One
            that was written into `folder`, and is not there, stays as it is.

        Raises
        ------
        BrowserError
            There is no such file.
        """
        if not (ROOT / notebook).is_file():
            if (self.folder / notebook).is_file():
                return
            raise BrowserError(
                f"there is no notebook {notebook!r} in {ROOT}; give its path below "
                "the checkout, such as 'notebooks/00_start_here.ipynb'"
            )
        shutil.copy2(ROOT / notebook, self.folder / notebook)

    def set_settings(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace JupyterLab's user settings, for pages that are opened after this.

        Parameters
        ----------
        settings : mapping
            For each plug-in (``"@jupyterlab/apputils-extension:themes"``) its values.
        """
        shutil.rmtree(self._settings, ignore_errors=True)
        for plugin, values in {**_QUIET, **settings}.items():
            package, _, name = plugin.partition(":")
            file = self._settings / package / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(dict(values)), encoding="utf-8")

    def ask(self, path: str, method: str = "GET") -> Any:
        """Ask the server's programming interface.

        Parameters
        ----------
        path : str
            Such as ``/api/kernels``.
        method : str
            ``GET``, ``DELETE`` …

        Returns
        -------
        object
            The decoded JSON of the answer; None for an empty one.
        """
        request = urllib.request.Request(  # noqa: S310 - our own http address
            self.url + path,
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310
            body = answer.read()
        return json.loads(body) if body else None

    def end_kernels(self) -> None:
        """Shut every kernel down that was started in this server, and wait for it."""
        for kind in ("sessions", "kernels"):  # a session that ends ends its kernel
            for one in self.ask(f"/api/{kind}"):
                try:
                    self.ask(f"/api/{kind}/{one['id']}", "DELETE")
                except urllib.error.HTTPError as problem:
                    if problem.code != HTTPStatus.NOT_FOUND:  # else: it has just ended
                        raise

    def _options(self) -> list[str]:
        return [
            "--port=0",  # any: several may start at the same moment
            f"--ServerApp.root_dir={self.folder}",
            "--LabApp.expose_app_in_browser=True",  # lets a page be asked what it holds
        ]

    def _environment(self, home: Path) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        for place in _FOLDERS.values():
            (home / place).mkdir()
        places = {name: str(home / place) for name, place in _FOLDERS.items()}
        ours = {
            "JUPYTER_TOKEN": self.token,
            "LABKIT_PROGRESS": str(self.progress),
            # A kernel's debugger, asked after a restart, complains of Python itself.
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        return {**kept, **places, **ours}

    def _hear(self, text: str) -> None:
        self._said += text
        if _ADDRESS.search(self._said):
            self._told.set()

    def _wait_for_address(self) -> str:
        self._told.wait(_START_S)
        found = _ADDRESS.search(self._said)
        if not found:
            self.close()
            raise BrowserError(
                f"JupyterLab did not start within {_START_S:.0f} s; run "
                f"'python -m labkit lab --no-browser' to see why. It said: {self._said}"
            )
        return found[1]
