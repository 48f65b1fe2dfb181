"""The doctor's report, and what it says of machines that are not fit."""

import errno
import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from labkit import __main__, doctor, setup
from labkit.commands import doctor as command
from labkit.commands.doctor import Check, Diagnosis
from labkit.supervised import MARK

FINE = Check("disk", "ok", "900 MB free")
WARNED = Check("memory", "warn", "700 MB free", "end other programs")
FAILED = Check("packages", "FAIL", "missing <psutil>", "python3 -m labkit lab")


@pytest.fixture(autouse=True)
def packages_are_there(monkeypatch):
    """Look at the machine, not at how the tests came to run on it."""
    monkeypatch.setattr(setup, "lacking", list)


def found(name):
    """Return the doctor's check of that name."""
    return next(check for check in doctor().checks if check.name == name)


def test_this_machine_is_fit():
    """Where the tests run, every check is made and none fails."""
    diagnosis = doctor()
    assert diagnosis.fit
    assert len(diagnosis.checks) == len(command.CHECKS)
    assert all(bool(check.todo) == (check.state != "ok") for check in diagnosis.checks)


def test_it_prints_one_line_per_check_and_a_verdict():
    """A check's state, its name, what was found, what to do; a failure alone is unfit."""
    assert repr(Diagnosis((FINE, WARNED, FAILED))).splitlines() == [
        "ok    disk       900 MB free",
        "warn  memory     700 MB free: end other programs",
        "FAIL  packages   missing <psutil>: python3 -m labkit lab",
        "This machine is not fit yet: see to what says FAIL.",
    ]
    assert not Diagnosis((WARNED, FAILED)).fit
    assert Diagnosis((FINE, WARNED)).fit
    assert repr(Diagnosis((FINE, WARNED))).endswith("within the limits that say warn.")
    assert repr(Diagnosis((FINE,))).endswith("This machine is fit for the kit.")


def test_a_notebook_gets_the_verdict_and_what_is_wrong():
    """In a notebook the verdict comes first; what is well is folded; all escaped."""
    page = Diagnosis((FINE, FAILED, FINE))._repr_html_()
    assert page.startswith("<p><b>This machine is not fit yet")
    open_part, folded = page.split("<details>")
    assert "missing &lt;psutil&gt;: python3 -m labkit lab" in open_part
    assert "900 MB" not in open_part
    assert folded.count("<tr>") == 2


def test_the_command_returns_a_status(capsys, monkeypatch):
    """It prints the same text; where something fails the status is 1."""
    monkeypatch.setattr(command, "doctor", lambda: Diagnosis((WARNED,)))
    assert __main__.main(["doctor"]) == 0
    assert capsys.readouterr().out == f"{Diagnosis((WARNED,))!r}\n"
    monkeypatch.setattr(command, "doctor", lambda: Diagnosis((FAILED,)))
    assert __main__.main(["doctor"]) == 1


def test_missing_packages_name_the_command(monkeypatch):
    """Missing packages are a failure with the command that installs them."""
    monkeypatch.setattr(setup, "lacking", lambda: ["psutil>=7", "tqdm>=4"])
    check = found("packages")
    assert check.state == "FAIL"
    assert check.found.startswith("missing psutil>=7, tqdm>=4")
    assert check.todo.endswith("-m labkit lab installs them, in .venv")


def test_before_the_set_up_some_things_are_not_looked_at(monkeypatch):
    """Without psutil nobody can say how much memory is free, or what is running."""
    monkeypatch.setitem(sys.modules, "psutil", None)
    for name in ("memory", "processes"):
        assert found(name).state == "warn"
        assert found(name).todo == "ask again after the set-up"


def test_little_room_is_a_failure(monkeypatch):
    """Too little room is a failure with both numbers."""
    monkeypatch.setattr(command, "ROOM_MB", 10**12)
    check = found("disk")
    assert (check.state, check.todo) == ("FAIL", "make room on it")
    assert "1000000000000 MB needed" in check.found


def test_read_only_folders_name_the_cure(tmp_path, monkeypatch):
    """A kit that cannot be written to is to be copied; Jupyter's folders moved."""
    monkeypatch.setattr(os, "access", lambda path, _: "notebooks" not in str(path))
    assert "copy the kit" in found("folders").todo
    pytest.importorskip("jupyter_core", reason="the folders are those of Jupyter")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    check = found("folders")
    assert check.found == f"{tmp_path / 'runtime'} is read-only"
    assert check.todo == "let JUPYTER_RUNTIME_DIR name a folder of your own"


@pytest.mark.parametrize(
    ("megabytes", "state"), [(300, "FAIL"), (700, "warn"), (2000, "ok")]
)
def test_little_memory(monkeypatch, megabytes, state):
    """Too little for a lesson is a failure; too little for a browser beside it, none."""
    free = SimpleNamespace(available=megabytes * 1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    check = found("memory")
    assert check.state == state
    assert check.found.startswith(f"{megabytes:,} MB free, a lesson takes 350 to 650")


def test_a_containers_limit_counts(tmp_path, monkeypatch):
    """What a container may still take counts; its caches do not."""
    monkeypatch.setattr(command, "CGROUP", tmp_path)
    stat = "file 5\ninactive_file 100000000\n"
    for name, text in {
        "max": "900000000",
        "current": "700000000",
        "stat": stat,
    }.items():
        (tmp_path / f"memory.{name}").write_text(text, "ascii")
    check = found("memory")
    assert check.state == "FAIL"
    assert check.found.startswith("300 MB free, a lesson takes 350")


def test_loopback_that_is_forbidden_is_a_failure(monkeypatch):
    """Where 127.0.0.1 cannot be used the reader is pointed to the firewall."""

    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", forbidden)
    check = found("loopback")
    assert check.state == "FAIL"
    assert "firewall" in check.todo


@pytest.mark.skipif(os.name == "nt", reason="there a process keeps its parent's number")
def test_orphan_of_the_kit_is_found():
    """A program of the kit whose owner has gone is found, with the way to end it."""
    # The owner starts a child, says who it is, and ends.
    owner = (
        "import subprocess, sys\n"
        "argv = [sys.executable, '-c', 'import sys; sys.stdin.read()']\n"
        "print(subprocess.Popen(argv, stdin=0, stdout=subprocess.DEVNULL).pid)"
    )
    lifeline, held = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", owner],
            env={**os.environ, MARK: "test"},
            stdin=lifeline,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=30,
        )
        orphan = psutil.Process(int(done.stdout))
        if orphan.parent().name() in command.ADOPTERS:  # some systems have others
            check = found("processes")
            assert check.state == "warn"
            assert str(orphan.pid) in check.todo
    finally:
        os.close(held)
        os.close(lifeline)
    psutil.wait_procs([orphan], timeout=5)
    assert str(orphan.pid) not in found("processes").found


def test_files_of_a_learner(tmp_path, monkeypatch):
    """A queue.py beside the lessons is a failure."""
    work = tmp_path / "notebooks" / "work"
    work.mkdir(parents=True)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "is_checkout", lambda: True)
    (work / "server.py").touch()
    assert found("work").state == "ok"
    (work / "queue.py").touch()
    check = found("work")
    assert check.state == "FAIL"
    assert check.found == f"{work / 'queue.py'} hides the module queue from the lessons"
    assert check.todo == "rename it to my_queue.py"
