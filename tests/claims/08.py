"""What the cells of lesson 08 must show."""

import sys

from tests.claims import claim


@claim("08-get-loses")
def get_loses_the_order_with_the_worker(shown):
    """After get the server has forgotten the order."""
    assert "packing tea" in shown
    assert "orders in the queue: 0" in shown


@claim("08-lease")
def a_lent_item_comes_back(shown):
    """When the lease is over, somebody else receives the order."""
    assert "received again: milk" in shown


@claim("08-receipt-keeps")
def a_dead_worker_is_noticed_at_once(shown):
    """The order is back within a second of the kill."""
    assert "lent: 1" in shown
    assert shown.numbers("back after")[0] < 1


@claim("08-late")
def a_slow_worker_is_told(shown):
    """Its receipt is no longer open, and the message says that work was done twice."""
    assert "not open" in shown
    assert "twice" in shown


@claim("08-modify-pack")
def the_work_is_not_idempotent_yet(shown):
    """Three teas are packed for two customers."""
    assert "Not yet" in shown


@claim("08-poison")
def a_poisonous_item_is_given_up(shown):
    """It is tried five times, and then no longer in the way."""
    assert shown.count("'two cups'") == 6
    assert "'3'] and dead letters: ['two cups']" in shown


@claim("08-ghosts-plain")
def each_ghost_takes_an_order(shown):
    """Three dead clients take three orders with them."""
    assert "the next get returns 4" in shown


@claim("08-ghosts-labkit")
def labkit_has_no_ghosts(shown):
    """Dead clients take nothing."""
    assert "labkit's server returns 1" in shown
    assert "still has [2, 3, 4]" in shown


@claim("08-interrupt")
def a_plain_connection_is_out_of_step(shown):
    """qsize() returns what the interrupted get was sent."""
    assert "interrupted" in shown or sys.platform == "win32"
    assert "a plain proxy says 'tea'" in shown


@claim("08-interrupt-labkit")
def labkit_throws_the_connection_away(shown):
    """The next calls get their own answers."""
    assert "labkit's proxy says 1 and gets tea" in shown


@claim("08-server-dies")
def a_dead_server_has_several_errors(shown):
    """The call under way ends with EOFError, the last one is refused."""
    assert "EOFError" in shown or "ConnectionResetError" in shown
    assert "ConnectionRefusedError" in shown
    assert "the witness ended with 0" in shown


@claim("08-journal")
def a_journal_survives_its_server(shown):
    """Without a journal nothing is left, with one everything."""
    assert "without a journal: 0" in shown
    assert "with a journal: 100" in shown


@claim("08-outcome")
def a_lost_reply_leaves_the_outcome_open(shown):
    """The proxy says that the put may or may not have happened."""
    assert shown.error == "OutcomeUnknownError"


@claim("08-outcome-known")
def the_put_did_not_happen_here(shown):
    """The journal holds the first order alone."""
    assert "['tea']" in shown


@claim("08-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
