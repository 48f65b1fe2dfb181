"""Diagrams as pictures: drawn once, by the JupyterLab that draws them in a lesson.

Its mermaid is on this machine already; a page's own would come from another one.
"""

from collections.abc import Iterable
from typing import Any

from labkit._site.manuscripts import diagram
from labkit.browsing import Browser, Lab, find_browser

__all__ = ["draw"]

_NAME = "diagrams.md"
_SETTINGS = {
    "@jupyterlab/docmanager-extension:plugin": {
        "autosave": False,
        "defaultViewers": {"markdown": "Markdown Preview"},
    }
}
_PATIENCE_MS = 120_000  # 3 s on an idle machine
_DRAWN = ".jp-RenderedMermaid img"
_READY = f"count => document.querySelectorAll('{_DRAWN}').length >= count"
# The text that a picture was drawn from is kept beside it.
_PICTURES = """() => [...document.querySelectorAll('.jp-RenderedMermaid')].map(
    (drawn) => [
        drawn.querySelector('code.mermaid').textContent,
        drawn.querySelector('img').src,
        drawn.querySelector('img').width,
    ])"""


def draw(sources: Iterable[str]) -> dict[str, str]:
    """Draw mermaid diagrams.

    Parameters
    ----------
    sources : iterable of str
        What stands in the fences.

    Returns
    -------
    dict of str to str
        For each text the HTML of its pictures, one for each theme; empty where no
        browser is: a page then has each diagram's words.

    Raises
    ------
    BrowserError
        JupyterLab or the browser did not start.
    playwright.sync_api.TimeoutError
        JupyterLab did not draw every diagram.
    """
    wanted = list(dict.fromkeys(sources))
    if not wanted or find_browser() is None:
        return {}
    with Lab() as lab, Browser() as browser:
        page = "\n\n".join(f"```mermaid\n{source}```" for source in wanted)
        (lab.folder / _NAME).write_text(page, encoding="utf-8")
        light = _pictures(lab, browser, "light", len(wanted))
        dark = _pictures(lab, browser, "dark", len(wanted))
    return {
        source: diagram(source, *light[source.strip()], dark[source.strip()][0])
        for source in wanted
    }


def _pictures(
    lab: Lab, browser: Browser, theme: str, count: int
) -> dict[str, tuple[str, int]]:
    """Return each diagram's picture in a theme, and its width in pixels."""
    named = {"theme": f"JupyterLab {theme.capitalize()}"}
    lab.set_settings({"@jupyterlab/apputils-extension:themes": named, **_SETTINGS})
    with browser.page(lab) as page:
        page.raw.goto(f"{lab.url}/lab/tree/{_NAME}?token={lab.token}&reset")
        page.raw.wait_for_function(_READY, arg=count, timeout=_PATIENCE_MS)
        found: list[list[Any]] = page.raw.evaluate(_PICTURES)
    return {source.strip(): (address, width) for source, address, width in found}
