"""The site of the lessons: widgets to HTML, notebooks to pages, and links."""

import json

import ipywidgets
import nbformat
import pytest
from pygments.token import Keyword, Name

from labkit import site
from labkit._site import (
    lexers,
    links,
    manuscripts,
    pages,
    runs,
    widgetstates,
    widgetviews,
)
from labkit.errors import SiteError

VIEW = "application/vnd.jupyter.widget-view+json"
DIAGRAM = """\
flowchart LR
    accTitle: Two programs & a queue
    accDescr: One program puts, the other gets.
    A --> B
"""


def models(*widgets):
    """Return the state of widgets as a notebook stores it."""
    return ipywidgets.Widget.get_manager_state(widgets=widgets)["state"]


def parts(*widgets):
    """Return the state of widgets, of all in them, and of their layouts."""
    found = []
    for widget in widgets:
        found += [widget, widget.layout, *parts(*getattr(widget, "children", ()))]
    return found


def drawn(widget):
    """Return a widget as HTML."""
    return widgetviews.render(models(*parts(widget)), widget.model_id)


def test_a_pane_is_readable_without_a_kernel():
    """State and output are text, what acts is disabled, and nothing is a script."""
    state = ipywidgets.HTML('<span role="status"><b>server</b>: running</span>')
    log = ipywidgets.HTML('<pre role="log" aria-label="Output">Listening</pre>')
    stop = ipywidgets.Button(description="Stop", tooltip='End "server"')
    scroll = ipywidgets.Box([log], layout={"max_height": "20em"}, tabbable=True)
    page = drawn(ipywidgets.VBox([ipywidgets.HBox([state, stop]), scroll]))
    assert "<b>server</b>: running" in page
    assert '<pre role="group" aria-label="Output">Listening</pre>' in page
    assert 'disabled style="" title="End &quot;server&quot;">Stop</button>' in page
    assert 'style="max-height:20em" tabindex="0"' in page
    assert "status" not in page
    assert "<script" not in page


def test_questions_show_their_answers():
    """Radio buttons and checkboxes are drawn, the chosen one marked, none usable."""
    asked = ipywidgets.RadioButtons(options=["1 < 2", "none"], index=1)
    ticked = ipywidgets.Checkbox(description="the key", value=True)
    page = drawn(ipywidgets.VBox([asked, ticked]))
    assert '<input type="radio" disabled> <span>1 &lt; 2</span>' in page
    assert '<input type="radio" disabled checked> <span>none</span>' in page
    assert '<input type="checkbox" disabled checked> <span>the key</span>' in page


def test_other_widgets_say_their_value():
    """A choice, a text and a kind nobody thought of are shown as their values."""
    task = ipywidgets.Dropdown(options=["01.1", "01.2"], index=1, description="Task")
    hint = ipywidgets.Text(placeholder="a number")
    count = ipywidgets.IntText(7)
    page = drawn(ipywidgets.VBox([task, hint, count]))
    assert '>Task</span> <span class="labkit-value">01.2</span>' in page
    assert '<span class="labkit-value">a number</span>' in page
    assert '<span class="labkit-value">7</span>' in page


def test_hidden_and_missing_widgets_show_nothing():
    """What is not displayed in JupyterLab, or is gone, leaves no trace."""
    hidden = ipywidgets.HTML("secret", layout={"display": "none"})
    assert drawn(hidden) == ""
    assert widgetviews.render({}, "gone") == ""


def test_closed_widgets_keep_what_they_showed(tmp_path, monkeypatch):
    """A pane that the next one replaced is still there for the page."""
    monkeypatch.setattr(ipywidgets.Widget, "close", ipywidgets.Widget.close)
    monkeypatch.setattr(widgetstates, "_closed", {})
    widgetstates.watch()
    pane = ipywidgets.HTML("first")
    name = pane.model_id
    pane.value = "last"
    pane.close()
    widgetstates.keep(str(tmp_path / "states.json"))
    kept = json.loads((tmp_path / "states.json").read_text(encoding="utf-8"))
    assert kept[name]["state"]["value"] == "last"


def test_diagram_has_its_words_with_and_without_pictures():
    """Without a browser the words stand there; with one they are the alt text."""
    words = "Two programs &amp; a queue. One program puts, the other gets."
    assert words in manuscripts.diagram(DIAGRAM).replace(".</strong>", ".")
    page = manuscripts.diagram(DIAGRAM, "data:light", 320, "data:dark")
    assert page.count(f'alt="{words}" width="320"') == 2
    assert 'class="only-dark"' in page


def lesson(output):
    """Return a small notebook that has run."""
    text = (
        f"# Title\n\nWords.\n\n```mermaid\n{DIAGRAM}```\n\n<details>\n\nA\n</details>"
    )
    cell = nbformat.v4.new_code_cell("ask()", outputs=[output])
    cell.metadata["jupyter"] = {"source_hidden": True}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), cell])


def shown(book):
    """Return the HTML of a notebook's only output."""
    return book.cells[1].outputs[0]["data"]["text/html"]


def test_lesson_becomes_a_page():
    """The note stands below the title, the widget is HTML, the question is folded."""
    widget = ipywidgets.HTML("<p>Asked in /build/kit/x.py</p>")
    output = nbformat.v4.new_output(
        "display_data", {VIEW: {"model_id": widget.model_id}, "text/plain": "HTML()"}
    )
    book = lesson(output)
    book.metadata["widgets"] = models(widget, widget.layout)
    manuscripts.finish(book, "NOTE", {}, {"/build/kit": "~/kit"})
    assert book.cells[0].source.startswith("# Title\n\nNOTE\n\nWords.")
    assert "mermaid" not in book.cells[0].source
    assert book.cells[0].source.endswith("A\n\n</details>")
    assert "<p>Asked in ~/kit/x.py</p>" in shown(book)
    assert VIEW not in book.cells[1].outputs[0]["data"]
    assert "hide-input" in book.cells[1].metadata["tags"]
    assert "widgets" not in book.metadata


