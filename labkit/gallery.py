"""Make the README's pictures from the real thing: ``python -m labkit pictures``.

Lessons, an exercise and a dashboard are opened in a real JupyterLab and run; what is
then to be seen goes to ``notebooks/images``, with a note of what it was made from.
"""

__all__ = ["main", "stale"]

import argparse
import sys

from labkit._gallery import digests
from labkit._gallery.subjects import SUBJECTS, Subject
from labkit.errors import BrowserError

AGAIN = "python3 -m labkit pictures"


def main(argv: list[str]) -> int:
    """Make the pictures, or say which are out of date.

    Parameters
    ----------
    argv : list of str
        The command's arguments.

    Returns
    -------
    int
        The exit status: 0 when all was made, or nothing is out of date.
    """
    names = [subject.name for subject in SUBJECTS]
    parser = argparse.ArgumentParser(
        prog="python -m labkit pictures",
        description="Make the README's pictures from real lessons in a real browser.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--check", action="store_true", help="only say which are out of date"
    )
    asked = parser.parse_args(argv)
    if unknown := [name for name in asked.names if name not in names]:
        parser.error(
            f"there is no picture {unknown[0]!r}; choose of {', '.join(names)}"
        )
    subjects = [one for one in SUBJECTS if one.name in asked.names or not asked.names]
    if asked.check:
        found = [sentence for sentence in map(stale, subjects) if sentence]
        print("\n".join(found) or "every picture shows what there is")
        return int(bool(found))
    return _make(subjects)


def stale(subject: Subject) -> str:
    """Say in one sentence that a picture is older than what it shows.

    Parameters
    ----------
    subject : Subject
        What it shows.

    Returns
    -------
    str
        The sentence, with the command that makes it anew; empty if it is up to date.
    """
    path = digests.picture(subject)
    name = path.relative_to(digests.ROOT).as_posix()
    if not path.is_file():
        return f"{name} is missing: {AGAIN} {subject.name} makes it."
    if not (changed := digests.changed(subject)):
        return ""
    return (
        f"{name} is older than what it shows ({', '.join(changed)}): "
        f"{AGAIN} {subject.name} makes it anew."
    )


def _make(subjects: list[Subject]) -> int:
    from labkit._gallery.shots import take
    from labkit.browsing import Browser, Lab

    try:
        with Lab() as lab, Browser() as browser, browser.page(lab, scale=1.5) as page:
            for subject in subjects:
                path = digests.picture(subject)
                take(subject, page, lab, path)
                digests.keep(subject)
                page.leave()
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)
    except BrowserError as problem:
        print(f"labkit: {problem}", file=sys.stderr)
        return 1
    return 0
