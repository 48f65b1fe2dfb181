"""One page of a browser, showing a notebook in JupyterLab."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from labkit._browsing.models import Model
from labkit._browsing.problems import Problem, Watch, shown_errors
from labkit.errors import BrowserError

if TYPE_CHECKING:
    from playwright.sync_api import Page as RawPage

    from labkit._browsing.labs import Lab

__all__ = ["Page"]

_PATIENCE_S = 120.0  # a machine that does much else; everything takes a second or two
_POLL_MS = 50
_AROUND_PX = 160  # what JupyterLab has above and below a notebook
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Page(Model):
    """A page of JupyterLab, and what went wrong in it; made by :meth:`Browser.page`.

    Attributes
    ----------
    raw : playwright.sync_api.Page
        Playwright's page: keyboard, mouse, locators, evaluate.

    Notes
    -----
    A wait that fails says what it waited for, as :class:`BrowserError`.
    """

    def __init__(self, raw: "RawPage", lab: "Lab") -> None:
        super().__init__(raw)
        self._lab = lab
        self._watch = Watch(raw)
        self._least = 0  # how many runs of cells were asked for
        raw.set_default_timeout(_PATIENCE_S * 1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the page; the kernel goes on, see :meth:`Lab.end_kernels`."""
        self.raw.context.close()

    def open(
        self,
        notebook: str,
        *,
        view: str = "lab",
        width: int = 1280,
        height: int = 1000,
        theme: str = "light",
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Self:
        """Open a fresh copy of a notebook and wait until its kernel is ready.

        Parameters
        ----------
        notebook : str
            Its path below the checkout: ``notebooks/00_start_here.ipynb``; or that of
            a file which was written into the lab's folder.
        view : {"lab", "doc"}
            The whole of JupyterLab, or the single-document view.
        width, height : int
            Of the window, in pixels.
        theme : {"light", "dark"}
            JupyterLab's theme.
        settings : mapping, optional
            More of JupyterLab's settings: for each plug-in its values.

        Returns
        -------
        Page
            This page.

        Raises
        ------
        BrowserError
            There is no such notebook, or no kernel was ready in time.
        """
        themes = {"@jupyterlab/apputils-extension:themes": {"theme": _THEMES[theme]}}
        self._lab.set_settings({**themes, **(settings or {})})
        self._lab.renew(notebook)
        self.raw.set_viewport_size({"width": width, "height": height})
        token = self._lab.token
        self.raw.goto(f"{self._lab.url}/{view}/tree/{notebook}?token={token}&reset")
        return self.wait_ready()

    def wait_ready(self, timeout_s: float = _PATIENCE_S) -> Self:
        """Wait until a notebook is shown, and its kernel is idle and connected."""
        self.until(self._is_ready, "a kernel that is ready", timeout_s)
        return self

    def run_all(self, *, wait: bool = True, timeout_s: float = _PATIENCE_S) -> Self:
        """Run all cells, as the menu does, and wait until the kernel did them all.

        Parameters
        ----------
        wait : bool
            False returns at once; see :meth:`wait_idle`.
        timeout_s : float
            Seconds the run may take.

        Returns
        -------
        Page
            This page.

        Raises
        ------
        BrowserError
            The run takes longer; the message names the cell that it is at.
        """
        runs = [c for c in self.cells() if c["type"] == "code" and c["source"].strip()]
        return self._run("notebook:run-all-cells", len(runs), wait, timeout_s)

    def run_cell(
        self, cell_id: str, *, wait: bool = True, timeout_s: float = _PATIENCE_S
    ) -> Self:
        """Run one code cell, and wait until the kernel did it; see :meth:`run_all`."""
        self._ask("activate", cell_id)
        return self._run("notebook:run-cell", 1, wait, timeout_s)

    def wait_idle(self, timeout_s: float = _PATIENCE_S) -> Self:
        """Wait until the kernel has answered everything, and all outputs are here."""
        return self._wait_for(self._least, timeout_s)

    def interrupt(self) -> Self:
        """Press the stop button; returns at once, see :meth:`wait_idle`."""
        self._ask("order", "notebook:interrupt-kernel")
        return self

    def restart(self) -> Self:
        """Restart the kernel, confirm that, and wait until it is ready again."""
        before = self._ask("restarts")
        self._ask("order", "notebook:restart-kernel")
        self.raw.locator(".jp-Dialog button.jp-mod-accept").click()
        self.until(lambda: self._ask("restarts") > before, "the kernel's restart")
        self.wait_ready()
        self._least = 0
        self._ask("forget")
        return self

    def problems(self, *kinds: str) -> list[Problem]:
        """Return what went wrong since the page was opened.

        Parameters
        ----------
        *kinds : str
            Which kinds of :class:`Problem`; all by default.

        Returns
        -------
        list of Problem
            Empty when all is well.
        """
        stray = [Problem(**seen) for seen in self.raw.evaluate("labkit.stray")]
        found = [*self._watch.seen, *stray, *shown_errors(self.cells())]
        return [problem for problem in found if not kinds or problem.kind in kinds]

    def until(
        self,
        condition: Callable[[], object],
        what: str,
        timeout_s: float = _PATIENCE_S,
    ) -> None:
        """Ask again and again until it is true, while the page lives on.

        Raises
        ------
        BrowserError
            It was not true in time; the message says `what` was waited for.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise BrowserError(
                    f"waited {timeout_s:.0f} s for {what} in {self._place()}; take a "
                    f"screenshot to see why. Problems so far: {self._watch.seen}"
                )
            self.raw.wait_for_timeout(_POLL_MS)

    def screenshot(self, path: Path | str, *, cell_id: str = "") -> Path:
        """Write a PNG of the whole notebook, or of one cell; return its path."""
        if cell_id:
            self.cell(cell_id).screenshot(path=path, animations="disabled")
            return Path(path)
        size = self.raw.viewport_size or {"width": 1280, "height": 1000}
        tall = int(self._ask("height")) + _AROUND_PX
        self.raw.set_viewport_size({"width": size["width"], "height": tall})
        self._ask("scrollUp")
        self.raw.screenshot(path=path, animations="disabled")
        self.raw.set_viewport_size(size)
        return Path(path)

    def _run(self, order: str, runs: int, wait: bool, timeout_s: float) -> Self:
        self._least = int(self._ask("asked")) + runs
        self._ask("order", order)
        return self._wait_for(self._least, timeout_s) if wait else self

    def _wait_for(self, least: int, timeout_s: float) -> Self:
        try:
            self.until(lambda: self._ask("isDone", least), "its cells", timeout_s)
        except BrowserError as problem:
            waiting = ", ".join(self._ask("waiting")) or "nothing"
            problem.add_note(f"the kernel has not answered: {waiting}")
            raise
        return self

    def _is_ready(self) -> bool:
        from playwright.sync_api import Error

        try:
            return bool(self._ask("isReady"))
        except Error as problem:
            if "context was destroyed" in str(problem):  # JupyterLab loads itself anew
                return False
            raise

    def _place(self) -> str:
        return urlsplit(self.raw.url).path  # the rest has the token
