"""The README's pictures: each is there, small, described, and not out of date."""

import re
from dataclasses import replace

import pytest

from labkit import gallery
from labkit._gallery import digests
from labkit._gallery.subjects import SUBJECTS

MAX_KB = 150
every_picture = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)


@every_picture
def test_picture_shows_what_there_is(subject):
    """Nothing that a picture shows has changed since it was taken."""
    assert gallery.stale(subject) == ""


@every_picture
def test_picture_is_small_and_described(subject):
    """The README shows it, with words for those who do not see it."""
    readme = " ".join((digests.ROOT / "README.md").read_text("utf-8").split())
    assert f"![{subject.alt}](notebooks/images/{subject.name}.png)" in readme
    assert digests.picture(subject).stat().st_size < MAX_KB * 1000


def test_no_picture_was_made_by_hand():
    """Each picture that the README shows, and each file beside them, has a subject."""
    names = {f"{subject.name}.png" for subject in SUBJECTS}
    readme = (digests.ROOT / "README.md").read_text("utf-8")
    assert {*re.findall(r"\(notebooks/images/([^)]+)\)", readme)} == names
    assert {path.name for path in digests.FOLDER.glob("*.png")} == names
    assert set(digests.kept()) == {subject.name for subject in SUBJECTS}


@every_picture
def test_subject_is_there(subject):
    """What a picture shows, and what draws it, can be found."""
    parts = digests.parts(subject)
    cells = [name for name in parts if name.startswith("cell ")]
    assert len(cells) >= len(subject.shown)
    assert parts != digests.parts(replace(subject, drawn_by=("labkit/errors.py",)))
    assert all((digests.ROOT / name).is_file() for name in subject.drawn_by)


def test_a_change_is_told_in_one_sentence(monkeypatch):
    """The sentence names the picture, what changed, and the command."""
    subject = SUBJECTS[0]
    cell = f"cell {subject.shown[0]}"
    then = {subject.name: {**digests.parts(subject), cell: "0"}}
    monkeypatch.setattr(digests, "kept", lambda: then)
    assert gallery.stale(subject) == (
        f"notebooks/images/{subject.name}.png is older than what it shows ({cell}): "
        f"python3 -m labkit pictures {subject.name} makes it anew."
    )
    lost = replace(subject, name="nowhere")
    assert gallery.stale(lost).startswith("notebooks/images/nowhere.png is missing: ")


def test_words_for_readers_of_the_code_do_not_count():
    """A comment, a docstring or a line's end in a module makes no picture older."""
    code = 'def add(a, b):\n    """Add."""\n    return f"{a + b}"  # a sum\n'
    same = "def add(a,\n        b):\n    return f'{a + b}'\n".replace("'", '"')
    other = code.replace("a + b", "a - b")
    assert digests._code(code) == digests._code(same) != digests._code(other)


def test_check_says_what_is_out_of_date(capsys):
    """``pictures --check`` needs no browser; its status is 1 if something is old."""
    status = gallery.main(["--check"])
    said = capsys.readouterr().out
    assert status == any(map(gallery.stale, SUBJECTS))
    assert said.endswith("makes it anew.\n" if status else "shows what there is\n")


def test_unknown_picture_is_one_sentence(capsys):
    """A name that is no picture's is answered by the names there are."""
    with pytest.raises(SystemExit):
        gallery.main(["lesson-4"])
    assert "there is no picture 'lesson-4'; choose of lesson" in capsys.readouterr().err
