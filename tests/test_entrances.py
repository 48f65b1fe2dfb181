"""The ways in that cannot be tried here: a codespace, Binder, conda, a workflow."""

import json
from pathlib import Path

import yaml

from labkit import __main__ as command_line

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTAINER = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))


def test_environment_is_what_binder_reads_and_the_container_has():
    """environment.yml names the one Python that Binder understands, and pyproject."""
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    python, *rest = yaml.safe_load(text)["dependencies"]
    assert python == "python=3.13"
    assert rest == ["pip", {"pip": ["-c constraints.txt", "-e .[test]"]}]
    assert CONTAINER["image"] == python.replace("=", ":")


def test_container_installs_what_the_readme_says():
    """Its set-up is README's first command, which shows its help; the port is shown."""
    command = CONTAINER["postCreateCommand"].removesuffix(" --help")
    assert f"\n{command}\n" in README
    assert command.split()[-1] in command_line.COMMANDS
    assert CONTAINER["forwardPorts"] == [8888]
    extensions = CONTAINER["customizations"]["vscode"]["extensions"]
    assert {"ms-python.python", "ms-toolsai.jupyter"} <= set(extensions)


def test_readme_tells_every_way_in():
    """Each way in has a row of README's table."""
    rows = [line for line in README.splitlines() if line.startswith("|")]
    ways = "conda env create", "own virtual environment", "Codespaces", "Binder"
    assert [words for words in ways if not any(words in row for row in rows)] == []


def test_workflow_tries_what_cannot_be_tried_here():
    """A browser, Binder's image and a codespace's container: each has a job."""
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert {"browser", "binder", "codespace", "conda"} <= set(jobs)
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert "python -m labkit test tests/browser" in commands
