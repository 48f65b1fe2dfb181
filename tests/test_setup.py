"""The set-up itself, run for real on a small copy of the kit that needs no network."""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from programs import free_address, posix_only

from labkit import setup

needs_installation = pytest.mark.skipif(
    not [*importlib.metadata.distributions(name="queue-labkit")],
    reason="labkit is on the path here, not installed: nothing says what it needs",
)
FILES = ("__init__.py", "__main__.py", "setup.py", "formerly.py")
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "queue-labkit"
version = "1.0.0"
dependencies = [{needs}]
optional-dependencies.test = [{extra}]
"""
# Makes the link to the checkout that hatchling would make, without the download.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "queue_labkit-1.0.0-py3-none-any.whl"
    info = "queue_labkit-1.0.0.dist-info"
    wheel = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    about = "Metadata-Version: 2.1\\nName: queue-labkit\\nVersion: 1.0.0\\n"
    about += pathlib.Path("needs.txt").read_text()
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        archive.writestr("labkit.pth", str(pathlib.Path().resolve()))
        archive.writestr(info + "/WHEEL", wheel)
        archive.writestr(info + "/METADATA", about)
        archive.writestr(info + "/RECORD", "")
    return name
"""
# Stands for JupyterLab: says where it runs and with what, and ends with status 7.
COMMAND = """
import json, sys

def main(argv):
    print(json.dumps({"argv": argv, "prefix": sys.prefix}))
    return 7
"""


class Kit:
    """A small checkout to set up."""

    def __init__(self, root):
        self.root = root
        (root / "labkit/commands").mkdir(parents=True)
        (root / "notebooks").mkdir()
        for name in FILES:
            shutil.copy(setup.ROOT / "labkit" / name, root / "labkit" / name)
        for name in ("lab", "test"):
            self.write(f"labkit/commands/{name}.py", COMMAND)
        self.write("backend.py", BACKEND)
        self.write("constraints.txt", "")
        self.need("")

    def write(self, name, text):
        """Write a file of the checkout."""
        (self.root / name).write_text(text, encoding="utf-8")

    def need(self, package, extra=""):
        """Let the kit depend on a package, or on none; likewise its tests."""
        quoted = {"needs": package, "extra": extra}
        quoted = {key: name and f'"{name}"' for key, name in quoted.items()}
        self.write("pyproject.toml", PROJECT.format(**quoted))
        needs = package and f"Requires-Dist: {package}\n"
        self.write("needs.txt", f"Provides-Extra: test\n{needs}")

    def start(self, *arguments, command="lab", **variables):
        """Start ``python -m labkit lab`` in the checkout, without uv."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        ours = {"PIP_CONFIG_FILE": os.devnull, "PATH": os.defpath}
        return subprocess.Popen(
            [sys.executable, "-m", "labkit", command, *arguments],
            cwd=self.root,
            env={**kept, **ours, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **variables):
        """Run it to its end; return its status, its JSON and its messages."""
        with self.start(*arguments, **variables) as child:
            return finish(child)


def finish(child):
    """Wait for a run of the small kit."""
    said, messages = child.communicate(timeout=400)
    return child.returncode, json.loads(said) if said else None, messages


def read_until(child, text):
    """Read the messages of a run up to a line with a text."""
    for line in child.stderr:
        if text in line:
            return
    pytest.fail(f"the run ended without saying {text!r}")


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Return a checkout whose first set-up was interrupted, and that is set up now."""
    if not importlib.util.find_spec("ensurepip"):
        pytest.skip("this Python makes no environments: it lacks ensurepip")
    made = Kit(tmp_path_factory.mktemp("ready") / "kit")
    if os.name == "posix":  # Windows has no SIGINT for one process
        with made.start() as child:
            read_until(child, "setting up .venv")
            child.send_signal(signal.SIGINT)
            made.interrupted = finish(child)
    made.first = made.run("--port", "8899")
    return made


@pytest.mark.long
@posix_only
def test_interrupt_is_one_sentence(ready):
    """Ctrl-C half-way: status 130; the next run, which `ready` did, makes it whole."""
    status, said, messages = ready.interrupted
    assert (status, said) == (130, None)
    assert messages.startswith("labkit: the set-up was interrupted: run")
    assert messages.count("\n") == 1


@pytest.mark.long
def test_first_run_sets_up_and_hands_over(ready):
    """The first run says at once that it began; the command runs in .venv."""
    status, said, messages = ready.first
    assert status == 7
    assert said["argv"] == ["--port", "8899"]
    assert Path(said["prefix"]).samefile(ready.root / ".venv")
    first, *_, last = messages.splitlines()
    assert first.startswith("labkit: setting up .venv: up to 700 MB and a few minutes")
    assert last == "labkit: .venv is ready."


@pytest.mark.long
def test_second_run_starts_at_once(ready):
    """Once set up, a command runs in .venv without a word about it."""
    status, said, messages = ready.run("again")
    assert (status, messages) == (7, "")
    assert said["argv"] == ["again"]


