"""The bench: its ratios, its doubts, its command."""

import json
import sys

import pytest

from labkit import bench
from labkit._bench import contests
from labkit._bench.contests import CONTESTS, Contest, Outcome
from labkit._bench.ratios import Ratio, disagreement, ratio_of
from labkit._throughput.catalog import TRANSPORTS
from labkit._throughput.measurements import Measurement
from labkit._throughput.trials import Shape

STEADY = (2.0, 2.02, 1.98, 2.01, 1.99)


def ratio(*rounds):
    """Return a ratio of these rounds."""
    return Ratio("ints over tcp", "labkit tcp", "plain tcp", 1.5, rounds)


def rates(name, *numbers):
    """Return a measurement of these repeats."""
    return Measurement(name, 8, 1, 1, 1, numbers)


def test_repeats_are_divided_in_pairs():
    """Each repeat by the one that was made beside it."""
    found = ratio_of(
        "ints",
        [rates("labkit tcp", 10, 40), rates("labkit tcp", 30)],
        [rates("plain tcp", 5, 10), rates("plain tcp", 10, 99)],
    )
    assert found.rounds == ((2, 4), (3,))
    assert (found.median, found.spread) == (3, pytest.approx(2 / 3))
    assert str(found) == "ints: labkit tcp is 3.00 times as fast as plain tcp"


def test_a_steady_ratio_is_not_doubted():
    """Two rounds that agree, repeats near each other."""
    assert ratio(STEADY, STEADY).doubt is None


def test_rounds_that_differ_are_doubted():
    """What a new process changes would also change from run to run."""
    doubt = ratio(STEADY, tuple(1.2 * one for one in STEADY)).doubt
    assert doubt == (
        "cannot be trusted: two rounds with new processes gave 2 and 2.4, 20% apart"
    )


def test_repeats_that_differ_are_doubted():
    """Another run may have its median anywhere among them."""
    assert "10 repeats lie between 1 and 3.1" in ratio(*[(1, 2, 3, 1.5, 3.1)] * 2).doubt
    assert "1 repeats" in ratio((2.0,)).doubt


def test_two_runs_are_compared():
    """Within 15 % they agree; beyond, the sentence tells whether either doubted."""
    steady = ratio(STEADY, STEADY)
    near, far = (ratio([factor * one for one in STEADY]) for factor in (1.1, 1.3))
    assert disagreement(steady, near) is None
    assert disagreement(steady, far) == (
        "ints over tcp: 2 before and 2.6 now, 30% apart, although neither run doubted"
        " it"
    )


def test_a_ratio_as_json():
    """Every raw value survives."""
    found = ratio(STEADY, STEADY)
    data = json.loads(json.dumps(found.to_dict()))
    assert Ratio.from_dict(data) == found
    assert (data["ratio"], data["goal"], data["doubt"]) == (2.0, 1.5, None)


def test_the_contests_name_real_transports():
    """And their ratios are among those that take part."""
    for contest in CONTESTS:
        assert {*contest.transports} <= {*TRANSPORTS}
        assert {n for _, *two, _ in contest.ratios for n in two} <= {
            *contest.transports
        }
    names = [name for contest in CONTESTS for name, *_ in contest.ratios]
    assert len(names) == len(set(names)) > 8


def test_the_table():
    """Aligned text, the ratios in words, a busy machine told of."""
    outcome = Outcome(
        "Ints",
        (rates("labkit tcp", 9000, 9100), rates("plain tcp", 1, 2)),
        (ratio(STEADY, STEADY), ratio((1.0, 9.0, 5.0), (2.0, 9.0, 9.0))),
    )
    assert (
        bench.table([outcome], busy_percent=80)
        == """\
Ints
  labkit tcp                      9,050 items/s       spread   1%
  plain tcp                         1.5 items/s       spread  67%

Ratios, each the median of pairs of repeats
  ints over tcp: labkit tcp is 2.00 times as fast as plain tcp (goal: 1.5)
  ints over tcp: labkit tcp is 7.00 times as fast as plain tcp (goal: 1.5)
    cannot be trusted: two rounds with new processes gave 5 and 9, 80% apart

None of this can be trusted: other programs used 80 % of the processors \
meanwhile. Close them and run it again."""
    )


@pytest.fixture
def small(monkeypatch):
    """Make the bench a small one: two quick contests, and one of first calls."""
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    two = ("pipe", "simple queue")
    few = (
        Contest("Ints", two, Shape(8, 1, items=20), (("ints", *two, 1.0),)),
        Contest("Connect", ("labkit tcp",), None),
    )
    monkeypatch.setattr(contests, "CONTESTS", few)


@pytest.mark.usefixtures("small")
def test_the_command(tmp_path, capsys):
    """The table, the picture, the JSON with every repeat, and a comparison."""
    old, new, png = (tmp_path / name for name in ("old.json", "new.json", "new.png"))
    earlier = Ratio("ints", "pipe", "simple queue", 1.0, ((1e6,),))
    old.write_text(json.dumps({"ratios": {"ints": earlier.to_dict()}}))
    files = ["--json", str(new), "--png", str(png), "--check", str(old)]
    assert bench.main(["--budget", "12", *files]) == 1
    said = capsys.readouterr().out
    assert "connections/s" in said
    assert "0 of 1 ratios agree within 15% with the earlier run" in said
    assert "ints: 1e+06 before and " in said
    data = json.loads(new.read_text("utf-8"))
    assert data["took_s"] <= 12
    assert [len(one) for one in data["ratios"]["ints"]["rounds"]] == [8, 8]
    assert len(data["contests"][0]["measurements"][0]["rates_per_s"]) == 16
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_file_that_is_no_bench(tmp_path, capsys):
    """It is refused before anything is measured."""
    path = tmp_path / "old.json"
    path.write_text("[]")
    assert bench.main(["--check", str(path)]) == 2
    assert "old.json is not a file that bench --json wrote" in capsys.readouterr().err


def test_a_budget_out_of_range(capsys):
    """The message gives the range."""
    with pytest.raises(SystemExit):
        bench.main(["--budget", "1"])
    assert "give 5 to 3600" in capsys.readouterr().err
