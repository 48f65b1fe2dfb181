"""What the cells of lesson 06 must show."""

import sys

from tests.claims import claim

ON_LINUX = sys.platform == "linux"

SHOWS = {
    "06-clean-up-run": ["still running: []"],
}


@claim("06-put")
def put_is_faster_than_the_queue(shown):
    """The rate of put is at least twice the rate at which letters arrive."""
    put, got = shown.numbers("put")[0], shown.numbers("got")[0]
    assert put > 2 * got


@claim("06-short")
def a_short_run_measures_the_start(shown):
    """Only the rate that includes the start falls to a quarter or less."""
    assert shown.numbers("all:")[0] > 4


@claim("06-pickle")
def a_repeated_letter_is_written_once(shown):
    """A megabyte against a few kilobytes."""
    assert shown.numbers("letters")[0] > 1_000_000
    assert shown.numbers("same")[0] < 10_000


@claim("06-compare")
def the_pictures_words_name_all_four(shown):
    """Four transports are measured side by side."""
    for name in ("direct queue", "simple queue", "pipe", "plain tcp"):
        assert name in shown or name in shown.html


@claim("06-repeats")
def direct_is_faster_in_every_pair(shown):
    """No neighbour over TCP beats its direct queue."""
    line = shown.split("pair by pair:")[1].splitlines()[0]
    ratios = [float(word) for word in line.split()]
    assert len(ratios) >= 3
    assert min(ratios) > 1


@claim("06-latency")
def latency_is_another_question(shown):
    """A single order gains less than a stream does."""
    rate, sooner = _gains(shown)
    assert sooner < rate


def _gains(shown):
    line = next(one for one in shown.splitlines() if "times the rate" in one)
    rate, sooner = line.split(" times the rate, ")
    return float(rate), float(sooner.split()[0])


@claim("06-sweep")
def tcp_over_loopback_has_a_cliff(shown):
    """On Linux the slowest size is one of those in the middle, 40 ms or more."""
    if ON_LINUX:
        assert "slowest: 20 KiB" in shown or "slowest: 60 KiB" in shown
        assert shown.numbers("KiB,")[0] > 40


@claim("06-nagle")
def two_writes_wait_for_each_other(shown):
    """On Linux two writes pause, one write or TCP_NODELAY do not."""
    two, one, nodelay = (
        shown.numbers(way)[0]
        for way in ("two writes", "one write", "two writes with TCP_NODELAY")
    )
    if ON_LINUX:
        assert two > 30
        assert max(one, nodelay) * 3 < two


@claim("06-wire")
def a_wire_has_no_cliff(shown):
    """With segments of 1,460 bytes the two writes do not pause."""
    assert shown.numbers("two writes")[0] < 20


@claim("06-fit")
def a_model_predicts_what_it_was_not_shown(shown):
    """Within a factor of three, with other programs running beside it."""
    expected, measured = (shown.numbers(word)[0] for word in ("predicted", "measured"))
    assert 1 / 3 < measured / expected < 3


@claim("06-size")
def the_cliff_is_named(shown):
    """On Linux the model of TCP says where a call costs far more."""
    if ON_LINUX:
        assert "ms more" in shown
