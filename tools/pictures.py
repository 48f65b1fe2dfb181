"""Make the README's pictures from the real thing: python tools/pictures.py [NAME ...].

Lessons, an exercise and a dashboard are opened in JupyterLab and run, in the browser
that is there; what is then seen goes to notebooks/images. Needs the extra `browser`.
"""

import io
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "notebooks" / "images"
VIEW = {"view": "doc", "width": 960, "height": 8000}  # all cells are in sight
COLOURS = 96  # text and lines need few, and the file is a fifth of the size
PLAIN = ".jp-Cell .jp-Toolbar, .jp-Notebook-footer {visibility: hidden !important}"
LOADED = "[...document.images].every(image => image.complete)"
ANSWER = """%%answer 04.1
def consume(orders, handle, idle_s):
    while True:
        try:
            order = orders.get(timeout=idle_s)
        except Exception as e:
            if "Empty" in str(e):
                return
            raise
        handle(order)"""
TRAFFIC = """for n in range(150):  # it fills in bursts
    orders.put_many(['tea'] * (9 if n % 50 < 12 else 1))
    orders.get_many(3, timeout=1)
    Event().wait(0.1)"""
DASHBOARD = (
    "from threading import Event",
    "from labkit import dashboard, start_server",
    "server = start_server(name='shop')",
    "orders = server.connect().get_queue('orders')",
    "dashboard(server)",
    TRAFFIC,
)
# The notebook; the cells that are shown; what the last of them says when it is ready.
PICTURES = {
    "lesson-04": (
        "notebooks/04_*.ipynb",
        ["04-guess-producer", "04-producer"],
        "exit code 0",
    ),
    "exercise-04": (
        "exercises/release/04_*/*.ipynb",
        ["ex04-1-task", "ex04-1-answer", "ex04-1-check"],
        "points",
    ),
    "throughput-06": ("notebooks/06_*.ipynb", ["06-compare"], ""),
    "dashboard": ("", ["dashboard(server)"], "orders"),
}


def show(book, pattern, cells, words):
    """Open a notebook, run it as far as is shown; return what is in the picture."""
    if pattern:
        (path,) = ROOT.glob(pattern)
        book.open(path.relative_to(ROOT).as_posix(), **VIEW)
    else:
        book.open(book.lab.write("notebooks/dashboard.ipynb", *DASHBOARD), **VIEW)
    if "ex04-1-answer" in cells:
        book.set_source("ex04-1-answer", ANSWER)
    end = book.find(cells[-1])[0] + 1 if pattern else None
    for cell in book.cells()[:end]:
        if cell["type"] == "code":
            book.run_cell(cell["id"])
    last = book.cell(cells[-1])
    if not words:
        return [last.get_by_role("img").last]
    last.get_by_text(re.compile(words)).first.wait_for()
    return [book.cell(name) for name in cells]


def shoot(book, places):
    """Return a picture of the part of the page that holds these places."""
    book.select(book.cells()[0]["id"])  # its frame is out of the picture
    book.page.add_style_tag(content=PLAIN)
    book.page.wait_for_function(LOADED)
    book.page.mouse.move(0, 0)
    boxes = [place.bounding_box() for place in places]
    clip = {}
    for start, size in (("x", "width"), ("y", "height")):
        clip[start] = min(box[start] for box in boxes)
        clip[size] = max(box[start] + box[size] for box in boxes) - clip[start]
    return book.page.screenshot(clip=clip, animations="disabled")


def main(names):
    """Make the pictures of these names, or all; return 0."""
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from chromium import open_browser
    from labs import Lab, Notebook
    from PIL import Image

    if unknown := {*names} - {*PICTURES}:
        sys.exit(f"there is no picture {unknown}; choose of {', '.join(PICTURES)}")
    with Lab() as lab, open_browser() as browser:
        for name in names or PICTURES:
            page = browser.new_page(device_scale_factor=1.5, reduced_motion="reduce")
            book = Notebook(page, lab)
            shot = shoot(book, show(book, *PICTURES[name]))
            few = Image.open(io.BytesIO(shot)).convert("RGB")
            few = few.quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(IMAGES / f"{name}.png", optimize=True)
            page.close()
            lab.end_kernels()
            print(name, (IMAGES / f"{name}.png").stat().st_size // 1000, "kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
