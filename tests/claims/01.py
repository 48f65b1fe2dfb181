"""What the cells of lesson 01 must show."""

from tests.claims import claim


@claim("01-first-order")
def a_client_reaches_the_queue_by_name_address_and_key(shown):
    """The class has another name, and the order arrives all the same."""
    assert "orders waiting: 1" in shown
    assert "AutoProxy" in shown


@claim("01-callable-runs")
def the_callable_runs_at_every_call(shown):
    """A class as callable makes a new queue for each call."""
    assert "first sees 1 and second sees 0" in shown


@claim("01-start-or-get-ends")
def start_serves_another_queue_in_a_child(shown):
    """get_server starts nothing; start makes a child that has its own queue."""
    assert "children after get_server: 0" in shown
    assert "children after start: 1" in shown
    assert "original: 0 served: 1" in shown
    assert "children after shutdown: 0" in shown


@claim("01-lambda-fails")
def a_lambda_cannot_be_sent(shown):
    """A spawned child cannot be sent a lambda."""
    assert "exit code: 1" in shown
    assert "PicklingError" in shown
    assert "started" not in shown


@claim("01-port-taken-raises")
def get_server_takes_the_address(shown):
    """Making a manager takes no address; get_server does, and fails."""
    assert "made the manager" in shown
    assert shown.error == "OSError"


@claim("01-interrupt")
def the_except_clause_never_runs(shown):
    """serve_forever catches Ctrl-C itself and ends the program with 0."""
    assert "exit code: 0" in shown
    assert "shutting down: False" in shown


@claim("01-source")
def the_source_shows_why(shown):
    """serve_forever ends by sys.exit, resets stdout; shutdown wants a connection."""
    assert "sys.exit(0)" in shown
    assert "sys.stdout = sys.__stdout__" in shown
    assert "shutdown wants: (self, c)" in shown


@claim("01-goodbye-checked")
def the_server_to_change_says_nothing_yet(shown):
    """Without a finally the last line never runs."""
    assert "Not yet." in shown


@claim("01-mp-queue-hangs")
def a_multiprocessing_queue_keeps_its_server_alive(shown):
    """The server says goodbye, and is still there a second later."""
    assert "Goodbye." in shown
    assert "mp_server still runs" in shown
    assert "by force" in shown


@claim("01-shop-server-works")
def the_mended_server_serves(shown):
    """Port and key from the file lead to the queue."""
    assert "orders waiting: 1" in shown


@claim("01-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
