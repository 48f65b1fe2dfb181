"""Take the picture of one subject, in a page of a real JupyterLab."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from labkit._gallery.subjects import Subject

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from labkit.browsing import Lab, Page

__all__ = ["take"]

ROOT = Path(__file__).resolve().parents[2]

_WIDTH_PX = 960  # the README is about as wide
_TALL_PX = 8000  # all cells are in sight, so that nothing has to be scrolled
_FRONT_PX = 760  # the first lessons of the list
_BESIDE_PX = 310  # JupyterLab's sidebars
_COLOURS = 96  # text and lines need few, and the file is a fifth of the size
_ALL_LOADED = "[...document.images].every(image => image.complete)"
# The frame around a selected cell, and what shows itself at the pointer.
_PLAIN = ".jp-Cell .jp-Toolbar, .jp-Notebook-footer {visibility: hidden !important}"


class _Box(TypedDict):
    x: float
    y: float
    width: float
    height: float


def take(subject: Subject, page: "Page", lab: "Lab", path: Path) -> None:
    """Open, run, wait, and write a picture of a few colours.

    Parameters
    ----------
    subject : Subject
        What is shown.
    page : Page
        Where.
    lab : Lab
        The server of the page.
    path : pathlib.Path
        The PNG file to write.

    Raises
    ------
    BrowserError
        The cells do not come to say what they should.
    """
    clip = _front(subject, page) if subject.page else _cells(subject, page, lab)
    page.raw.mouse.move(0, 0)
    _write(page.raw.screenshot(clip=clip, animations="disabled"), path)


def _front(subject: Subject, page: "Page") -> _Box:
    """Show JupyterLab's first page; return the part that is wanted."""
    page.open_first_page(width=_WIDTH_PX + _BESIDE_PX, height=_FRONT_PX)
    place = page.raw.locator(subject.page)
    page.until(lambda: subject.ends_with in _words(place.inner_html()), subject.name)
    return _box(place)


def _cells(subject: Subject, page: "Page", lab: "Lab") -> _Box:
    """Open the notebook and run it; return the part of the page with what is shown."""
    if subject.own:
        lab.write(subject.notebook, subject.own)
    page.open(subject.notebook, view="doc", width=_WIDTH_PX, height=_TALL_PX)
    page.raw.add_style_tag(content=_PLAIN)
    cell, file = subject.answer
    if cell:
        header = page.source(cell).partition("\n")[0]
        page.set_source(cell, f"{header}\n{_code(ROOT / file)}")
    _run(subject, page)
    page.select(page.cells()[0]["id"])  # its frame is out of the picture
    return _frame(subject, page)


def _run(subject: Subject, page: "Page") -> None:
    last = page.cell(subject.shown[-1])
    cells = [cell["id"] for cell in page.cells() if cell["type"] == "code"]
    end = len(cells) if subject.own else cells.index(_last_code(subject, cells)) + 1
    for cell_id in cells[:end]:
        page.run_cell(cell_id)
    page.until(lambda: subject.ends_with in _words(last.inner_html()), subject.name)
    page.until(lambda: page.raw.evaluate(_ALL_LOADED), "its images")


def _code(path: Path) -> str:
    """Return an answer without the comments that are for the kit's own people."""
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("#"))


def _last_code(subject: Subject, cells: list[str]) -> str:
    return [cell_id for cell_id in subject.shown if cell_id in cells][-1]


def _words(html: str) -> str:
    return " ".join(html.replace("<strong>", "").replace("</strong>", "").split())


def _frame(subject: Subject, page: "Page") -> _Box:
    """Return the part of the page with the cells that are shown."""
    boxes = []
    for number, cell_id in enumerate(subject.shown):
        place = page.cell(cell_id)
        if subject.only_output:
            place = place.locator(".jp-OutputArea-output img").last
        elif subject.from_output and number == 0:
            place = place.locator(".jp-Cell-outputWrapper")
        boxes.append(_box(place))
    left, top = min(b["x"] for b in boxes), min(b["y"] for b in boxes)
    right = max(b["x"] + b["width"] for b in boxes)
    bottom = max(b["y"] + b["height"] for b in boxes)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def _box(place: "Locator") -> _Box:
    box = place.bounding_box()
    assert box is not None  # noqa: S101 - it was waited for
    return {
        "x": box["x"],
        "y": box["y"],
        "width": box["width"],
        "height": box["height"],
    }


def _write(shot: bytes, path: Path) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(shot)) as image:
        few = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