@pytest.mark.long
def test_an_extra_is_added_to_what_is_there(ready):
    """A command that needs more leaves the rest alone: JupyterLab may be running."""
    ready.need("", extra="pip>=1")
    assert ready.run()[0] == 7  # pyproject.toml is new, and so all of it is looked at
    link = next((ready.root / ".venv").rglob("labkit.pth"))
    before = link.stat().st_mtime_ns
    assert ready.run(command="test")[0] == 7
    assert link.stat().st_mtime_ns == before
    assert ready.run(command="test")[2] == ""
    assert ready.run()[2] == ""


@pytest.mark.long
def test_a_moved_checkout_is_set_up_again(ready, tmp_path):
    """A .venv whose checkout was moved has a link to the old place."""
    moved = Kit(tmp_path / "moved")
    shutil.rmtree(moved.root)
    shutil.copytree(ready.root, moved.root, symlinks=True)
    status, said, messages = moved.run()
    assert status == 7
    assert Path(said["prefix"]).samefile(moved.root / ".venv")
    assert "ready" in messages


@pytest.mark.long
def test_no_network_is_one_sentence_and_two_at_once_take_turns(ready):
    """Without a network: one sentence, status 1; with it, one set-up at a time."""
    closed = "http://{}:{}/simple".format(*free_address())
    index = {"PIP_INDEX_URL": closed, "PIP_RETRIES": "0"}
    ready.need("labkit-no-such-package>=1")
    status, said, messages = ready.run(**index)
    assert (status, said) == (1, None)
    last = messages.splitlines()[-1]
    assert last.startswith("labkit: that failed, see above: go online, or mend it, and")
    assert "Traceback" not in messages
    ready.need("")
    with ready.start() as first, ready.start() as second:
        ended = [finish(first), finish(second)]
    assert [status for status, _, _ in ended] == [7, 7]
    assert sum("ready" in said for _, _, said in ended) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            (setup, "NEEDED_MB"),
            10**9,
            " MB free, 1000000000 needed: make room and run ",
        ),
        (
            (importlib.util, "find_spec"),
            lambda _: None,
            "environments: install it (on Debian and Ubuntu",
        ),
    ],
)
def test_no_room_and_no_venv_are_one_sentence_each(
    monkeypatch, tmp_path, name, value, said
):
    """What cannot be is refused before anything is made."""
    kit = Kit(tmp_path / "kit")
    for part, path in {"ROOT": "", "STATE": "x", "VENV": "y", "PYTHON": "z"}.items():
        monkeypatch.setattr(setup, part, kit.root / path)
    monkeypatch.setattr(shutil, "which", lambda _: None)  # no uv
    monkeypatch.setattr(*name, value)
    with pytest.raises(SystemExit, match=re.escape(said)):
        setup.run_in_venv(["lab"], ())
    assert not (kit.root / "y").exists()


@needs_installation
def test_this_environment_is_fit():
    """The environment that runs these tests lacks nothing, so no .venv is made."""
    assert setup.lacking(("test",)) == []
    assert setup.run_in_venv(["test"], ("test",)) is None


def test_without_a_checkout_nothing_is_set_up(monkeypatch, tmp_path):
    """From a wheel pip has seen to it; the lessons are copies nearby, or installed."""
    monkeypatch.setattr(setup, "is_checkout", lambda: False)
    assert setup.run_in_venv(["test"], ("test",)) is None
    monkeypatch.chdir(tmp_path)
    assert setup.lessons() == setup.course() == Path(setup.__file__).parent / "course"
    lesson = tmp_path / setup.LESSONS / "notebooks" / "00_start_here.ipynb"
    lesson.parent.mkdir(parents=True)
    lesson.touch()
    assert setup.lessons() == tmp_path / setup.LESSONS
    monkeypatch.chdir(lesson.parent)
    assert setup.lessons() == tmp_path / setup.LESSONS


@pytest.mark.long
@needs_installation
def test_megabytes_are_as_said():
    """What a learner's set-up installs, and what the tests add, fits the figures."""
    waiting, sizes = ["queue-labkit"], {}
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop())[0].lower().replace("_", "-")
        if name in sizes:
            continue
        try:
            there = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another system
            continue
        files = [Path(there.locate_file(file)) for file in there.files or ()]
        kept = [file for file in files if file.suffix != ".pyc" and file.is_file()]
        sizes[name] = sum(file.stat().st_size for file in kept) / 1_000_000
        lines = there.requires or ()
        waiting += [line for line in lines if "extra ==" not in line]
    assert 300 < sum(sizes.values()) < 450
    assert 450 < setup.NEEDED_MB < 2 * sum(sizes.values())
    page = setup.ROOT / "notebooks" / "instructor" / "classroom.md"
    said = re.search(r"\((\d+) MB on the disk", page.read_text("utf-8"))
    assert 0.7 * int(said[1]) < sum(sizes.values()) < int(said[1])
