"""What the commands say to wrong arguments, wrong keys, and about themselves."""

import os
import subprocess
import sys

import pytest
from commands import Lab
from pythons import ROOT

from labkit.commands import jsonlines

POSIX = os.name == "posix"


@pytest.fixture
def lab(tmp_path):
    """Return a folder with a key and a server."""
    lab = Lab(tmp_path)
    with lab.serve():
        yield lab
        lab.close()


# What goes wrong before anything goes right


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("produce", "the following arguments are required: --connect"),
        ("produce --connect 5555", "'5555' is no address: give HOST:PORT"),
        ("produce --connect ::1:5555", "[IPV6]:PORT"),
        ("produce --connect :99999", "':99999' is no address"),
        ("produce --connect :5 --batch 0", "'0' is no whole number, 1 or more"),
        ("consume --connect :5 --idle nan", "'nan' is no number of seconds"),
        ("worker --connect :5 --visibility 0", "give seconds above 0"),
        ("worker --connect :5 --job shop", "'shop' is no job: give square"),
        ("worker --connect :5 --job shop:pack", "No module named 'shop'"),
        ("worker --connect :5 --job json:pack", "has no attribute 'pack'"),
        ("master --connect :5 --port 5", "give one"),
        ("master --port 70000", "'70000' is no port"),
        ("produce --connect :5 --key-file no.key", "there is no key file no.key"),
        ("master nowhere.jsonl", "nowhere.jsonl: No such file or directory"),
        ("key", "required: FILE"),
        ("consume --connect :5 --idel 3", "unrecognized arguments: --idel 3"),
    ],
)
def test_bad_usage(tmp_path, argv, sentence):
    """One sentence, exit code 2."""
    name, *args = argv.split()
    _, err = Lab(tmp_path).run(name, *args, code=2)
    assert sentence in err
    assert err.startswith(f"labkit {name}: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["produce", "consume", "master", "worker"])
def test_no_server_and_a_wrong_key(lab, name):
    """One sentence, exit code 3."""
    lab.run("key", "wrong.key")
    where = lab.connect[:2]
    _, err = lab.run(name, *where, "--key-file", "wrong.key", stdin="1", code=3)
    assert "has another authkey" in err
    lab.server.stop()
    _, err = lab.run(name, *lab.connect, stdin="1", code=3)
    assert "nothing is listening" in err
    assert err.count("\n") == 1


@pytest.mark.skipif(not POSIX, reason="Windows has no such modes")
def test_a_key_that_others_can_read(lab):
    """It is refused, with the command that mends it."""
    lab.key_file.chmod(0o644)
    _, err = lab.run("consume", *lab.connect, code=2)
    assert f"chmod 600 {lab.key_file}" in err


def test_a_terminal_shows_progress(lab):
    """On a terminal standard error has a bar; elsewhere it has none."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    numbers = lab.write("numbers", "1\n" * 3)
    command = [sys.executable, "-m", "labkit", "produce", *lab.connect, str(numbers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, stderr=theirs, check=True, env=environment)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert " items" in shown
    assert "put 3 items" in shown


# What needs no process


@pytest.mark.parametrize(
    ("item", "shown"), [(1, 1), ("a", "a"), (b"a", {"repr": "b'a'"}), ([1], [1])]
)
def test_jsonable(item, shown):
    """Only what JSON cannot hold is replaced."""
    assert jsonlines.jsonable(item) == shown


def test_help_is_quick():
    """Nothing that serves or connects is imported for --help."""
    program = (
        "import sys\nfrom labkit.__main__ import main\n"
        "try: main(['{}', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {{'multiprocessing.managers', 'tqdm', 'tenacity'}}\n"
        "heavy.add('labkit.manager.keys')\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    for name in ("key", "produce", "consume", "master", "worker"):
        subprocess.run(
            [sys.executable, "-c", program.format(name)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )


@pytest.mark.skipif(not POSIX, reason="needs a POSIX shell")
def test_closed_streams(lab):
    """Without standard output it takes nothing; the other streams it can miss."""
    lab.queue().put("tea")
    where = " ".join([sys.executable, "-m labkit consume", *lab.connect, "--idle 0"])
    with lab.start_shell(f"{where} >&-") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.endswith("labkit consume: standard output is closed\n")
    assert lab.shell(f"{where} <&- 2>&-") == '"tea"\n'
