"""The doctor looks at the kit: what is installed, writable, and left behind."""

import os
import subprocess
import sys

import psutil
import pytest

from labkit import bootstrap
from labkit._doctor import installation, leavings, machine


@pytest.fixture
def work(tmp_path):
    """Return the empty folder of a checkout into which lessons write."""
    folder = tmp_path / "notebooks" / "work"
    folder.mkdir(parents=True)
    return folder


def test_missing_packages_name_the_command():
    """Packages that are missing are a failure with the command that installs them."""
    check = installation.check_packages(bootstrap.ROOT, ["psutil>=7"])
    assert check.state == "FAIL"
    assert check.found == "missing psutil>=7"
    assert check.todo.startswith("python3 -m labkit lab makes .venv")
    check = installation.check_packages(bootstrap.ROOT, ["psutil>=7"] * 11)
    assert check.found == "missing 11 packages"


@pytest.mark.parametrize("look", [machine.check_memory, leavings.check_leftovers])
def test_before_the_set_up_some_checks_wait(monkeypatch, look):
    """What needs psutil is looked at when it is there, and the reader learns so."""
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda _: None)
    check = look()
    assert (check.state, check.found) == ("warn", "not looked at yet")
    assert check.todo == "ask the doctor again after the set-up"


def test_packages_of_another_major_version_are_a_warning(tmp_path):
    """A package far from the tested version is told apart."""
    (tmp_path / "constraints.txt").write_text("pytest==1.0\n", encoding="utf-8")
    text = '[project]\ndependencies = ["pytest>=1"]\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    check = installation.check_packages(tmp_path, [])
    assert check.state == "warn"
    assert "tested versions of pytest" in check.todo


def test_little_room_is_a_failure(tmp_path):
    """Too little room is a failure with both numbers."""
    check = installation.check_disk(tmp_path, 10**12)
    assert check.state == "FAIL"
    assert "1000000000000 MB needed" in check.found


@pytest.mark.parametrize(("needed", "state"), [(True, "FAIL"), (False, "warn")])
def test_missing_venv_names_the_package(monkeypatch, needed, state):
    """Without ensurepip the package to install is named; it matters when needed."""
    find = installation.importlib.util.find_spec
    monkeypatch.setattr(
        installation.importlib.util,
        "find_spec",
        lambda name: None if name == "ensurepip" else find(name),
    )
    check = installation.check_venv(needed=needed)
    assert check.state == state
    assert f"apt install python3.{sys.version_info.minor}-venv" in check.todo


@pytest.mark.skipif(os.name == "nt", reason="there a process keeps its parent's number")
def test_orphan_of_the_kit_is_found():
    """A program of the kit whose owner has gone is found, with the way to end it."""
    # The owner starts a child that carries the kit's mark, says who it is, and ends.
    owner = (
        "import subprocess, sys\n"
        "code = 'import sys; sys.stdin.read()  # labkit/supervised.py'\n"
        "argv = [sys.executable, '-c', code]\n"
        "print(subprocess.Popen(argv, stdin=0, stdout=subprocess.DEVNULL).pid)"
    )
    lifeline, held = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", owner],
            stdin=lifeline,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=30,
        )
        orphan = psutil.Process(int(done.stdout))
        if leavings.is_adopter(orphan.parent()):  # some systems have others
            check = leavings.check_leftovers()
            assert check.state == "warn"
            assert f"kill {orphan.pid}" in check.todo
    finally:
        os.close(held)
        os.close(lifeline)
    psutil.wait_procs([orphan], timeout=5)
    assert leavings.check_leftovers().state == "ok"


def test_a_running_server_is_no_leftover():
    """What somebody still owns is left alone."""
    child = "import sys; sys.stdin.read()  # labkit/supervised.py"
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE
    ) as owned:
        assert owned.pid not in set(leavings.leftovers())


def test_keys_in_work_folders_are_a_warning(tmp_path, work):
    """A key file that a lesson left is worth a word; other files are counted."""
    (work / "server.py").touch()
    assert leavings.check_work(tmp_path).state == "ok"
    (work / "hello.key").touch()
    check = leavings.check_work(tmp_path)
    assert check.state == "warn"
    assert check.found == "2 files of yours in work folders, 1 of them keys"


def test_a_machine_without_git_is_fit(monkeypatch):
    """Git is a convenience."""
    monkeypatch.setenv("PATH", "")
    assert installation.check_git().state == "warn"


def test_read_only_checkout_is_a_failure(tmp_path, monkeypatch):
    """A kit that cannot be written to is to be copied."""
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "notebooks")
    (tmp_path / "notebooks").mkdir()
    check = installation.check_folders(tmp_path)
    assert check.state == "FAIL"
    assert check.found == f"{tmp_path / 'notebooks'} is read-only"
    assert "copy the kit" in check.todo


def test_read_only_home_names_the_variable(tmp_path, monkeypatch):
    """A home folder that cannot be written to would be a traceback of JupyterLab's."""
    runtime = tmp_path / "home" / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "home")
    (tmp_path / "home").mkdir()
    check = installation.check_folders(tmp_path)
    assert check.state == "FAIL"
    assert check.found == f"{runtime} cannot be written to"
    assert "HOME" in check.todo


def test_a_file_in_the_way_is_no_folder(tmp_path):
    """Where a file stands in a folder's place nothing can be written."""
    (tmp_path / "file").touch()
    assert not installation.may_write(tmp_path / "file" / "folder")
    assert installation.may_write(tmp_path / "new" / "folder")


def test_a_file_that_hides_a_module_is_a_failure(tmp_path, work):
    """A file called queue.py beside the lessons would be imported in its place."""
    (work / "reader.py").touch()
    assert leavings.check_modules(tmp_path).state == "ok"
    (work / "queue.py").touch()
    check = leavings.check_modules(tmp_path)
    assert check.state == "FAIL"
    assert check.found == f"{work / 'queue.py'} hides the module queue from the lessons"
    assert check.todo == "rename it to my_queue.py"
