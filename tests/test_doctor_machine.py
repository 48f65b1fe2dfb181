"""The doctor looks at the machine, at its ports, and at what else is set up there."""

import errno
import multiprocessing.synchronize
import os
import re
import socket
import subprocess
import sys
import time
import types
import webbrowser

import psutil
import pytest

from labkit._doctor import addresses, machine, surroundings


def test_loopback_that_is_forbidden_is_a_failure(monkeypatch):
    """Where 127.0.0.1 cannot be used the reader is pointed to the firewall."""

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", forbidden)
    check = addresses.check_loopback()
    assert check.state == "FAIL"
    assert "firewall" in check.todo


@pytest.mark.parametrize(
    ("code", "todo"),
    [(errno.EADDRINUSE, "wait two minutes"), (errno.EMFILE, "hold many files")],
)
def test_loopback_without_ports_or_files_is_no_firewall(monkeypatch, code, todo):
    """Out of ports, or out of descriptors: the firewall is not to blame."""

    def spent(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket, "create_server", spent)
    check = addresses.check_loopback()
    assert (check.state, todo in check.todo) == ("FAIL", True)


def test_a_taken_lab_port_is_said(monkeypatch):
    """Where 8888 is taken the doctor names the port that JupyterLab takes."""
    monkeypatch.setattr(addresses, "is_free", lambda port: port >= 8890)
    check = addresses.check_ports()
    assert check.state == "ok"
    assert check.found.startswith("8888 is taken, perhaps by another lab; yours")
    assert check.found.endswith("8890")


def test_is_free_asks_the_system():
    """A port that somebody listens at is not free; closed, it is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not addresses.is_free(port)
    assert addresses.is_free(port)


def test_no_port_for_the_lab_is_a_failure(monkeypatch):
    """Without a free port where JupyterLab looks, another is proposed."""
    monkeypatch.setattr(addresses, "is_free", lambda _: False)
    check = addresses.check_ports()
    assert check.state == "FAIL"
    assert check.todo.startswith("python3 -m labkit lab --port")


def test_few_ports_left_are_a_warning(tmp_path, monkeypatch):
    """A range of ports that is nearly used up is seen from Linux's own tables."""
    monkeypatch.setattr(addresses, "is_free", lambda _: True)
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "net").mkdir()
    limits = tmp_path / "sys/net/ipv4/ip_local_port_range"
    limits.write_text("32768\t33000\n", encoding="ascii")
    rows = ["sl local", *(f"{n}: 0100007F:{n:04X} 0:0" for n in range(32768, 32868))]
    for name in ("tcp", "tcp6"):
        (tmp_path / "net" / name).write_text("\n".join(rows), encoding="ascii")
    check = addresses.check_ports(tmp_path)
    assert check.state == "warn"
    assert check.found == "only 133 are left for servers"
    assert addresses.check_ports(tmp_path / "elsewhere").state == "ok"


@pytest.mark.parametrize(
    ("free_mb", "state"), [(399, "FAIL"), (999, "warn"), (1001, "ok")]
)
def test_free_memory(monkeypatch, tmp_path, free_mb, state):
    """Too little memory for a lesson is a failure; little for a browser a warning."""
    usage = psutil.virtual_memory()._replace(available=free_mb * 1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: usage)
    check = machine.check_memory(ours=tmp_path / "none")
    assert check.state == state
    assert check.found.startswith(f"{free_mb} MB free, a lesson takes up to 400")


CONTAINERS = [
    ("0::/box/inner\n", "box", "memory.max", "memory.current", "inactive_file"),
    (
        "3:cpu:/x\n9:memory:/box\n",
        "memory/box",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
]


@pytest.mark.parametrize(("mine", "place", "most", "used", "cache"), CONTAINERS)
def test_a_container_has_less_memory(tmp_path, mine, place, most, used, cache):
    """What a container allows counts, less what it uses, cache apart."""
    group = tmp_path / "groups" / place
    group.mkdir(parents=True)
    figures = {
        most: "600000000",
        used: "500000000",
        "memory.stat": f"{cache} 200000000",
    }
    for name, text in figures.items():
        (group / name).write_text(text, encoding="ascii")
    (tmp_path / "mine").write_text(mine, encoding="ascii")
    check = machine.check_memory(tmp_path / "groups", tmp_path / "mine")
    assert check.state == "FAIL"
    assert check.found.startswith("300 MB free in this container")
    assert check.todo == "give the container 2000 MB"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize(
    ("limits", "state"),
    [
        ((64, 64), "FAIL"),
        ((256, 512), "warn"),
        ((256, 4096), "ok"),
        ((256, -1), "ok"),
    ],
)
def test_open_files(monkeypatch, limits, state):
    """What counts is how far the limit can be raised."""
    import resource

    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)  # elsewhere a large number
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    check = machine.check_open_files()
    assert check.state == state
    assert ("ulimit" in check.todo) == (state != "ok")


