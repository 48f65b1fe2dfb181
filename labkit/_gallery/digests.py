"""What a picture was made from, written down beside it, so that its age can be told."""

import hashlib
import io
import json
import tokenize
from collections.abc import Iterator
from pathlib import Path

from labkit._gallery.subjects import Subject

__all__ = ["FOLDER", "changed", "keep", "kept", "parts", "picture"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks" / "images"

_MANIFEST = FOLDER / "pictures.json"
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
}


def picture(subject: Subject) -> Path:
    """Return where a picture is."""
    return FOLDER / f"{subject.name}.png"


def parts(subject: Subject) -> dict[str, str]:
    """Return what a picture shows, with a digest of each.

    Parameters
    ----------
    subject : Subject
        The picture's subject.

    Returns
    -------
    dict of str to str
        For each cell and file its digest, 16 hexadecimal digits. A module's comments,
        docstrings and blanks do not count. Nothing stands for what does not exist.
    """
    found = {f"cell {id_}": _digest(text) for id_, text in _cells(subject)}
    for name in [*subject.drawn_by, *filter(None, subject.answer[1:])]:
        path = ROOT / name
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found[name] = _digest(_code(text) if name.endswith(".py") else text)
    return found


def changed(subject: Subject) -> list[str]:
    """Return which parts of a picture are not what they were when it was taken."""
    then, now = kept().get(subject.name, {}), parts(subject)
    return sorted(name for name in then | now if then.get(name) != now.get(name))


def kept() -> dict[str, dict[str, str]]:
    """Return, for each picture, the parts that it was made from."""
    if not _MANIFEST.exists():
        return {}
    manifest: dict[str, dict[str, str]] = json.loads(_MANIFEST.read_text("utf-8"))
    return manifest


def keep(subject: Subject) -> None:
    """Write down that a picture was made from what there is now."""
    manifest = {**kept(), subject.name: parts(subject)}
    text = json.dumps(manifest, indent=2, sort_keys=True)
    _MANIFEST.write_text(text + "\n", encoding="utf-8")


def _cells(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.own or not subject.notebook:
        yield from subject.own.items()
        return
    book = json.loads((ROOT / subject.notebook).read_text(encoding="utf-8"))
    for cell in book["cells"]:
        if cell["id"] in subject.shown:
            yield cell["id"], "".join(cell["source"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _code(text: str) -> str:
    """Return a module's text without what it does not do, the same on every Python."""
    words, starts = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        docstring = starts and token.type == tokenize.STRING
        if token.type not in _SILENT and not docstring:
            words.append(token.string)
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            starts = token.type in _SILENT
    return "".join("".join(words).split())
