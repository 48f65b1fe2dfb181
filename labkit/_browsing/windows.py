"""The window in which notebooks are shown one after the other; how to wait there."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from labkit._browsing.models import Model
from labkit._browsing.problems import Watch
from labkit.errors import BrowserError

if TYPE_CHECKING:
    from playwright.sync_api import Page as RawPage

    from labkit._browsing.labs import Lab

__all__ = ["PATIENCE_S", "Window"]

PATIENCE_S = 120.0  # a machine that does much else; everything takes a second or two
_POLL_MS = 50
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Window(Model):
    """Opens and closes notebooks.

    Parameters
    ----------
    raw : playwright.sync_api.Page
        Playwright's page, which shows nothing yet.
    lab : Lab
        The server.
    """

    def __init__(self, raw: "RawPage", lab: "Lab") -> None:
        super().__init__(raw)
        self._lab = lab
        self._watch = Watch(raw)
        self._least = 0  # how many runs of cells were asked for
        raw.set_default_timeout(PATIENCE_S * 1000)

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

        What was open is closed, unsaved. JupyterLab itself is loaded at the first time,
        when it must look different, and after something went wrong.

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
        wanted = {**_themed(theme), **(settings or {})}
        mark = f"{view} {json.dumps(wanted)}"
        may_stay = self._may_stay(mark)
        self.leave()
        self._lab.renew(notebook)
        self.raw.set_viewport_size({"width": width, "height": height})
        if may_stay:
            self._ask("enter", notebook)
        else:
            self._load(f"{view}/tree/{notebook}", wanted)
            self._ask("setMark", mark)
        return self.wait_ready()

    def open_first_page(
        self, *, width: int = 1280, height: int = 1000, theme: str = "light"
    ) -> Self:
        """Load JupyterLab anew, with no notebook open; see :meth:`open`.

        It is there when this returns; what its extensions show may come later.
        """
        self.leave()
        self.raw.set_viewport_size({"width": width, "height": height})
        self._load("lab", _themed(theme))
        return self

    def leave(self) -> Self:
        """Close all notebooks and end their kernels; forget what went wrong."""
        self.raw.evaluate("window.labkit ? labkit.leave() : null")
        self._least = 0
        self._watch.seen.clear()
        return self

    def wait_ready(self, timeout_s: float = PATIENCE_S) -> Self:
        """Wait until a notebook is shown, and its kernel is idle and connected."""
        self.until(self._is_ready, "a kernel that is ready", timeout_s)
        return self

    def until(
        self,
        condition: Callable[[], object],
        what: str,
        timeout_s: float = PATIENCE_S,
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

    def _load(self, place: str, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self._lab.set_settings(settings)
        self.raw.goto(f"{self._lab.url}/{place}?token={self._lab.token}&reset")

    def _may_stay(self, mark: str) -> bool:
        """Tell whether JupyterLab need not be loaded anew."""
        return bool(
            not self._watch.seen
            and self.raw.evaluate("window.labkit ? labkit.mark : ''") == mark
            and self._ask("isCalm")
        )

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


def _themed(theme: str) -> dict[str, dict[str, Any]]:
    """Return JupyterLab's settings for a theme."""
    return {"@jupyterlab/apputils-extension:themes": {"theme": _THEMES[theme]}}
