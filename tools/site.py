"""Make the site: README, lessons as they ran, exercises and teachers' pages, to read.

    python tools/site.py [FOLDER] [--blank]

MyST-NB runs the lessons, in copies, and makes pages that need no server and no
network. JupyterLab draws the diagrams, in the browser that is there, once for each
theme. Needs the extras `site` and `browser`; ``--blank`` leaves the lessons unrun.
"""

import argparse
import html
import io
import operator
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
TITLE = "Queues between processes that do not know each other"
CELL_TIMEOUT_S = 180  # a cell of a lesson takes seconds
PAGES = "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE-TEXT.md"
FILES = "LICENSE", "CITATION.cff", "labkit/__init__.py"  # which pages link to
LEFT_OUT = shutil.ignore_patterns("work", ".ipynb_checkpoints", "__pycache__", "*.key")
NOTE = """

```{note}
To work this lesson, open it in JupyterLab: `python3 -m labkit lab`. Panes, questions
and dashboards are live there; here you read what they said when the site was made.
```
"""
TREE = "\n```{{toctree}}\n:hidden:\n:caption: {}\n\n{}\n```\n"
MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DRAWN = """() => [...document.querySelectorAll('.jp-RenderedMermaid img')].map(
  image => `width="${image.width}" src="${image.src}"`)"""
PREVIEW = {"defaultViewers": {"markdown": "Markdown Preview"}}
COUNT = "n => document.querySelectorAll('.jp-RenderedMermaid img').length >= n"
WIDGET = "application/vnd.jupyter.widget"
HOMES = "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "LABKIT_PROGRESS"
SETTINGS = {
    "project": TITLE,
    "html_title": TITLE,
    "language": "en",
    "root_doc": "index",
    "extensions": ["myst_nb"],
    "suppress_warnings": ["config.cache"],  # a function is no value to keep
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": operator.methodcaller("replace", " ", "-"),  # as a lab
    "nb_execution_excludepatterns": ["exercises/release/*/*"],
    "nb_execution_raise_on_error": True,
    "nb_merge_streams": True,
    "nb_ipywidgets_js": {},
    # A widget is live in a lesson; here its twin in HTML or text stands for it.
    "nb_mime_priority_overrides": [("*", f"{WIDGET}-view+json", None)],
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "use_download_button": False,
        "home_page_in_toc": True,
        "navbar_persistent": [],
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
        "toc_title": "On this page",
    },
    "html_static_path": [str(ROOT / "tools" / "site.css")],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
}


