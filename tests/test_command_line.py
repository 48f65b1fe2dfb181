"""The command line before anything is installed."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import labkit
from labkit import __main__ as command_line
from labkit import setup

ROOT = Path(__file__).resolve().parent.parent
PRETEND_OLD = """
import collections, runpy, sys
sys.version_info = (3, 8, 18, "final", 0)
sys.argv = ["labkit", "lab"]
runpy.run_module("labkit", run_name="__main__")
"""


def python(*arguments, **options):
    """Run this interpreter in the checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


def test_no_arguments_print_the_table():
    """Without a command every command is listed, with what it does."""
    done = python("-m", "labkit")
    assert done.returncode == 0
    for name, (module, _, what) in command_line.COMMANDS.items():
        assert importlib.util.find_spec(f"labkit.{module}")
        assert re.search(rf"^  {name} +{re.escape(what)}$", done.stdout, re.MULTILINE)


def test_an_unknown_command_is_one_sentence(capsys, monkeypatch):
    """A slip of the finger gets the way to the list."""
    monkeypatch.setattr(sys, "argv", ["labkit", "labb"])
    assert command_line.main() == 2  # as the script labkit calls it
    said = f"labkit: there is no command 'labb'; {setup.LABKIT} lists them all.\n"
    assert capsys.readouterr().err == said


def test_old_python_gets_one_sentence():
    """An old Python is told what was found, what is needed and what to type."""
    done = python("-c", PRETEND_OLD)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "this is Python 3.8" in done.stderr
    assert "needs Python 3.11 or newer: install one" in done.stderr
    assert done.stderr.endswith("then type its name: python3.11 -m labkit lab\n")


@pytest.mark.parametrize("name", ["__init__", "__main__"])
def test_old_python_can_read_it(name):
    """What is read before the sentence for old Pythons has the syntax of 3.6."""
    source = (ROOT / "labkit" / f"{name}.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))


@pytest.mark.parametrize("name", ["__init__", "__main__", "setup"])
def test_before_the_set_up_only_the_standard_library(name):
    """What runs before the set-up imports nothing that may be missing."""
    source = (ROOT / "labkit" / f"{name}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for module in names:
            assert module.partition(".")[0] in {*sys.stdlib_module_names, "labkit"}


def test_the_version_is_said_once_more_where_people_cite():
    """CITATION.cff and the newest heading of CHANGELOG.md name labkit's version."""
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {labkit.__version__}\n" in cited
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.findall(r"^## (\d\S+) - (\S+)$", changes, re.MULTILINE)[0]
    assert newest[0] == labkit.__version__
    assert f'date-released: "{newest[1]}"' in cited


def test_oldest_python_is_said_once_more_in_pyproject():
    """The sentence for old Pythons and pyproject.toml name the same version."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest = ".".join(map(str, command_line.OLDEST))
    assert f'requires-python = ">={oldest}"' in text


def test_all_tests_install_what_they_need(monkeypatch):
    """A browser's driver and the linters come with what takes long."""
    asked = []
    install = lambda _, extras: asked.append(extras) or 0  # noqa: E731
    monkeypatch.setattr(setup, "run_in_venv", install)
    for words in ("lab", "test -k queue", "test --all"):
        assert command_line.main(words.split()) == 0
    assert asked == [(), ("test",), ("test", "browser", "lint")]
