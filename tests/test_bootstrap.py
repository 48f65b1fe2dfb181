"""The command line before anything is installed, and where a command runs."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labkit import __main__ as command_line
from labkit import bootstrap

ROOT = Path(__file__).resolve().parent.parent
BEFORE_SET_UP = [
    "__init__",
    "__main__",
    "bootstrap",
    "_bootstrap/environments",
    "_bootstrap/installer",
    "locks",
    "_bootstrap/pip_output",
]
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
    for name, (_, _, what) in command_line.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", done.stdout, re.MULTILINE)


def test_help_is_the_same_table(capsys):
    """--help prints what no arguments print."""
    assert command_line.main(["--help"]) == 0
    assert capsys.readouterr().out == command_line.usage() + "\n"


def test_unknown_command_names_the_nearest(capsys):
    """A slip of the finger gets one sentence with the command that was meant."""
    assert command_line.main(["labb"]) == 2
    said = capsys.readouterr().err
    assert said == "labkit: there is no command 'labb'; did you mean 'lab'?\n"


def test_unknown_command_with_no_near_one(capsys):
    """A command like no other gets the way to the list."""
    assert command_line.main(["xyzzy"]) == 2
    assert "python -m labkit lists them all" in capsys.readouterr().err


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_every_command_has_its_module(name):
    """The table of commands names modules that exist."""
    module, _, _ = command_line.COMMANDS[name]
    assert importlib.util.find_spec(f"labkit.{module}") is not None


def test_old_python_gets_one_sentence(tmp_path):
    """An old Python is told what was found, what is needed and what to type."""
    done = python("-c", PRETEND_OLD, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "this is Python 3.8" in done.stderr
    assert "needs Python 3.11 or newer: install one" in done.stderr
    assert done.stderr.endswith("then type: python3.11 -m labkit lab\n")


@pytest.mark.skipif(os.name == "nt", reason="there no command has a version's name")
def test_old_python_names_a_newer_one(tmp_path):
    """Where a newer Python is on the path, it is the one to type."""
    for name in ("python3.10", "python3.12"):
        (tmp_path / name).symlink_to(sys.executable)
    done = python("-c", PRETEND_OLD, env={**os.environ, "PATH": str(tmp_path)})
    said = "python3.12 is on this machine, so type: python3.12 -m labkit lab\n"
    assert done.stderr.endswith(said)


@pytest.mark.parametrize("name", BEFORE_SET_UP)
def test_old_python_can_read_it(name):
    """What is read before the sentence for old Pythons has the syntax of 3.6."""
    source = (ROOT / "labkit" / f"{name}.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))


@pytest.mark.parametrize("name", BEFORE_SET_UP)
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


def test_oldest_python_is_said_once_more_in_pyproject():
    """The sentence for old Pythons and pyproject.toml name the same version."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest = ".".join(map(str, command_line.OLDEST))
    assert f'requires-python = ">={oldest}"' in text


def test_dispatch_is_light():
    """A command without set-up starts without argparse and package metadata."""
    code = (
        "import sys; from labkit import __main__; __main__.main(['--help']);"
        "print(sorted({'argparse', 'importlib.metadata', 'tomllib'} & {*sys.modules}))"
    )
    done = python("-I", "-c", f"sys = __import__('sys'); sys.path[0:0] = ['.']; {code}")
    assert done.stdout.splitlines()[-1] == "[]"


def test_requirements_have_the_form_that_is_understood():
    """Each dependency is a name with one lower bound, which satisfied() can read."""
    for line in bootstrap.requirements(ROOT, ("test",)):
        assert re.fullmatch(r"[A-Za-z0-9._-]+>=[0-9.]+", line)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("pytest", True),
        ("pytest>=9", True),
        ("pytest>=9.0.0", True),
        ("pytest>=99.1", False),
        ("labkit-no-such-package", False),
    ],
)
def test_satisfied_compares_versions(requirement, expected):
    """A distribution counts from its bound on, compared as numbers."""
    assert bootstrap.satisfied(requirement) is expected


def test_this_environment_is_fit():
    """The environment that runs these tests lacks nothing, so no .venv is made."""
    assert bootstrap.unmet(ROOT, ("test",)) == []
    assert bootstrap.prepare(["lab"], ("test",)) is None


def test_another_checkout_is_not_this_one(tmp_path):
    """Labkit installed from one checkout does not count for another."""
    text = '[project]\ndependencies = ["pytest>=9"]\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert bootstrap.unmet(tmp_path, ()) == ["labkit"]
