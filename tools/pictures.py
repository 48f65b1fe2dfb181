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
WIDTH_PX, TALL_PX = 960, 8000  # as wide as the README; all cells are in sight
COLOURS = 96  # text and lines need few, and the file is a fifth of the size
PLAIN = ".jp-Cell .jp-Toolbar, .jp-Notebook-footer {visibility: hidden !important}"
LOADED = "[...document.images].every(image => image.complete)"
WRONG = """%%answer 04.1
def consume(orders, handle, idle_s):
    while True:
        try:
            order = orders.get(timeout=idle_s)
        except Exception as e:
            if "Empty" in str(e):
                return
            raise
        handle(order)"""
DASHBOARD = "dashboard(server)"
SERVER = """from threading import Event
from labkit import dashboard, start_server
server = start_server(name='shop')
orders = server.connect().get_queue('orders')"""
TRAFFIC = """for n in range(150):
    orders.put_many(['tea'] * (9 if n % 50 < 12 else 1))
    orders.get_many(3, timeout=1)
    Event().wait(0.1)"""
VIEW = {"view": "doc", "width": WIDTH_PX, "height": TALL_PX}


def lesson_04(book):
    """Show a pane, a question and a program with its pane."""
    book.open(path_of("notebooks/04_*.ipynb"), **VIEW)
    cells = ["04-server", "04-server-listens", "04-predict-producer", "04-producer"]
    run_until(book, cells[-1])
    said = book.cell("04-producer").get_by_text(re.compile("exit code 0"))
    said.first.wait_for()
    first = book.cell(cells[0]).locator(".jp-Cell-outputWrapper")
    return [first, *map(book.cell, cells[1:])]


def exercise_04(book):
    """Show a task, a wrong answer, and what the kit says of it."""
    book.open(path_of("exercises/release/04_*/*.ipynb"), **VIEW)
    book.set_source("%%answer 04.1", WRONG)
    run_until(book, "ex04-1-check")
    book.cell("ex04-1-check").get_by_text(re.compile("points")).first.wait_for()
    return [book.cell(f"ex04-1-{part}") for part in ("task", "answer", "check")]


def throughput_06(book):
    """Show the figure of lesson 06: direct against proxied queues."""
    book.open(path_of("notebooks/06_*.ipynb"), **VIEW)
    run_until(book, "06-compare")
    return [book.cell("06-compare").locator(".jp-OutputArea-output img").last]


def dashboard(book):
    """Show a dashboard whose queue fills in bursts and is emptied."""
    path = book.lab.write("notebooks/dashboard.ipynb", SERVER, DASHBOARD, TRAFFIC)
    book.open(path, **VIEW).run_all()
    return [book.cell(DASHBOARD).locator(".jp-Cell-outputWrapper")]


PICTURES = {
    "lesson-04": lesson_04,
    "exercise-04": exercise_04,
    "throughput-06": throughput_06,
    "dashboard": dashboard,
}


def path_of(pattern):
    """Return the path in the course of the notebook that a pattern names."""
    (path,) = ROOT.glob(pattern)
    return path.relative_to(ROOT).as_posix()


def run_until(book, last):
    """Run the code cells of a notebook up to one of them."""
    for cell in book.cells()[: book.find(last)[0] + 1]:
        if cell["type"] == "code":
            book.run_cell(cell["id"])


def shoot(book, places):
    """Return a picture of the part of the page that holds these places."""
    book.select(book.cells()[0]["id"])  # its frame is out of the picture
    book.page.add_style_tag(content=PLAIN)
    book.page.wait_for_function(LOADED)
    book.page.mouse.move(0, 0)
    boxes = [place.bounding_box() for place in places]
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    clip = {
        "x": left,
        "y": top,
        "width": max(box["x"] + box["width"] for box in boxes) - left,
        "height": max(box["y"] + box["height"] for box in boxes) - top,
    }
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
            shot = shoot(book, PICTURES[name](book))
            few = Image.open(io.BytesIO(shot)).convert("RGB")
            few = few.quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(IMAGES / f"{name}.png", optimize=True)
            page.close()
            lab.end_kernels()
            print(name, (IMAGES / f"{name}.png").stat().st_size // 1000, "kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
