"""A browser visits every page of a built site, and tells what a reader would meet."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.browsing import Browser, find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["visit"]

NARROWEST_PX = 480
_LOCAL = ("file:", "data:", "blob:")
_PATIENCE_MS = 120_000  # a page takes a tenth of a second
_TOO_WIDE = """() => document.documentElement.scrollWidth
    - document.documentElement.clientWidth"""
# A picture without a word, or with the name of its file for one.
_SPEECHLESS = """() => [...document.images]
    .filter((image) => !image.alt.trim() || /\\.\\w+$/.test(image.alt))
    .map((image) => image.src.slice(0, 80))"""
_MISSING = """() => [...document.images]
    .filter((image) => image.complete && !image.naturalWidth)
    .map((image) => image.src.slice(0, 80))"""


def visit(folder: Path) -> list[str] | None:
    """Open every page from its file, as narrow as a page must be readable.

    Parameters
    ----------
    folder : pathlib.Path
        The site.

    Returns
    -------
    list of str or None
        A sentence for each request to another machine, error in a page's scripts,
        page that is wider than its window, and picture that does not load or has no
        text; None where no browser is.
    """
    if find_browser() is None:
        return None
    with Browser() as browser, browser.window(NARROWEST_PX) as page:
        page.set_default_timeout(_PATIENCE_MS)
        met: list[str] = []
        page.on("request", lambda sent: met.extend(_strange(sent.url)))
        page.on("pageerror", lambda error: met.append(f"has an error: {error}"))
        page.on("console", lambda m: met.extend(_wrong(m.type, m.text)))
        found = []
        for path in sorted(folder.rglob("*.html")):
            page.goto(path.as_uri())
            name = path.relative_to(folder).as_posix()
            found += [f"{name} {what}." for what in (*met, *_looks(page))]
            met.clear()
    return found


def _strange(address: str) -> Iterator[str]:
    if not address.startswith(_LOCAL):
        yield f"asks another machine for {address}"


def _wrong(kind: str, text: str) -> Iterator[str]:
    if kind == "error":
        yield f"says in the browser's console: {text}"


def _looks(page: "Page") -> Iterator[str]:
    if wider := page.evaluate(_TOO_WIDE):
        yield f"is {wider} pixels wider than a window of {NARROWEST_PX}"
    for image in page.evaluate(_SPEECHLESS):
        yield f"has a picture without words: {image}"
    for image in page.evaluate(_MISSING):
        yield f"has a picture that does not load: {image}"
