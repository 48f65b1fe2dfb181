"""The ways in that cannot be tried here: a codespace, Binder, conda, a workflow."""

import json
import re
from pathlib import Path

import pytest
import yaml

from labkit import __main__ as command_line

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTAINER = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
# The names that the specification of development containers has for what we set.
FIELDS = {
    "name": str,
    "image": str,
    "hostRequirements": dict,
    "postCreateCommand": str,
    "forwardPorts": list,
    "portsAttributes": dict,
    "customizations": dict,
}
PORT_FIELDS = {"label", "onAutoForward", "protocol", "requireLocalPort"}
AUTO = {"notify", "openBrowser", "openBrowserOnce", "openPreview", "silent", "ignore"}


@pytest.mark.parametrize("name", CONTAINER)
def test_container_has_known_fields(name):
    """Each field is one that the specification knows, of the type that it wants."""
    assert isinstance(CONTAINER[name], FIELDS[name])


def test_container_has_a_python_that_will_do():
    """The image's Python is that of environment.yml, and not too old."""
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    wanted = yaml.safe_load(text)["dependencies"][0].partition("=")[2]
    assert CONTAINER["image"] == f"python:{wanted}"
    assert tuple(map(int, wanted.split("."))) >= command_line.OLDEST


def test_container_installs_what_the_readme_says():
    """The container's set-up is README's first command, which shows its help here."""
    command = CONTAINER["postCreateCommand"].removesuffix(" --help")
    assert f"\n{command}\n" in README
    assert command.split()[-1] in command_line.COMMANDS


def test_container_shows_the_port_of_jupyterlab():
    """The port that JupyterLab takes first is forwarded, with a name."""
    assert CONTAINER["forwardPorts"] == [8888]
    attributes = CONTAINER["portsAttributes"]["8888"]
    assert set(attributes) <= PORT_FIELDS
    assert attributes["onAutoForward"] in AUTO


def test_container_extensions_have_names_that_exist():
    """An extension is PUBLISHER.NAME, and the two that notebooks need are there."""
    extensions = CONTAINER["customizations"]["vscode"]["extensions"]
    assert {"ms-python.python", "ms-toolsai.jupyter"} <= set(extensions)
    assert all(re.fullmatch(r"[\w-]+\.[\w-]+", name) for name in extensions)


@pytest.mark.parametrize(
    "name", ["binder", ".binder", "requirements.txt", "Dockerfile"]
)
def test_nothing_hides_environment_yml_from_binder(name):
    """Binder reads environment.yml only where nothing goes before it."""
    assert not (ROOT / name).exists()


def test_readme_tells_every_way_in():
    """Each way in has a row of README's table."""
    for words in (
        "conda env create",
        "own virtual environment",
        "Codespaces",
        "Binder",
    ):
        assert any(
            line.startswith("|") and words in line for line in README.splitlines()
        )


def test_workflow_tries_what_cannot_be_tried_here():
    """A browser, Binder's image and a codespace's container: each has a job."""
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert {"browser", "binder", "codespace", "conda"} <= set(jobs)
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert "python -m labkit test tests/browser" in commands
