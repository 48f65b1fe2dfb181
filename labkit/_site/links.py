"""What the pages of a built site point at: each place must be there, and be local."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["Findings", "check"]

# What a browser fetches by itself when it shows a page, by tag.
_FETCHED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
# Of a <link>, those that are names and no files.
_NAMES = {"canonical", "alternate", "author", "license", "help"}
_IN_CSS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
_ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_INLINE = ("data:", "#", "about:")


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with a site, and where it leads; each list is sorted."""

    broken: list[str]
    """A sentence for each link to a page, a file or a place that is not there."""
    fetched: list[str]
    """A sentence for each thing that a page would fetch from another machine."""
    outside: list[str]
    """The addresses that readers may go to; nobody asked whether they answer."""
    pages: int
    """How many pages there are."""


@dataclass(slots=True)
class _Page:
    """The links of one page, as they are written."""

    places: set[str] = field(default_factory=set)
    goes: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Gathers the links of a page, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.page = _Page()
        self._css = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag points at."""
        given = {name: value or "" for name, value in attrs}
        self._css = tag == "style"
        self.page.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.page.goes.append(given["href"])
        if tag == "link" and not _NAMES & {*given.get("rel", "").split()}:
            self._fetch(given.get("href", ""))
        for name in _FETCHED.get(tag, ()):
            for one in _split(name, given.get(name, "")):
                self._fetch(one)
        self._read_css(given.get("style", ""))

    def handle_endtag(self, _: str) -> None:
        """Leave a style sheet."""
        self._css = False

    def handle_data(self, data: str) -> None:
        """Read a style sheet within the page."""
        if self._css:
            self._read_css(data)

    def _read_css(self, text: str) -> None:
        for one in in_css(text):
            self._fetch(one)

    def _fetch(self, address: str) -> None:
        if address and not address.startswith(_INLINE):
            self.page.fetches.append(address)


def _split(name: str, value: str) -> Iterator[str]:
    if name == "srcset" and not value.startswith("data:"):
        yield from (part.split()[0] for part in value.split(",") if part.strip())
    else:
        yield value


def in_css(text: str) -> list[str]:
    """Return what a style sheet fetches."""
    return [first or second for first, second in _IN_CSS.findall(text)]


def check(folder: Path) -> Findings:
    """Look at every page and style sheet of a built site.

    Parameters
    ----------
    folder : pathlib.Path
        The site.

    Returns
    -------
    Findings
    """
    pages = {path: _read(path) for path in sorted(folder.rglob("*.html"))}
    broken: set[str] = set()
    fetched: set[str] = set()
    outside: set[str] = set()
    for path, page in pages.items():
        outside |= {one for one in page.goes if _ELSEWHERE.match(one)}
        fetched |= set(_far(folder, path, page.fetches))
        near = [one for one in (*page.goes, *page.fetches) if not _ELSEWHERE.match(one)]
        broken |= set(_missing(folder, path, near, pages))
    for path in sorted(folder.rglob("*.css")):
        text = path.read_text(encoding="utf-8", errors="replace")
        wanted = [one for one in in_css(text) if not one.startswith(_INLINE)]
        fetched |= set(_far(folder, path, wanted))
        near = [one for one in wanted if not _ELSEWHERE.match(one)]
        broken |= set(_missing(folder, path, near, pages))
    return Findings(sorted(broken), sorted(fetched), sorted(outside), len(pages))


def _read(path: Path) -> _Page:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader.page


def _far(folder: Path, path: Path, wanted: Iterable[str]) -> Iterator[str]:
    name = path.relative_to(folder).as_posix()
    for one in wanted:
        if _ELSEWHERE.match(one):
            yield f"{name} would fetch {one}: no page may need another machine."


def _missing(
    folder: Path, path: Path, links: Iterable[str], pages: dict[Path, _Page]
) -> Iterator[str]:
    name = path.relative_to(folder).as_posix()
    for link in links:
        parts = urlsplit(link)
        if parts.scheme:
            continue  # mailto:, data: and the like lead to no file
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            yield f"{name} links to {link}: there is no such file in the site."
        elif parts.fragment and file in pages:
            place = unquote(parts.fragment)
            if place not in pages[file].places:
                yield f"{name} links to {link}: that page has no place of this name."
