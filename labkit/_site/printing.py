"""Sphinx: from a folder of Markdown and notebooks to a folder of pages."""

import io
import os
import re
from pathlib import Path
from typing import Any

from labkit.errors import SiteError

__all__ = ["anchor", "print_pages", "settings"]

LOOK = Path(__file__).with_name("look")
TITLE = "Queues between processes that do not know each other"
_COLOURS = re.compile(r"\x1b\[[\d;]*m")

# Lessons have been run, and their widgets drawn: no script from elsewhere.
_NOTEBOOKS = {
    "nb_execution_mode": "off",
    "nb_ipywidgets_js": {},
    "nb_merge_streams": True,
    # Folded are the questions, whose code explains each answer.
    "nb_code_prompt_show": "Show the code, which has the answers",
    "nb_code_prompt_hide": "Hide the code",
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": f"{__name__}.anchor",
}
_LOOKS = {
    "html_title": TITLE,
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "use_download_button": False,
        "use_repository_button": False,
        "home_page_in_toc": True,
        "navbar_persistent": [],
        "footer_content_items": "",
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
        "toc_title": "On this page",
    },
    "html_context": {"default_mode": "auto"},
    "html_static_path": [str(LOOK)],
    "html_css_files": ["labkit.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
}


def anchor(heading: str) -> str:
    """Return the name of a heading's place, as JupyterLab makes it.

    Parameters
    ----------
    heading : str
        Its text.
    """
    return heading.replace(" ", "-")


def settings() -> dict[str, Any]:
    """Return Sphinx's configuration: nothing from elsewhere, no link to nowhere."""
    return {
        "project": TITLE,
        "author": "the kit's authors",
        "language": "en",
        "root_doc": "index",
        "extensions": ["myst_nb", "labkit._site.lexers"],
        **_NOTEBOOKS,
        **_LOOKS,
    }


def print_pages(source: Path, target: Path, doctrees: Path) -> None:
    """Make the pages.

    Parameters
    ----------
    source : pathlib.Path
        Markdown and notebooks, with ``index.md``.
    target : pathlib.Path
        Where the pages go.
    doctrees : pathlib.Path
        A folder for what Sphinx keeps between reading and writing.

    Raises
    ------
    SiteError
        Sphinx warned of something, such as a link to a page that is not there.
    """
    from sphinx.errors import SphinxError

    warned = io.StringIO()
    try:
        run_sphinx(source, target, doctrees, warned)
    except SphinxError as problem:
        raise SiteError(f"the pages cannot be made: {problem}") from problem
    for form in (target / "_static").glob("*.html"):
        form.unlink()  # the themes' own forms: no pages, with links that lead nowhere
    found = _COLOURS.sub("", warned.getvalue()).replace(f"{source}{os.sep}", "")
    if found.strip():
        raise SiteError(f"the pages are not as they should be:\n{found.strip()}")


def run_sphinx(source: Path, target: Path, doctrees: Path, warned: io.StringIO) -> None:
    """Run Sphinx in this process; it writes what it warns of."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    # Processes side by side where a copy of this one is cheap.
    parallel = min(2, os.cpu_count() or 1) if hasattr(os, "fork") else 1
    with patch_docutils(), docutils_namespace():
        Sphinx(
            srcdir=source,
            confdir=None,
            outdir=target,
            doctreedir=doctrees,
            buildername="html",
            confoverrides=settings(),
            status=None,
            warning=warned,
            parallel=parallel,
        ).build()