def main(argv):
    """Build the site; return 0, or say in a sentence what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", default="build/site", type=Path)
    parser.add_argument("--blank", action="store_true", help="do not run the lessons")
    options = parser.parse_args(argv)
    folder = options.folder.resolve()
    if folder.exists() and not (folder / "index.html").exists():
        sys.exit(f"site: {folder} is there and is no site; name another folder")
    with tempfile.TemporaryDirectory(prefix="labkit-site-") as scratch:
        source, target = Path(scratch, "kit").resolve(), Path(scratch, "site")
        gather(ROOT, source)
        build(source, target, run=not options.blank)
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(target, folder)
    print(f"Open {folder / 'index.html'} in a browser: it needs no server.")
    return 0


def gather(root, source):
    """Copy what becomes the site, in the shape of the checkout, so that links hold."""
    for name in ("notebooks", "exercises/release", "deploy"):
        shutil.copytree(root / name, source / name, ignore=LEFT_OUT)
    for name in (*PAGES, *FILES):
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy2(root / name, source / name)
    index, exercises = source / "index.md", source / "exercises" / "index.md"
    shutil.copy2(root / "README.md", index)
    exercises.write_text("# Exercises\n\nOne set to each lesson.\n", encoding="utf-8")
    teachers = source / "notebooks" / "instructor" / "README.md"
    others = [exercises, teachers, source / "deploy" / "README.md"]
    others += [source / name for name in PAGES]
    list_pages(index, "Lessons", (source / "notebooks").glob("[0-9]*.ipynb"))
    list_pages(index, "To the lessons", others)
    list_pages(exercises, "Sets", (source / "exercises/release").glob("*/*.ipynb"))
    list_pages(teachers, "Pages", {*teachers.parent.glob("*.md")} - {teachers})


def list_pages(page, caption, paths):
    """Add pages to the contents, below another page."""
    rows = []
    for path in sorted(paths):
        place = path.relative_to(page.parent).with_suffix("").as_posix()
        words = path.stem.replace("_", " ")  # a title has no number
        rows.append(f"{words} <{place}>" if words[0].isdigit() else place)
    with page.open("a", encoding="utf-8") as file:
        file.write(TREE.format(caption, "\n".join(rows)))


def build(source, target, *, run=True, timeout_s=CELL_TIMEOUT_S):
    """Make pages of a folder with ``index.md``; exit with a sentence if it fails."""
    prepare(source)
    for name in HOMES:  # not the reader's own
        os.environ[name] = str(source.parent / name)
    mode = {"nb_execution_mode": "force" if run else "off"}
    if warned := print_pages(
        source, target, mode | {"nb_execution_timeout": timeout_s}
    ):
        sys.exit(f"site: the pages are not as they should be:\n{warned}")
    names = {str(source): "~/kit", str(ROOT): "~/kit", str(source.parent): "~"}
    for page in target.rglob("*.html"):
        page.write_text(tidy(page.read_text("utf-8"), names), encoding="utf-8")
    if wrong := check(target):
        sys.exit("site: the pages are not as they should be:\n" + "\n".join(wrong))


def prepare(source):
    """Put drawings in the place of diagrams, and a note on each lesson."""
    import nbformat

    books = {path: nbformat.read(path, 4) for path in source.rglob("*.ipynb")}
    cells = [c for b in books.values() for c in b.cells if c.cell_type == "markdown"]
    diagrams = [found for cell in cells for found in MERMAID.findall(cell.source)]
    drawings = draw(list(dict.fromkeys(diagrams)))
    for cell in cells:
        cell.source = MERMAID.sub(lambda found: drawings[found[1]], cell.source)
        # Without a blank line Markdown takes it for a part of the last sentence.
        cell.source = re.sub(r"\n+</details>", "\n\n</details>", cell.source)
    for path, book in books.items():
        if path.parent.name == "notebooks":
            first = book.cells[0]
            first.source = first.source.replace("\n", NOTE, 1)
        nbformat.write(book, path)


def draw(diagrams):
    """Return each diagram as HTML: a picture for each theme, drawn by JupyterLab."""
    if not diagrams:
        return {}
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from chromium import open_browser
    from labs import Lab

    drawn = dict.fromkeys(diagrams, "")
    with Lab() as lab, open_browser() as browser:
        fences = "\n\n".join(f"```mermaid\n{text}```" for text in diagrams)
        (lab.folder / "diagrams.md").write_text(fences, encoding="utf-8")
        for theme in ("light", "dark"):
            name = f"JupyterLab {theme.capitalize()}"
            lab.set_settings(
                {
                    "@jupyterlab/apputils-extension:themes": {"theme": name},
                    "@jupyterlab/docmanager-extension:plugin": PREVIEW,
                }
            )
            page = browser.new_page()
            page.goto(f"{lab.url}/lab/tree/diagrams.md?token={lab.token}&reset")
            page.wait_for_function(COUNT, arg=len(diagrams), timeout=120_000)
            for text, shown in zip(diagrams, page.evaluate(DRAWN), strict=True):
                # The diagram's own words say what it shows.
                words = re.findall(r"(?m)^\s*acc(?:Title|Descr):\s*(.+)$", text)
                alt = html.escape(". ".join(words))
                drawn[text] += f'<img class="only-{theme}" alt="{alt}" {shown}>'
    return {t: f'<div class="labkit-diagram">{s}</div>' for t, s in drawn.items()}


def print_pages(source, target, changes):
    """Run Sphinx, which runs the notebooks; return what it warned of."""
    from ipython_pygments_lexers import IPython3Lexer
    from myst_nb.core.execute.base import ExecutionError
    from pygments.token import Name
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    class CellLexer(IPython3Lexer):
        """A cell whose first line may be a magic with a whole program below it."""

        magic = r"\A(%%(?:process|answer|time)\b.*|%%writefile .*\.py)\n"
        tokens = {  # noqa: RUF012 - as pygments has it
            **IPython3Lexer.tokens,
            "root": [(magic, Name.Decorator), *IPython3Lexer.tokens["root"]],
        }

    warned = io.StringIO()
    places = [source, None, target, target.parent / "doctrees", "html"]
    try:
        with patch_docutils(), docutils_namespace():
            settings = {**SETTINGS, **changes}
            app = Sphinx(*places, settings, sys.stdout, warned)
            app.add_lexer("ipython3", CellLexer)
            app.build()
    except ExecutionError as problem:
        lesson = Path(str(problem)).relative_to(source)
        sys.exit(f"site: {lesson} failed: {problem.__cause__}")
    except RuntimeError as problem:  # the kernel died
        sys.exit(f"site: a lesson failed: {problem}\n{warned.getvalue()}")
    for form in (target / "_static").glob("*.html"):
        form.unlink()  # the theme's own forms: no pages, with links that lead nowhere
    return re.sub(r"\x1b\[[\d;]*m", "", warned.getvalue()).strip()


def tidy(text, names):
    """Take this machine's folders and what only a kernel needs out of a page."""
    text = re.sub(f'(?s)<script type="{WIDGET}.+?</script>', "", text)
    # Outputs link to the checkout's notebooks, from wherever the lesson ran.
    link = r'href="[^"]*?/(notebooks|exercises/release)/([^"]+)\.ipynb'
    text = re.sub(link, r'href="../\1/\2.html', text)
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return text


def check(folder):
    """Return a sentence for each link that leads nowhere, or asks another machine."""
    from bs4 import BeautifulSoup

    wanted, places, wrong = [], {}, set()
    for path in folder.rglob("*.html"):
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        places[path.resolve()] = {tag["id"] for tag in page.select("[id]")}
        wanted += [(path, *link) for link in links(page)]
    for path in folder.rglob("*.css"):
        wanted += [(path, link, False) for link in in_css(path.read_text("utf-8"))]
    for path, link, followed in wanted:
        parts, name = urlsplit(link), path.relative_to(folder).as_posix()
        if parts.netloc and not followed:
            wrong.add(f"{name} would fetch {link}: no page may need another machine")
        if not (parts.scheme or parts.netloc):
            file = path.parent / unquote(parts.path) if parts.path else path
            file = file.resolve()
            place = unquote(parts.fragment)
            if not file.exists() or place not in {"", *places.get(file, [place])}:
                wrong.add(f"{name} links to {link}: there is no such place in the site")
    return sorted(wrong)


def links(page):
    """Yield what a page points at, and whether a reader has to follow it."""
    for tag in page.select("[src], [href], object[data]"):
        link = tag.get("src") or tag.get("href") or tag.get("data") or ""
        if not {"canonical", "alternate", "license"} & {*tag.get("rel", [])}:
            yield link, tag.name == "a"
    for tag in page.select("style, [style]"):
        yield from ((link, False) for link in in_css(tag.get("style") or tag.text))


def in_css(text):
    """Return what a style sheet fetches."""
    found = re.findall(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", text)
    return [first or second for first, second in found]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
