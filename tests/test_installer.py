"""The set-up itself, run for real on a small copy of the kit that needs no network."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labkit._bootstrap import installer
from labkit._bootstrap.environments import Environment

ROOT = Path(__file__).resolve().parent.parent
FILES = ["__init__.py", "__main__.py", "bootstrap.py", "locks.py"]
FILES += [
    f"_bootstrap/{path.name}" for path in (ROOT / "labkit/_bootstrap").glob("*.py")
]
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "labkit"
version = "0.1.0"
dependencies = [{needs}]
optional-dependencies.test = []
"""
# Makes the link to the checkout that setuptools would make, without the download.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "labkit-0.1.0-py3-none-any.whl"
    needs = pathlib.Path("needs.txt").read_text()
    info = "labkit-0.1.0.dist-info"
    wheel = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    about = "Metadata-Version: 2.1\\nName: labkit\\nVersion: 0.1.0\\n"
    about += "Provides-Extra: test\\n" + needs
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        archive.writestr("labkit.pth", str(pathlib.Path().resolve()))
        archive.writestr(info + "/WHEEL", wheel)
        archive.writestr(info + "/METADATA", about)
        archive.writestr(info + "/RECORD", "")
    return name
"""
# Stands for JupyterLab: says where it runs and with what, and ends with status 7.
LAB = """
import json, sys

def main(argv):
    print(json.dumps({"argv": argv, "prefix": sys.prefix}))
    return 7
"""
NO_ENSUREPIP = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == "ensurepip":
            raise ModuleNotFoundError("No module named 'ensurepip'", name=name)

sys.meta_path.insert(0, Refuse())
"""


class Kit:
    """A small checkout to set up."""

    def __init__(self, root):
        self.root = root
        (root / "labkit/_bootstrap").mkdir(parents=True)
        (root / "labkit/_testing").mkdir()
        for name in FILES:
            shutil.copy(ROOT / "labkit" / name, root / "labkit" / name)
        self.write("labkit/_testing/__init__.py", "")
        self.write("labkit/_testing/lab.py", LAB)
        self.write("backend.py", BACKEND)
        self.write("constraints.txt", "")
        self.need("")

    def write(self, name, text):
        """Write a file of the checkout."""
        (self.root / name).write_text(text, encoding="utf-8")

    def need(self, package):
        """Let the kit depend on a package, or on none."""
        self.write("pyproject.toml", PROJECT.format(needs=package and f'"{package}"'))
        self.write("needs.txt", package and f"Requires-Dist: {package}\n")

    def start(self, *arguments, **variables):
        """Start ``python -m labkit lab`` in the checkout."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        return subprocess.Popen(
            [sys.executable, "-m", "labkit", "lab", *arguments],
            cwd=self.root,
            env={**kept, "PIP_CONFIG_FILE": os.devnull, **variables},
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
    said, messages = child.communicate(timeout=120)
    return child.returncode, json.loads(said) if said else None, messages


def read_until(child, text):
    """Read the messages of a run up to a line with a text."""
    for line in child.stderr:
        if text in line:
            return
    pytest.fail(f"the run ended without saying {text!r}")


@pytest.fixture
def kit(tmp_path):
    """Return a checkout that was never set up."""
    return Kit(tmp_path / "kit")


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Return a checkout whose first set-up was interrupted, and that is set up now."""
    made = Kit(tmp_path_factory.mktemp("ready") / "kit")
    if os.name == "posix":  # Windows has no SIGINT for one process
        made.interrupted = interrupt(made)
    made.first = made.run("--port", "8899")
    return made


def interrupt(kit):
    """Start a set-up and press Ctrl-C as soon as it makes the environment."""
    with kit.start() as child:
        read_until(child, "making the environment")
        child.send_signal(signal.SIGINT)
        return finish(child)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_interrupt_is_one_sentence(ready):
    """Ctrl-C half-way: status 130; the next run, which `ready` did, makes it whole."""
    status, said, messages = ready.interrupted
    assert (status, said) == (130, None)
    assert messages.strip().startswith("labkit: the set-up was interrupted; run")
    assert messages.strip().count("\n") == 0


def test_first_run_sets_up_and_hands_over(ready):
    """The first run makes .venv, shows progress, and the command runs in there."""
    status, said, messages = ready.first
    assert status == 7
    assert said["argv"] == ["--port", "8899"]
    assert Path(said["prefix"]).samefile(ready.root / ".venv")
    assert re.search("labkit: setting up .venv, (once|again): ", messages)
    assert "Setting up .venv: making the environment, 0 s" in messages
    assert "Setting up .venv: starting pip, 0 s" in messages
    assert "labkit: the kit is set up in .venv, in " in messages
    log = (ready.root / ".venv" / "install.log").read_text(encoding="utf-8")
    assert "Successfully installed labkit-0.1.0" in log


