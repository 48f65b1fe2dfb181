"""What the cells of lesson 07 must show."""

import sys

from tests.claims import claim

ON_LINUX = sys.platform == "linux"

SHOWS = {
    "07-opaque-raises": ["RemoteError: ", "Can't get attribute 'Note'"],
    "07-opaque": ["through labkit's server: Note(text='hello')"],
    "07-buffered": ["without a flush: a letter alone", "at the end: 250"],
    "07-modify-buffer": ["Not yet."],
    "07-clean-up-run": ["still running: []"],
}


def times(line):
    """Return a line's milliseconds: first answer, put, get."""
    parts = line.split("first answer ")[1].replace(",", "").split()
    return float(parts[0]), float(parts[3]), float(parts[6])


@claim("07-lists")
def a_batch_is_one_round_trip(shown):
    """All letters are there each time, and put_many is several times as fast."""
    assert shown.count("in the queue: 1000 and taken: 1000") == 2
    assert shown.numbers("put_many is")[0] > 8


@claim("07-sweep-holds")
def lists_bring_the_proxy_near(shown):
    """Streamed lists are near direct ones, ahead of waiting, far beyond single items."""
    batches, ahead, singly = (
        float(line.split("times")[0].split()[-1]) for line in shown.splitlines()[:3]
    )
    assert batches > 0.3
    assert ahead > 1
    assert singly > 10


@claim("07-prefetched")
def a_consumer_fetches_ahead(shown):
    """One list is in hand, others are on their way, and nothing is lost."""
    on_way, waiting = shown.numbers("hand,")[0], shown.numbers("queue:")[0]
    assert shown.startswith("100 in hand")
    assert on_way + waiting == 900


@claim("07-pause")
def plain_tcp_pauses(shown):
    """On Linux five connections pause, then each put and each get."""
    if ON_LINUX:
        first, put, get = times(shown)
        assert first > 150
        assert min(put, get) > 35


@claim("07-sides")
def each_side_hurries_what_it_writes(shown):
    """On Linux the client's option helps put, the server's get, both help both."""
    if ON_LINUX:
        client, server, both = map(times, shown.splitlines()[:3])
        quick, slow = (client[1], server[2], *both[1:]), (client[2], server[1])
        assert max(quick) * 3 < min(slow)
        assert client[0] < server[0]


@claim("07-unix")
def a_unix_socket_does_not_pause(shown):
    """Without any option, put and get take a few milliseconds at most."""
    if ON_LINUX:
        assert max(times(shown.splitlines()[0])[1:]) < 12
    assert shown.count("µs a call") == 2


@claim("07-endings")
def signals_lose_the_buffer(shown):
    """An end and an error flush; SIGTERM and SIGKILL do not."""
    for counted in ("'end': 250", "'error': 250", "'SIGTERM': 200", "'SIGKILL': 200"):
        assert counted in shown


@claim("07-table")
def the_pauses_are_the_largest_gain(shown):
    """On Linux one of the first two rows is the largest; no call costs far more than plain."""
    ratios = shown.numbers(r"(?:plain|lists|direct) ")
    assert len(ratios) == 5
    assert ratios[2] > 0.4  # beside other work, in one short run
    if ON_LINUX:
        assert max(ratios) == max(ratios[:2])
