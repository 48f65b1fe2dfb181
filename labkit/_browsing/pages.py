"""One page of a browser, showing a notebook in JupyterLab."""

from pathlib import Path
from typing import Self

from labkit._browsing.problems import Problem, shown_errors
from labkit._browsing.windows import PATIENCE_S, Window
from labkit.errors import BrowserError

__all__ = ["Page"]

_AROUND_PX = 160  # what JupyterLab has above and below a notebook


class Page(Window):
    """A page of JupyterLab, and what went wrong in it; made by :meth:`Browser.page`.

    Attributes
    ----------
    raw : playwright.sync_api.Page
        Playwright's page: keyboard, mouse, locators, evaluate.

    Notes
    -----
    A wait that fails says what it waited for, as :class:`BrowserError`.
    """

    def run_all(self, *, wait: bool = True, timeout_s: float = PATIENCE_S) -> Self:
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
        self, cell_id: str, *, wait: bool = True, timeout_s: float = PATIENCE_S
    ) -> Self:
        """Run one code cell, and wait until the kernel did it; see :meth:`run_all`."""
        self.select(cell_id)
        return self._run("notebook:run-cell", 1, wait, timeout_s)

    def wait_idle(self, timeout_s: float = PATIENCE_S) -> Self:
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
