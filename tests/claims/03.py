"""What the cells of lesson 03 must show."""

from tests.claims import claim

SHOWS = {
    "03-keyless-refused": ["AuthenticationError"],
    "03-challenge": ["#CHALLENGE#"],
    "03-digest": ["the server says b'#WELCOME#'"],
    "03-both": ["the server knows the key: True", "('#RETURN', None)"],
    "03-wrong-raises": ["AuthenticationError: "],
    "03-wrong-raised": ["the server is alive: True"],
    "03-stranger": ["#FAILURE#", "connection.py"],
    "03-postcard": ["put", "4711"],
    "03-shutdown": ["the office ended with 0"],
    "03-argv": ["a key came with me: True", "in the list of processes: True"],
    "03-file": ["32 bytes"],
    "03-weak-raises": ["WeakKeyError: "],
    "03-clean-up-run": ["still running: []"],
}


@claim("03-guess")
def a_short_key_is_found_at_once(shown):
    """The recorded handshake gives the key away within two seconds."""
    assert "b'abc'" in shown
    assert shown.numbers("after")[0] < 2000


@claim("03-guess-random")
def a_random_key_is_not_found(shown):
    """Trying all keys of 32 bytes takes longer than the universe is old."""
    assert shown.numbers("second:")[0] > 1e50


@claim("03-pickle")
def a_pickle_runs_in_the_server(shown):
    """The function that the sender named was called in the office."""
    office, returned = shown.numbers("office:") + shown.numbers("returned:")
    assert office == returned


@claim("03-silent")
def strangers_cost_threads(shown):
    """Each silent stranger costs a plain server a thread."""
    assert 15 <= shown.numbers("threads:")[0] <= 25  # a few come and go meanwhile