def test_outputs_link_to_pages():
    """A link from an output to a notebook, wherever it ran, leads to its page."""
    link = '<a href="../../../kit/exercises/release/04_a/04_a.ipynb" target="_blank">'
    book = lesson(nbformat.v4.new_output("display_data", {"text/html": link}))
    manuscripts.finish(book, "", {}, {})
    assert 'href="../exercises/release/04_a/04_a.html"' in shown(book)


def test_programs_in_cells_have_the_colours_of_python():
    """Below a magic stands a program, which is Python unless its name says not."""
    tokens = [*lexers.CellLexer().get_tokens("%%process post\nimport queue\n")]
    assert tokens[0] == (Name.Decorator, "%%process post\n")
    assert (Keyword.Namespace, "import") in tokens
    other = [*lexers.CellLexer().get_tokens("%%writefile a.toml\nimport = 1\n")]
    assert (Keyword.Namespace, "import") not in other


def put(folder, **files):
    """Write the files of a small site."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def test_whole_links_are_found_whole(tmp_path):
    """Links to pages, places and files that are there need no sentence."""
    put(
        tmp_path,
        index_html='<a href="a.html#there"></a><a href="https://example.org/x">x</a>',
        a_html='<h1 id="there"></h1><a href="#there"></a><img src="data:x,y">',
    )
    found = links.check(tmp_path)
    assert (found.broken, found.fetched, found.pages) == ([], [], 2)
    assert found.outside == ["https://example.org/x"]


def test_broken_links_are_told_one_by_one(tmp_path):
    """A page, a place and a picture that are not there get a sentence each."""
    put(
        tmp_path,
        index_html='<a href="b.html"></a><a href="#nowhere"></a><img src="c.png">',
        look_css="body { background: url('paper.png') }",
    )
    broken = links.check(tmp_path).broken
    assert len(broken) == 4
    assert "index.html links to b.html: there is no such file in the site." in broken
    assert (
        "index.html links to #nowhere: that page has no place of this name." in broken
    )


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/x.css">',
        '<img srcset="http://example.org/a.png 2x">',
        "<style>@import 'https://example.org/x.css';</style>",
        '<p style="background:url(https://example.org/p.png)"></p>',
    ],
)
def test_what_comes_from_elsewhere_is_seen(tmp_path, page):
    """A script, a style, a font or a picture of another machine is named."""
    put(tmp_path, index_html=page)
    (sentence,) = links.check(tmp_path).fetched
    assert sentence.startswith("index.html would fetch ")


def test_every_lesson_set_and_guide_is_in_the_contents(tmp_path):
    """No page that is there is left out of the site's contents."""
    pages.gather(site.ROOT, tmp_path)
    contents = (tmp_path / "index.md").read_text("utf-8")
    for path in pages.stages(tmp_path):
        assert f"{pages.title(path)} <notebooks/{path.stem}>" in contents
    listed = (tmp_path / "exercises" / "index.md").read_text("utf-8")
    assert all(
        f"release/{path.stem}/{path.stem}>" in listed for path in pages.sets(tmp_path)
    )
    guides = tmp_path / "notebooks" / "instructor"
    guided = (guides / "README.md").read_text("utf-8").partition("toctree")[2]
    others = {path.stem for path in guides.glob("*.md")} - {"README"}
    assert all(name in guided for name in others)


def play(monkeypatch, tmp_path, statuses):
    """Run notebooks that end as they are told to; return what was told."""
    said = []

    class Ended:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def start(book, _scratch, _env, ended):
        ended.put((book, statuses[book.stem].pop(0), "line 1\nAssertionError: late\n"))
        return Ended()

    monkeypatch.setattr(runs, "_start", start)
    runs.run_all([tmp_path / f"{n}.ipynb" for n in statuses], tmp_path, {}, said.append)
    return said


def test_busy_machine_gets_a_second_try(monkeypatch, tmp_path):
    """A lesson that failed beside others runs once more, alone."""
    said = play(monkeypatch, tmp_path, {"one": [0], "two": [1, 0], "three": [0]})
    assert "once more, alone: two" in said
    assert said[-1].startswith("1 of 1: two, ")


def test_lesson_that_fails_alone_is_an_error(monkeypatch, tmp_path):
    """The error names the notebook and ends with what it said."""
    with pytest.raises(
        SiteError, match=r"(?s)two.ipynb failed: .*AssertionError: late$"
    ):
        play(monkeypatch, tmp_path, {"one": [0], "two": [1, 1, 1]})


def test_site_replaces_a_site_and_nothing_else(tmp_path):
    """An old site goes when the new one is there; other files are never replaced."""
    old, new, other = tmp_path / "old", tmp_path / "new", tmp_path / "other"
    for folder, page in ((old, "index.html"), (new, "index.html"), (other, "book.txt")):
        folder.mkdir()
        put(folder, **{page.replace(".", "_"): str(folder)})
    site.refuse_other(old)
    site.replace(old, new)
    assert (old / "index.html").read_text(encoding="utf-8") == str(new)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "other"]
    with pytest.raises(SiteError, match="is no site: name a folder that is empty"):
        site.refuse_other(other)


def test_arguments_that_make_no_sense_are_told(capsys):
    """Two folders, or an unknown option, end with status 2 and a sentence."""
    assert site.main(["one", "two"]) == 2
    assert site.main(["--fast"]) == 2
    assert "one folder and --blank, not '--fast'" in capsys.readouterr().out
