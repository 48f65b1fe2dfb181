"""The README's pictures: each is there, small, and described."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "notebooks" / "images"
MAX_KB = 150
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"!\[([^]]*)\]\(notebooks/images/([^)]+)\)", README))


def test_every_picture_is_shown_and_there():
    """The README shows the pictures that there are, and no others."""
    assert {*SHOWN.values()} == {path.name for path in IMAGES.glob("*.png")}


def test_pictures_are_small_and_have_words():
    """Each is quickly fetched, and says what it shows to those who do not see it."""
    assert [words for words in SHOWN if len(words) < 60] == []
    sizes = {path.name: path.stat().st_size for path in IMAGES.glob("*.png")}
    assert {name for name, size in sizes.items() if size > MAX_KB * 1000} == set()
