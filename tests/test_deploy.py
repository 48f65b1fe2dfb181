"""The files in deploy/, read by those who will read them, as far as they are here."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from labkit.commands import common, master, serve, worker

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
IMAGE = "python:3.13-slim"


@pytest.fixture
def understand():
    """Return a function that lets labkit's own commands read a command line."""
    commands = {"serve": serve, "worker": worker, "master": master}
    return lambda words: common.Parser(commands[words[0]]).parse_args(words[1:])


# Containers


@pytest.fixture(scope="module")
def container():
    """Return the instructions of the Containerfile, in order, each with its words."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    lines = "\n".join(x for x in text.splitlines() if not x.startswith("#"))
    logical = [line for line in re.sub(r"\\\n", " ", lines).splitlines() if line]
    return [tuple(line.split(maxsplit=1)) for line in logical]


def test_container_is_plain_and_its_user_without_rights(container):
    """One image with a tag, made of what the builder gets, and no other package; no key."""
    names, last = [name for name, _ in container], dict(container)
    assert container[0] == ("FROM", IMAGE)
    assert names.count("FROM") == names.count("CMD") == names.count("ENTRYPOINT") == 1
    assert last["USER"] not in {"root", "0"}
    assert "RUN" not in names[names.index("USER") :]
    ignore = (DEPLOY / "Containerfile.dockerignore").read_text("utf-8").split()
    copied = [words.split()[0] for name, words in container if name == "COPY"]
    assert copied == ["labkit"]
    assert ignore[0] == "*"
    assert {f"!{name}" for name in copied} <= {*ignore}
    runs = " ".join(words for name, words in container if name == "RUN")
    assert "pip" not in runs
    assert "key labkit" not in runs
    assert subprocess.run(["sh", "-n", "-c", runs], check=False).returncode == 0


def test_container_runs_a_server(container, understand):
    """Its command is one of labkit's, in the form that gets signals."""
    last = dict(container)
    assert json.loads(last["ENTRYPOINT"]) == ["python", "-m", "labkit"]
    options = understand(json.loads(last["CMD"]))
    assert (options.host, str(options.port)) == ("0.0.0.0", last["EXPOSE"])
    assert f"{last['WORKDIR']}/{options.key_file.parent}" in last["RUN"]


def test_compose_file_is_sound(understand):
    """Its services fit together, and only this machine reaches a port."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    server, workers = services["server"], services["worker"]
    listens, connects = understand(server["command"]), understand(workers["command"])
    assert connects.connect == ("server", listens.port)
    assert str(listens.key_file) == connects.key_file
    assert connects.retry_for
    build = server["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert server["image"] == workers["image"] == "labkit"
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert "ports" not in workers
    assert workers["depends_on"]["server"]["condition"] == "service_healthy"
    used = {v.partition(":")[0] for s in services.values() for v in s["volumes"]}
    assert used == {*compose["volumes"]}
    *begin, code = server["healthcheck"]["test"]
    assert begin == ["CMD", "python", "-c"]
    compile(code, "healthcheck", "exec")


# systemd


def unit(path):
    """Return a unit's sections; what is given twice is joined."""
    reader = configparser.RawConfigParser(
        strict=False, delimiters=["="], interpolation=None
    )
    reader.optionxform = str
    reader.read(path, encoding="utf-8")
    return reader


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_runs_a_command(path, understand):
    """Its command line is one of labkit's; by default it stays on this machine."""
    service = unit(path)["Service"]
    line = service["ExecStart"]
    for setting in service["Environment"].split():
        name, _, value = setting.partition("=")
        assert f"${{{name}}}" in line
        line = line.replace(f"${{{name}}}", value)
    python, *rest = shlex.split(line)
    assert "$" not in line
    assert (python, rest[:2]) == ("/opt/labkit/.venv/bin/python", ["-m", "labkit"])
    options = understand(rest[2:])
    host = options.connect[0] if rest[2] == "worker" else options.host
    assert host == "127.0.0.1"
    assert str(options.key_file) == "/etc/labkit/labkit.key"
    assert service["User"] == "labkit"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_accepts_the_unit(path, tmp_path):
    """Its own linter has nothing to say, and finds it well locked down."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: no systemd on this system")
    text = path.read_text(encoding="utf-8")
    copy = tmp_path / path.name  # with a Python that is there
    copy.write_text(text.replace("/opt/labkit/.venv/bin/python", sys.executable))
    done = subprocess.run(
        [analyze, "verify", "--man=no", copy],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if path.name in line] == []
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=25", "--no-pager", copy],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unrecognized option" not in done.stderr:  # before version 250
        assert done.returncode == 0, done.stdout[-200:]


# Keys and the page


def test_page_names_commands_and_files_that_exist(understand):
    """Every command line of labkit's on the page is understood."""
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^python3 -m labkit (.*?)(?: +#.*)?$", page, re.MULTILINE)
    assert {understand(shlex.split(line)).key_file for line in lines}
    for name in re.findall(r"[\w-]+\.(?:service|conf|yaml|ipynb)", page):
        assert list(ROOT.glob(f"*/{name}")), name
