"""The site of the lessons: ``python -m labkit site`` runs them and makes pages.

For readers who have not installed anything. The pages need no server and no network;
the lessons are run in copies, so that no outputs get into the checkout.
"""

__all__ = ["build", "main"]

import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from labkit._site import diagrams, links, manuscripts, pages, printing, runs, visits
from labkit.errors import LabkitError, SiteError
from labkit.testing import settle_in

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = Path("build", "site")

HELP = f"""\
Usage: python -m labkit site [FOLDER] [--blank]

Runs every lesson and makes a site of pages that need no server and no network:
lessons with their outputs, the tasks of the exercises, the teachers' pages. Ends with
an error when a lesson fails, a link leads nowhere or a page needs another machine.

  FOLDER    where it goes, {DEFAULT.as_posix()} by default; what is there is replaced
  --blank   do not run the lessons: a quick look at the pages
  --help    this text"""


def main(argv: list[str]) -> int:
    """Build the site.

    Parameters
    ----------
    argv : list of str
        The folder, and options.

    Returns
    -------
    int
        0, or 1 after an error that was told, or 2 for arguments that make no sense.
    """
    if "--help" in argv or "-h" in argv:
        print(HELP)
        return 0
    folders = [text for text in argv if text != "--blank"]
    if len(folders) > 1 or any(text.startswith("-") for text in folders):
        print(f"labkit: site takes one folder and --blank, not {' '.join(argv)!r}.")
        return 2
    folder = Path(folders[0]) if folders else ROOT / DEFAULT
    began = time.monotonic()
    try:
        found = build(folder, blank="--blank" in argv)
    except LabkitError as problem:
        print(f"labkit: {problem}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - began
    print(f"{found.pages} pages in {seconds:.0f} s; every link within them leads on.")
    for address in found.outside:
        print(f"  not looked at, outside: {address}")
    print(
        f"Open {os.path.relpath(folder / 'index.html')} in a browser: no server needed."
    )
    return 0


def build(folder: Path, *, blank: bool = False) -> links.Findings:
    """Run the lessons, make the pages, check them, and put them in their place.

    Parameters
    ----------
    folder : pathlib.Path
        Where the site goes. A site that is there is replaced when the new one is
        complete, and kept when it is not.
    blank : bool, default False
        Leave the lessons as they are, without outputs.

    Returns
    -------
    labkit._site.links.Findings
        What the site links to; nothing broken.

    Raises
    ------
    SiteError
        A lesson failed, a page could not be made, or a link leads nowhere; or
        `folder` holds something that is no site.
    """
    refuse_other(folder)
    with tempfile.TemporaryDirectory(prefix="labkit-site-") as name:
        scratch = Path(name).resolve()
        source, target = scratch / "source", scratch / "site"
        pages.gather(ROOT, source)
        if not blank:
            play(source, scratch)
        finish(source, scratch, blank=blank)
        tell("making the pages")
        printing.print_pages(source, target, scratch / "doctrees")
        found = links.check(target)
        wrong = [*found.broken, *found.fetched, *look(target)]
        if wrong:
            raise SiteError("the site is not as it should be:\n" + "\n".join(wrong))
        replace(folder, target)
    return found


def play(source: Path, scratch: Path) -> None:
    """Run the lessons, in a home of their own."""
    environment = dict(os.environ)
    home = scratch / "home"
    home.mkdir()
    settle_in(home, environment)
    lessons = pages.stages(source)
    tell(f"running {len(lessons)} notebooks, {runs.AT_A_TIME} at a time")
    runs.run_all(lessons, scratch / "runs", environment, tell)


def finish(source: Path, scratch: Path, *, blank: bool) -> None:
    """Make the notebooks fit for pages."""
    import nbformat

    lessons, sets = pages.stages(source), pages.sets(source)
    books = {path: nbformat.read(path, as_version=4) for path in (*lessons, *sets)}
    prose = [cell.source for book in books.values() for cell in book.cells]
    sources = [one for text in prose for one in manuscripts.MERMAID.findall(text)]
    tell(f"drawing {len(sources)} diagrams")
    drawings = diagrams.draw(sources)
    if not drawings:
        tell("no browser was found: pages have the diagrams' words in their place")
    note = pages.PLAIN_NOTE if blank else pages.LESSON_NOTE
    facts = {"python": platform.python_version(), "system": platform.system()}
    places = named_places(scratch)
    for path, book in books.items():
        below = note.format(number=path.stem[:2], **facts)
        said = below if path in lessons else pages.EXERCISES_NOTE
        manuscripts.finish(book, said, drawings, places)
        nbformat.write(book, path)


def look(target: Path) -> list[str]:
    """Open the pages in a browser, where there is one; return what is wrong."""
    tell("looking at every page")
    wrong = visits.visit(target)
    if wrong is None:
        tell(
            "no browser was found: nobody looked whether the pages show as they should"
        )
    return wrong or []


def named_places(scratch: Path) -> dict[str, str]:
    """Return this machine's folders, and what a page calls them."""
    runs_in = {
        str(folder): "~/kit/notebooks" for folder in scratch.glob("runs/*/notebooks")
    }
    home = {str(Path.home()): "~"} if len(Path.home().parts) > 1 else {}
    return {**home, str(ROOT): "~/kit", str(scratch): "~", **runs_in}


def refuse_other(folder: Path) -> None:
    """Refuse to replace a folder that is no site, such as somebody's documents."""
    if (
        folder.exists()
        and any(folder.iterdir())
        and not (folder / "index.html").exists()
    ):
        raise SiteError(
            f"{folder} holds files and is no site: name a folder that is empty, or "
            "that does not exist."
        )


def replace(folder: Path, target: Path) -> None:
    """Put the new site in the place of the old one, at once."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".site-") as name:
        shutil.move(target, Path(name, "new"))  # may cross file systems, and take time
        if folder.exists():
            folder.rename(Path(name, "old"))
        Path(name, "new").rename(folder)


def tell(text: str) -> None:
    """Print one line to the person who waits."""
    print(f"site: {text}", file=sys.stderr, flush=True)