def test_second_run_starts_at_once(ready):
    """Once set up, a command runs in .venv without a word about it."""
    status, said, messages = ready.run("again")
    assert (status, messages) == (7, "")
    assert said["argv"] == ["again"]


def test_new_requirements_are_installed_in_place(ready):
    """When the list of dependencies changed, pip runs again in the same .venv."""
    ready.need("pip>=1")
    status, _, messages = ready.run()
    assert status == 7
    assert "making the environment" not in messages
    assert "the kit is set up" in messages


def test_extra_of_a_command_is_installed_with_the_others(tmp_path, monkeypatch):
    """A command that needs a group of its own adds it, and takes none away."""
    asked = []
    monkeypatch.setattr(
        installer, "run", lambda argv, *_: (asked.append(argv), (0, ""))[1]
    )
    monkeypatch.setattr(installer, "say", asked.append)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".venv").mkdir()
    installer.install(Environment(tmp_path, ("site", "test")), None)
    assert ".[test,site]" in asked[0]


def test_environment_made_by_hand_is_adopted(ready):
    """A .venv with everything in it and no stamp is used as it is."""
    (ready.root / ".venv" / "labkit-set-up.json").unlink()
    assert ready.run()[::2] == (7, "")
    assert Environment(ready.root).is_complete()


def test_moved_checkout_is_rebuilt(ready, tmp_path):
    """A .venv whose checkout was moved points elsewhere, so it is made anew."""
    moved = tmp_path / "moved"
    shutil.copytree(ready.root, moved, symlinks=True)
    kit = Environment(moved)
    assert not kit.is_complete()
    assert not kit.is_usable()


def test_no_network_is_one_sentence_and_recovers(ready):
    """Without a network: one sentence, status 1; with it the next runs are well.

    They are two at once: one says that it waits, and finds everything done.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    index = {"PIP_INDEX_URL": f"http://127.0.0.1:{closed}/simple", "PIP_RETRIES": "1"}
    ready.need("labkit-no-such-package>=1")
    status, said, messages = ready.run(**index)
    assert (status, said) == (1, None)
    last = messages.splitlines()[-1]
    assert last.startswith("labkit: the packages cannot be installed: there is no way")
    assert "connect this machine to the network" in last
    assert "install.log" in last
    assert "Traceback" not in messages
    ready.need("")
    with ready.start() as first:
        read_until(first, "starting pip")
        with ready.start() as second:
            waited = finish(second)
        done = finish(first)
    assert (done[0], waited[0]) == (7, 7)
    assert "another set-up is at work in this folder; waiting" in waited[2]
    assert "starting pip" not in waited[2]


def test_missing_ensurepip_names_the_package(kit, tmp_path):
    """Where Debian split ensurepip off, the sentence has the command to run."""
    (tmp_path / "sitecustomize.py").write_text(NO_ENSUREPIP, encoding="utf-8")
    status, _, messages = kit.run(PYTHONPATH=str(tmp_path))
    minor = sys.version_info.minor
    assert status == 1
    assert messages.startswith("labkit: this Python has no module 'ensurepip': install")
    assert f"sudo apt install python3.{minor}-venv" in messages
    assert messages.count("\n") == 1
    assert not (kit.root / ".venv").exists()


def test_full_disk_is_seen_before_it_is_full(kit, monkeypatch):
    """With too little room nothing is begun, and the sentence has both numbers."""
    usage = shutil.disk_usage(kit.root)._replace(free=300_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(installer.SetupError, match=r"300 MB are free .* needs 1100 MB"):
        installer.ensure(kit.root, ["labkit"])
    assert not (kit.root / ".venv").exists()


@pytest.mark.skipif(os.name == "nt", reason="a folder's mode means little there")
def test_read_only_folder_is_one_sentence(kit):
    """In a folder that cannot be written to the reader is told to copy the kit."""
    kit.root.chmod(0o555)
    # Root writes anywhere but there: a file system that the kernel makes up.
    root = kit.root if os.geteuid() else Path("/sys")
    with pytest.raises(installer.SetupError, match="read-only folder: copy the kit"):
        installer.ensure(root, ["labkit"])
    kit.root.chmod(0o755)


def test_disk_that_fills_up_is_one_sentence(kit, monkeypatch):
    """A disk that fills up in the middle is told from other failures."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(installer, "start_afresh", full)
    with pytest.raises(installer.SetupError, match="the disk is full: free about 1100"):
        installer.ensure(kit.root, ["labkit"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_vanished_python_is_rebuilt(ready):
    """When .venv's Python has gone, as after an upgrade, .venv is made anew."""
    Environment(ready.root).python.unlink()
    assert interrupt(ready)[0] == 130  # it had begun, and that is enough to see
