"""The bench: its parts, its table, its command."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from programs import posix_only

from labkit.__main__ import main
from labkit.commands import bench
from labkit.commands.bench import PARTS, Part
from labkit.throughput import TRANSPORTS, Measurement


def found(name, *rates, batch=1):
    """Return a measurement of these repeats."""
    return Measurement(name, 8, batch, rates)


def test_the_table():
    """Aligned text of 80 columns, lists with their length, ratios with their span."""
    names = ("direct queue of lists", "labkit streamed tcp")
    part = Part("Small ints, lists of 1,000", names)
    direct = found(names[0], *[2e7] * 4, batch=1000)
    streamed = found(names[1], 1e7, 1.2e7, 1.4e7, 1.6e7, batch=1000)
    assert [*part.rows([direct, streamed])] == [
        "  direct queue, lists of 1,000                        20 million          0%",
        "  labkit streamed tcp, lists of 1,000                 13 million         46%",
        "    labkit streamed tcp / direct queue of lists     0.65        (0.5 to 0.8)",
    ]


def test_the_table_of_all_parts_fits():
    """Every label and every ratio has room in 80 columns; nobody speaks of a goal."""
    rates = range(100_000_007, 900_000_000, 10**8)
    for part in PARTS:
        assert {TRANSPORTS[n].batched for n in part.here} == {"lists" in part.title}
        rows = part.rows([found(name, *rates, batch=1000) for name in part.here])
        assert not [row for row in rows if len(row) > 80 or "goal" in row]


@pytest.fixture
def small(monkeypatch):
    """Make the bench a small one."""
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    few = (
        Part("Ints", ("pipe", "simple queue")),
        Part("Connect", ("plain tcp, first call",)),
    )
    monkeypatch.setattr(bench, "PARTS", few)


@pytest.mark.long
@pytest.mark.usefixtures("small")
def test_the_command(tmp_path, capsys):
    """First how long it takes, a table for each part; every repeat is in the JSON."""
    new, png = tmp_path / "new.json", tmp_path / "new.png"
    assert main(["bench", "--quick", "--json", str(new), "--png", str(png)]) == 0
    said = capsys.readouterr().out.splitlines()
    first = "Measuring 2 parts for about 7 s."
    titles = [line.split("  ")[0] for line in said if "items/s" in line]
    assert (said[0], titles) == (first, ["Ints", "Connect"])
    found = json.loads(new.read_text("utf-8"))["Ints"]
    assert [len(one["rates_per_s"]) for one in found] == [3, 3]
    assert png.read_bytes().startswith(b"\x89PNG")


@posix_only
@pytest.mark.parametrize("after_s", [0.0, pytest.param(0.5, marks=pytest.mark.long)])
def test_ctrl_c_is_one_sentence(after_s):
    """Also of the children, which a terminal interrupts as well while they start."""
    command = [sys.executable, "-m", "labkit", "bench", "--quick"]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True) as running:
        assert running.stdout.readline().startswith("Measuring 6 parts for about ")
        assert running.stdout.readline() == "\n"
        assert running.stdout.readline().startswith("Small ints, one per call  ")
        threading.Event().wait(after_s)
        os.killpg(running.pid, signal.SIGINT)
        out, said = running.communicate(timeout=60)
    assert (out, said) == ("", "labkit bench: Interrupted.\n")
    assert running.returncode == 130


def test_labkit_is_divided_by_the_plain_manager():
    """All else is divided by the first transport."""
    names = ("direct queue", "pipe", "plain tcp", "labkit tcp", "labkit unix")
    measured = [
        found(name, rate) for name, rate in zip(names, range(1, 6), strict=True)
    ]
    assert Part("Ints", names).ratios(measured) == {
        "pipe / direct queue": [2],
        "plain tcp / direct queue": [3],
        "labkit tcp / plain tcp": [4 / 3],
        "labkit unix / direct queue": [5],
    }


def test_it_says_how_long_it_takes(capsys):
    """Half a minute when quick, two or three minutes with all there is."""
    bench.measure((), 8)
    assert capsys.readouterr().out == "Measuring 0 parts for about 0 s.\n"
    assert 20 < sum(part.seconds(3) for part in PARTS) < 70
    assert sum(part.seconds(8) for part in PARTS) < 180
