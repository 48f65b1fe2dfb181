"""The doctor says what is wrong with a machine, and what to do."""

import importlib
import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from labkit import bootstrap
from labkit._doctor import checkups
from labkit._doctor.checkups import Check

# The package has a function of that name as well, so the module is asked for.
doctor = importlib.import_module("labkit.doctor")

FINE = Check("disk", "ok", "900 MB free")
WARNED = Check("git", "warn", "not found", "only needed to update the kit")
FAILED = Check("packages", "FAIL", "missing <psutil>", "python3 -m labkit lab")


def test_this_machine_is_fit():
    """Where the tests run, every check is made and none fails."""
    diagnosis = doctor.doctor()
    assert diagnosis.fit
    names = [check.name for check in diagnosis.checks]
    assert names == [
        "Python",
        "packages",
        "venv",
        "disk",
        "loopback",
        "start method",
        "processes",
        "work",
        "git",
    ]


def test_it_prints_one_line_per_check():
    """A check has one line: its state, its name, what was found, what to do."""
    diagnosis = doctor.Diagnosis((FINE, WARNED, FAILED))
    assert repr(diagnosis).splitlines() == [
        "ok    disk      900 MB free",
        "warn  git       not found: only needed to update the kit",
        "FAIL  packages  missing <psutil>: python3 -m labkit lab",
        "This machine is not fit yet: see to what says FAIL.",
    ]


def test_a_notebook_gets_a_table():
    """In a notebook it is a table, with what was found escaped."""
    table = doctor.Diagnosis((FINE, FAILED))._repr_html_()
    assert table.count("<tr>") == 2
    assert "missing &lt;psutil&gt;: python3 -m labkit lab" in table


@pytest.mark.parametrize(
    ("checks", "fit"), [((FINE, WARNED), True), ((FAILED,), False)]
)
def test_only_a_failure_makes_it_unfit(checks, fit):
    """A warning leaves the machine fit."""
    assert doctor.Diagnosis(checks).fit is fit


def test_command_prints_json(capsys):
    """--json prints the same record, and the exit status says whether it is fit."""
    assert doctor.main(["--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["fit"] is True
    assert set(record["checks"][0]) == {"name", "state", "found", "todo"}


def test_command_fails_on_a_machine_that_is_not_fit(capsys, monkeypatch):
    """Where something fails the exit status is 1."""
    monkeypatch.setattr(doctor, "doctor", lambda: doctor.Diagnosis((FAILED,)))
    assert doctor.main([]) == 1
    assert "FAIL  packages" in capsys.readouterr().out


def test_missing_packages_name_the_command():
    """Packages that are missing are a failure with the command that installs them."""
    check = checkups.check_packages(bootstrap.ROOT, ["psutil>=7"])
    assert check.state == "FAIL"
    assert check.found == "missing psutil>=7"
    assert check.todo.startswith("python3 -m labkit lab makes .venv")


def test_packages_of_another_major_version_are_a_warning(tmp_path):
    """A package far from the tested version is told apart."""
    (tmp_path / "constraints.txt").write_text("pytest==1.0\n", encoding="utf-8")
    text = '[project]\ndependencies = ["pytest>=1"]\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    check = checkups.check_packages(tmp_path, [])
    assert check.state == "warn"
    assert "tested versions of pytest" in check.todo


def test_little_room_is_a_failure(tmp_path):
    """Too little room is a failure with both numbers."""
    check = checkups.check_disk(tmp_path, 10**12)
    assert check.state == "FAIL"
    assert "1000000000000 MB needed" in check.found


def test_loopback_that_is_forbidden_is_a_failure(monkeypatch):
    """Where 127.0.0.1 cannot be used the reader is pointed to the firewall."""

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", forbidden)
    check = checkups.check_loopback()
    assert check.state == "FAIL"
    assert "firewall" in check.todo


@pytest.mark.parametrize(("needed", "state"), [(True, "FAIL"), (False, "warn")])
def test_missing_venv_names_the_package(monkeypatch, needed, state):
    """Without ensurepip the package to install is named; it matters when needed."""
    find = checkups.importlib.util.find_spec
    monkeypatch.setattr(
        checkups.importlib.util,
        "find_spec",
        lambda name: None if name == "ensurepip" else find(name),
    )
    check = checkups.check_venv(needed=needed)
    assert check.state == state
    assert f"apt install python3.{sys.version_info.minor}-venv" in check.todo


@pytest.mark.skipif(os.name == "nt", reason="there a process keeps its parent's number")
def test_orphan_of_the_kit_is_found():
    """A program of the kit whose owner has gone is found, with the way to end it."""
    # The owner starts a child that carries the kit's mark, says who it is, and ends.
    owner = (
        "import subprocess, sys\n"
        "code = 'import sys; sys.stdin.read()  # labkit._processes.supervisor'\n"
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
        if checkups.is_adopter(orphan.parent()):  # some systems have others
            check = checkups.check_leftovers()
            assert check.state == "warn"
            assert f"kill {orphan.pid}" in check.todo
    finally:
        os.close(held)
        os.close(lifeline)
    psutil.wait_procs([orphan], timeout=5)
    assert checkups.check_leftovers().state == "ok"


def test_a_running_server_is_no_leftover():
    """What somebody still owns is left alone."""
    child = "import sys; sys.stdin.read()  # labkit._processes.supervisor"
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE
    ) as owned:
        assert owned.pid not in set(checkups.leftovers())


def test_keys_in_work_folders_are_a_warning(tmp_path):
    """A key file that a lesson left is worth a word; other files are counted."""
    work = tmp_path / "notebooks" / "work"
    work.mkdir(parents=True)
    (work / "server.py").touch()
    assert checkups.check_work(tmp_path).state == "ok"
    (work / "hello.key").touch()
    check = checkups.check_work(tmp_path)
    assert check.state == "warn"
    assert check.found == "2 files of yours in work folders, 1 of them keys"


def test_a_machine_without_git_is_fit(monkeypatch):
    """Git is a convenience."""
    monkeypatch.setenv("PATH", "")
    assert checkups.check_git().state == "warn"


def test_the_name_is_callable_whatever_was_imported_first():
    """`import labkit.doctor` does not turn labkit.doctor into a mere module."""
    import labkit.doctor

    assert callable(labkit.doctor)
