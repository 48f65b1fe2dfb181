"""What the cells of lesson 03 must show."""

from tests.claims import claim


@claim("03-keyless-refused")
def processes_that_start_separately_have_other_keys(shown):
    """Without an authkey, each process uses its own random one."""
    assert "AuthenticationError" in shown


@claim("03-challenge")
def the_server_speaks_first(shown):
    """A challenge arrives before the client has said anything."""
    assert "#CHALLENGE#" in shown


@claim("03-digest")
def the_right_digest_is_welcome(shown):
    """A digest made by hand opens the connection."""
    assert "the server says b'#WELCOME#'" in shown


@claim("03-both")
def the_server_proves_itself_too(shown):
    """The server answers the client's challenge, and then its first call."""
    assert "the server knows the key: True" in shown
    assert "('#RETURN', None)" in shown


@claim("03-wrong-raises")
def a_key_that_is_nearly_right_is_wrong(shown):
    """The client is refused."""
    assert shown.error == "AuthenticationError"


@claim("03-wrong-raised")
def the_server_goes_on(shown):
    """A refused client does not end the server."""
    assert "the server is alive: True" in shown


@claim("03-stranger")
def a_stranger_gets_the_traceback(shown):
    """A plain server tells a stranger its folders."""
    assert "#FAILURE#" in shown
    assert "connection.py" in shown


@claim("03-postcard")
def a_relay_reads_name_and_letter(shown):
    """The call crosses the wire in the open, the key does not."""
    assert "put" in shown
    assert "4711" in shown


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


@claim("03-shutdown")
def a_key_holder_can_end_the_server(shown):
    """One message ends a plain server."""
    assert "the office ended with 0" in shown


@claim("03-silent")
def strangers_cost_threads(shown):
    """Each silent stranger costs a plain server a thread."""
    assert 15 <= shown.numbers("threads:")[0] <= 25  # a few come and go meanwhile


@claim("03-argv")
def arguments_and_environment_show_a_key(shown):
    """The visitor inherited the key, and the list of processes shows it."""
    assert "a key came with me: True" in shown
    assert "in the list of processes: True" in shown


@claim("03-file")
def the_file_holds_a_long_key(shown):
    """The key has 32 bytes."""
    assert "32 bytes" in shown


@claim("03-weak-raises")
def a_known_key_is_refused(shown):
    """labkit serves no network with a key that everybody knows."""
    assert shown.error == "WeakKeyError"


@claim("03-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