def test_a_clock_behind_the_kit_is_a_warning(tmp_path):
    """Files of the kit from the future mean a clock that is behind."""
    file = tmp_path / "pyproject.toml"
    file.touch()
    assert machine.check_clock(tmp_path).state == "ok"
    tomorrow = time.time() + 86400
    os.utime(file, (tomorrow, tomorrow))
    check = machine.check_clock(tmp_path)
    assert check.state == "warn"
    assert re.search(r"files of the kit are 86[34]\d\d s younger", check.found)
    assert check.todo.startswith("set the clock")


def test_a_coarse_clock_is_a_warning(tmp_path, monkeypatch):
    """Where the clock hardly ticks the measured times are not to be believed."""
    (tmp_path / "pyproject.toml").touch()
    coarse = types.SimpleNamespace(adjustable=False, resolution=0.015625)
    monkeypatch.setattr(time, "get_clock_info", lambda _: coarse)
    check = machine.check_clock(tmp_path)
    assert (check.state, check.found) == ("warn", "it ticks every 0.015625 s")


def test_no_semaphores_is_a_failure(monkeypatch):
    """Where a container has no /dev/shm the reader learns what is missing."""

    def refuse(*_, **__):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(multiprocessing.synchronize, "SemLock", refuse)
    monkeypatch.setattr(multiprocessing.synchronize.Lock, "__init__", refuse)
    check = machine.check_start_method()
    assert check.state == "FAIL"
    assert "Function not implemented" in check.found


def test_looking_at_start_methods_chooses_none():
    """A program that asks the doctor can still choose its start method."""
    code = (
        "import multiprocessing as m; from labkit._doctor import machine as d;"
        "assert d.check_start_method().state == 'ok';"
        "m.set_start_method('spawn'); print(m.get_start_method())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"spawn"]


@pytest.mark.parametrize(
    ("name", "state"), [("firefox", "ok"), ("lynx", "warn"), (None, "warn")]
)
def test_browser(monkeypatch, name, state):
    """A browser without pictures, or none, is a warning with what to open instead."""

    def get():
        if name is None:
            raise webbrowser.Error("could not locate runnable browser")
        return types.SimpleNamespace(name=name)

    monkeypatch.setattr(webbrowser, "get", get)
    monkeypatch.setattr(surroundings, "in_notebook", lambda: False)
    monkeypatch.setenv("SSH_CONNECTION", "here 1 there 22")
    check = surroundings.check_browser()
    assert check.state == state
    assert ("ssh -L" in check.todo) == (state == "warn")


def test_a_notebook_has_a_browser(monkeypatch):
    """Whoever reads the answer in a notebook has a browser."""
    monkeypatch.setattr(surroundings, "in_notebook", lambda: True)
    assert surroundings.check_browser().state == "ok"


def test_variables_that_change_python_are_a_warning(monkeypatch):
    """A variable that switches asserts off is named, with its value."""
    for name in surroundings.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert surroundings.check_variables().state == "ok"
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    check = surroundings.check_variables()
    assert check.state == "warn"
    assert check.found.startswith("PYTHONOPTIMIZE is 1, so that no assert")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return the folder of a reader's own settings of Jupyter, and of IPython."""
    for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "profile_default" / "startup").mkdir(parents=True)
    return tmp_path


def test_settings_that_matter_are_told_from_others(settings):
    """A setting that hides kernels is named with its file; a comment is none."""
    path = settings / "jupyter_server_config.py"
    path.write_text("# c.KernelSpecManager.whitelist = {'r'}\nc.ServerApp.ip = ''\n")
    assert surroundings.check_settings().state == "ok"
    path.write_text("c.KernelSpecManager.allowed_kernelspecs = {'r'}\n")
    check = surroundings.check_settings()
    assert check.state == "warn"
    assert check.found == f"allowed_kernelspecs is set in {path}"


def test_startup_files_are_a_warning(settings):
    """What IPython runs before every lesson can break each of them."""
    startup = settings / "profile_default" / "startup"
    (startup / "README").touch()
    assert surroundings.check_settings().state == "ok"
    (startup / "00-mine.py").touch()
    assert surroundings.check_settings().found.startswith(f"{startup / '00-mine.py'}")
