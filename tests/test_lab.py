"""JupyterLab opens on the first lesson, quietly, and leaves nothing behind."""

import errno
import json
import os
import re
import shutil
import socket
import sys
import threading
import types
import urllib.request
from pathlib import Path

import psutil
import pytest
from programs import environment, free_address

from labkit import setup, supervised
from labkit.commands import lab

TOKEN = "a-token-for-this-test"
LESSON = f"/lab/tree/{lab.FIRST_LESSON}"
NEWS = "@jupyterlab/apputils-extension:notification"
KERNELS = "@jupyterlab/apputils-extension:kernels-settings"
COMMAND = [sys.executable, "-m", "labkit", "lab", "--no-browser"]
START_S = 60.0  # a busy machine; 2 s on an idle one
STOP_S = 20.0


class Server:
    """A running lab, supervised: it ends even if the tests are killed."""

    def __init__(self, home):
        self.port = free_address()[1]
        self.said = ""
        self.announced = threading.Event()
        # Without the preference the trap in the home folder would come first.
        settings = {"JUPYTER_TOKEN": TOKEN, "JUPYTER_PREFER_ENV_PATH": "0"}
        self.program = supervised.Supervised(
            [*COMMAND, "--port", str(self.port)],
            cwd=lab.ROOT,
            env=environment(home, **settings),
            on_output=self.hear,
        )

    def hear(self, text):
        """Keep what it says; the last line of its announcement names Ctrl-C."""
        self.said += text
        if "Ctrl-C" in self.said:
            self.announced.set()

    def get(self, path, data=None, method=None):
        """Ask the server; return the body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=data,
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=START_S) as answer:
            return answer.read().decode()

    def setting(self, plugin):
        """Return a plug-in's settings, each with its default."""
        found = json.loads(self.get(f"/lab/api/settings/{plugin}"))
        return found["schema"]["properties"]


