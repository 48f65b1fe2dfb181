"""The site: a sample is built whole, needs no other machine, and names what fails."""

import importlib.util
import runpy
import sys
from pathlib import Path

import nbformat
import pytest

from labkit import supervised

TOOL = Path(__file__).resolve().parent.parent / "tools" / "site.py"
BUILD = """\
import pathlib, runpy, sys
tool = runpy.run_path(sys.argv[1])
source, target = map(pathlib.Path, sys.argv[2:4])
tool["build"](source, target, timeout_s=int(sys.argv[4]))
"""
LONG_S = 120

if importlib.util.find_spec("myst_nb") is None:
    pytest.skip("the extra 'site' is not installed", allow_module_level=True)

tool = runpy.run_path(str(TOOL))


def lesson(folder, *sources):
    """Write a sample of the site's sources, with one lesson of these code cells."""
    (folder / "notebooks").mkdir(parents=True)
    contents = "# Front\n\n[A lesson](notebooks/01_a.ipynb)\n"
    (folder / "index.md").write_text(contents, encoding="utf-8")
    tool["list_pages"](folder / "index.md", "All", [folder / "notebooks/01_a.ipynb"])
    cells = [nbformat.v4.new_markdown_cell("# Title\n\nWords.\n\n## A claim")]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(book, folder / "notebooks" / "01_a.ipynb")


def build(tmp_path, *sources, timeout_s=60):
    """Build a sample; return the result, and the lesson's page if there is one."""
    source, target = tmp_path / "kit", tmp_path / "site"
    lesson(source, *sources)
    words = [sys.executable, "-c", BUILD, TOOL, source, target, str(timeout_s)]
    done = supervised.run(words, timeout_s=LONG_S)
    page = target / "notebooks" / "01_a.html"
    return done, page.read_text("utf-8") if page.exists() else ""


@pytest.mark.long
def test_lesson_is_run_and_shown_without_a_kernel(tmp_path):
    """A widget stands there as its twin; no script of widgets, and no path of ours."""
    done, page = build(
        tmp_path,
        "import ipywidgets, os\nprint(os.getcwd())",
        "class Pane(ipywidgets.HTML):\n"
        "    def _repr_mimebundle_(self, **_):\n"
        "        bundle = super()._repr_mimebundle_()\n"
        "        return {**bundle, 'text/plain': 'ended (exit code 0)'}\n"
        "Pane('live')",
        "%%time\nimport queue",
    )
    assert done.exit_code == 0, done.output
    assert "ended (exit code 0)" in page
    assert "~/kit/notebooks" in page
    assert str(tmp_path) not in page
    assert "vnd.jupyter.widget" not in page
    assert '<span class="nd">%%time</span>' in page
    assert '<span class="kn">import</span>' in page.partition("%%time")[2]


@pytest.mark.long
def test_hanging_cell_is_named_and_the_build_ends(tmp_path):
    """After its time is over the lesson and the cell are said."""
    done, _ = build(tmp_path, "import time\ntime.sleep(1000)  # the one", timeout_s=3)
    assert done.exit_code == 1
    said = done.output.partition("site: ")[2]
    assert said.startswith("notebooks/01_a.ipynb failed: ")
    assert "time.sleep(1000)  # the one" in said


def put(folder, **files):
    """Write the files of a small site."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def test_broken_links_are_told_one_by_one(tmp_path):
    """A page, a place and pictures that are not there get a sentence each."""
    put(
        tmp_path,
        index_html='<a href="b.html"></a><a href="#nowhere"></a><img src="c.png">',
        look_css="body { background: url('paper.png') }",
    )
    found = tool["check"](tmp_path)
    assert len(found) == 4
    assert "index.html links to b.html: there is no such place in the site" in found


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/x.css">',
        "<style>@import 'https://example.org/x.css';</style>",
        '<p style="background:url(https://example.org/p.png)"></p>',
    ],
)
def test_what_comes_from_elsewhere_is_seen(tmp_path, page):
    """A script, a style, a font or a picture of another machine is named."""
    put(tmp_path, index_html=page)
    (sentence,) = tool["check"](tmp_path)
    assert sentence.startswith("index.html would fetch ")


def test_every_page_is_in_the_contents(tmp_path):
    """No lesson, set or teachers' page is left out."""
    tool["gather"](tool["ROOT"], tmp_path)
    places = {
        "index.md": "notebooks/[0-9]*.ipynb",
        "exercises/index.md": "exercises/release/*/*.ipynb",
        "notebooks/instructor/README.md": "notebooks/instructor/[a-z]*.md",
    }
    for page, pattern in places.items():
        listed = (tmp_path / page).read_text("utf-8").partition("toctree")[2]
        paths = [*tmp_path.glob(pattern)]
        assert [path.stem for path in paths if path.stem not in listed] == []
        assert paths


def test_nothing_but_a_site_is_replaced(tmp_path):
    """A folder with somebody's files is refused in a sentence."""
    put(tmp_path, book_txt="mine")
    with pytest.raises(SystemExit, match="is no site; name another folder"):
        tool["main"]([str(tmp_path)])
