"""A headless browser under the control of Playwright."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from labkit._browsing.finding import find_browser
from labkit._browsing.pages import Page
from labkit.errors import BrowserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page as RawPage

    from labkit._browsing.labs import Lab

__all__ = ["Browser"]

# No sandbox: root in a container has none, and only the kit's own pages are opened.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever a page asks for elsewhere fails, instead of depending on a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_START_MS = 120_000  # 1 s on an idle machine


class Browser:
    """One running headless browser; a context manager.

    Parameters
    ----------
    executable : pathlib.Path, optional
        The browser's program; what :func:`find_browser` finds by default.

    Raises
    ------
    BrowserError
        There is no browser, or Playwright is not installed.

    Notes
    -----
    Playwright's synchronous interface: everything is used in the thread that made it,
    and outside asyncio.
    """

    def __init__(self, executable: Path | None = None) -> None:
        program = executable or find_browser()
        if program is None:
            raise BrowserError(
                "no browser was found: install Chromium or Chrome, or name one in the "
                "environment variable LABKIT_BROWSER"
            )
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            raise BrowserError(
                "Playwright is not installed; run: python -m pip install playwright"
            ) from None
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=program, args=list(_FLAGS), timeout=_START_MS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def page(self, lab: "Lab", *, scale: float = 1) -> Page:
        """Return a page that shows nothing yet, with cookies and storage of its own.

        Parameters
        ----------
        lab : Lab
            The server whose notebooks it opens.
        scale : float
            Pixels of a screenshot for one of the page.

        Returns
        -------
        Page
            A context manager; it does not end the kernels of what it opened.
        """
        context = self._browser.new_context(
            reduced_motion="reduce", device_scale_factor=scale
        )
        return Page(context.new_page(), lab)

    @contextmanager
    def window(self, width: int, scheme: str = "light") -> "Iterator[RawPage]":
        """Open a page for anything but JupyterLab.

        Parameters
        ----------
        width : int
            Of the window, in pixels.
        scheme : {"light", "dark"}
            What the reader's system prefers.

        Yields
        ------
        playwright.sync_api.Page
            Closed afterwards, with its cookies and storage.
        """
        context = self._browser.new_context(
            reduced_motion="reduce",
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        try:
            yield context.new_page()
        finally:
            context.close()

    def close(self) -> None:
        """End the browser, and the program that drives it."""
        self._browser.close()
        self._playwright.stop()