@pytest.fixture
def server(tmp_path):
    """Run a lab in a home folder whose own python3 kernel is a trap."""
    home = tmp_path / "home"
    trap = home / ".local" / "share" / "jupyter" / "kernels" / "python3"
    trap.mkdir(parents=True)
    spec = {"argv": ["false", "{connection_file}"], "display_name": "trap"}
    (trap / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    running = Server(home)
    with running.program:
        assert running.announced.wait(START_S), running.said
        yield running


def test_lab_runs_quietly_and_stops_at_once(server):
    """One start: page, settings, kernel, announcement, and the end by one Ctrl-C."""
    assert json.loads(server.get("/api/status"))["kernels"] == 0
    address = re.search(rf"runs at http://\S+:{server.port}/lab\S*token=", server.said)
    assert address, server.said
    assert TOKEN not in " ".join(psutil.Process(server.program.pid).cmdline())

    page = server.get(LESSON)
    [config] = re.findall(r"jupyter-config-data[^>]*>(.*?)</", page, re.DOTALL)
    config = json.loads(config)
    assert config["treePath"] == lab.FIRST_LESSON
    assert config["extensionManager"]["name"] == "read-only"
    assert config["buildCheck"] is False  # takes time at each start, and a Node.js
    assert "labkit-access" in [one["name"] for one in config["federated_extensions"]]
    assert "@jupyter/nbgrader:menu" in config["disabledExtensions"]  # for authors

    news = server.setting(NEWS)
    assert news["fetchNews"]["default"] == "false"
    assert news["checkForUpdates"]["default"] is False
    # Else ipykernel 7.4 takes a choice in one thread and the button in another, so
    # that Check may judge the choice before.
    assert server.setting(KERNELS)["commsOverSubshells"]["default"] == "disabled"

    # Which tabs are open is kept in the clone: no other clone shows them.
    space = json.dumps({"data": {}, "metadata": {"id": "of-a-test"}}).encode()
    server.get("/lab/api/workspaces/of-a-test", data=space, method="PUT")
    [kept] = (lab.ROOT / lab.WORKSPACES).glob("of-a-test*")
    kept.unlink()

    kernel = json.loads(server.get("/api/kernels", data=b'{"name": "python3"}'))
    assert kernel["name"] == "python3"
    children = psutil.Process(server.program.pid).children(recursive=True)
    kernels = [c for c in children if "ipykernel_launcher" in " ".join(c.cmdline())]
    assert [Path(c.cmdline()[0]) for c in kernels] == [Path(sys.executable)]

    server.program.interrupt()
    ended = server.program.join(STOP_S)
    if os.name == "posix":  # elsewhere an interrupt ends it without ado
        assert ended == 0
    assert not [child for child in children if child.is_running()]
    assert "WARNING" not in server.said


@pytest.mark.long
def test_a_taken_port_is_one_sentence(tmp_path):
    """A port that was asked for is insisted on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = supervised.run(
            [*COMMAND, f"--port={port}"],
            timeout_s=START_S,
            cwd=lab.ROOT,
            env=environment(tmp_path),
        )
    assert done.exit_code == 1
    assert f"could not be started because port {port} is not available" in done.output
    assert done.output.count("\n") == 1


def test_an_option_that_jupyterlab_would_ignore_is_refused():
    """A slip of the finger is one sentence."""
    assert lab.unknown_option(["-y", "--prot=8899"]) == "--prot"


@pytest.mark.parametrize(
    "argv",
    [
        ["--no-browser", "--port=8899", "--debug", "-y"],
        ["--ServerApp.port=8899", "--ip", "0.0.0.0", "--LabApp.news_url="],
        ["--allow-root", "--notebook-dir=.", "--log-level", "INFO", "--sock=a"],
    ],
)
def test_options_of_jupyterlab_are_known(argv):
    """What JupyterLab knows is let through."""
    assert lab.unknown_option(argv) is None


def test_arguments_win_over_ours():
    """JupyterLab takes an argument once: the reader's, where there is one."""
    ours = f"--ServerApp.root_dir={lab.ROOT}"
    assert ours in lab.ours([], lab.ROOT)
    assert ours not in lab.ours(["--ServerApp.root_dir=elsewhere"], lab.ROOT)
    assert "--ServerApp.port_retries=0" in lab.ours(["--port=8899"], lab.ROOT)
    assert "--ServerApp.port_retries=0" not in lab.ours([], lab.ROOT)


def test_first_page_is_the_lesson_then_the_workspace(tmp_path):
    """A beginner gets lesson 00; later JupyterLab opens what was open."""
    assert f"--LabApp.default_url={LESSON}" in lab.ours([], tmp_path)
    (tmp_path / lab.WORKSPACES).mkdir(parents=True)
    (tmp_path / lab.WORKSPACES / "default.jupyterlab-workspace").touch()
    assert "--LabApp.default_url=/lab" in lab.ours([], tmp_path)


def test_an_installed_course_is_copied_once(tmp_path, monkeypatch, capsys):
    """Lessons and learners' exercises, never over what somebody has begun."""
    installed = tmp_path / "course"
    for path in (
        lab.FIRST_LESSON,
        "exercises/release/01/01.ipynb",
        "exercises/checks/x",
    ):
        (installed / path).parent.mkdir(parents=True, exist_ok=True)
        (installed / path).write_text("{}", "utf-8")
        (installed / path).parent.chmod(0o555)
    for module in (lab, setup):
        monkeypatch.setattr(module, "is_checkout", lambda: False)
        monkeypatch.setattr(module, "course", lambda: installed)
    monkeypatch.chdir(tmp_path)
    folder = lab.place()
    assert folder == tmp_path / "labkit-lessons"
    assert f"the lessons are in {folder}" in capsys.readouterr().err
    assert (folder / "exercises/release/01/01.ipynb").exists()
    assert not (folder / "exercises/checks").exists()
    (folder / lab.FIRST_LESSON).write_text("begun", "utf-8")
    (folder / "notebooks/new").touch()
    monkeypatch.chdir(folder)
    assert lab.place() == folder
    assert (folder / lab.FIRST_LESSON).read_text("utf-8") == "begun"
    for path in installed.rglob("*/"):
        path.chmod(0o755)


def test_paths_keep_what_the_reader_has_set():
    """The reader's own folders stay; our kernel comes before, our settings last."""
    mine = {"JUPYTER_PATH": "data", "JUPYTER_CONFIG_PATH": "config"}
    lab.set_paths(mine)
    kernels = str(Path(sys.prefix, "share", "jupyter"))
    ours = str(Path(lab.__file__).parents[1] / "jupyter")
    assert mine["JUPYTER_PATH"].split(os.pathsep) == [ours, kernels, "data"]
    assert mine["JUPYTER_CONFIG_PATH"].split(os.pathsep)[0] == "config"


def test_a_terminal_finds_the_kit_in_every_folder(tmp_path):
    """The name python3 is this Python there, wherever the terminal was opened."""
    variables = {**os.environ, "PATH": os.defpath}
    lab.set_paths(variables)
    name = "python" if os.name == "nt" else "python3"
    python = shutil.which(name, path=variables["PATH"])
    done = supervised.run(
        [python, "-m", "labkit"], timeout_s=START_S, cwd=tmp_path, env=variables
    )
    assert done.output.startswith("Usage: python3 -m labkit COMMAND")
    if sys.prefix != sys.base_prefix:
        assert variables["VIRTUAL_ENV"] == sys.prefix


def test_a_home_that_cannot_be_written_to_is_one_sentence(monkeypatch, capsys):
    """JupyterLab's own traceback would not say that HOME is what to change."""

    class Refused:
        aliases, flags = {}, {}

        @staticmethod
        def initialize_server(**_):
            raise PermissionError(errno.EACCES, "Permission denied", "home/.local")

    jupyterlab = types.SimpleNamespace(LabApp=Refused)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", jupyterlab)
    monkeypatch.setattr(lab, "set_paths", lambda _: None)
    assert lab.main(["--no-browser"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("labkit: home/.local cannot be written: go to a folder of")
    assert said.count("\n") == 1


def test_a_codespace_may_talk_to_its_own_server_only():
    """The page of a codespace is let in under its own name, and no other page."""
    assert "allow_origin_pat" not in lab.defaults({}, lab.ROOT)["ServerApp"]
    variables = {
        "CODESPACE_NAME": "blue-fish-x7",
        "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.example.dev",
    }
    pattern = lab.defaults(variables, lab.ROOT)["ServerApp"]["allow_origin_pat"]
    assert re.match(pattern, "https://blue-fish-x7-8888.app.example.dev")
    assert not re.match(pattern, "https://red-fish-8888.app.example.dev")
    assert not re.match(pattern, "https://blue-fish-x7-8888.app.example.dev.evil.org")
