"""What the cells of lesson 08 must show."""

import sys

from tests.claims import claim

SHOWS = {
    "08-get-loses": ["packing tea", "orders in the queue: 0"],
    "08-lease": ["received again: milk"],
    "08-late": ["not open", "twice"],
    "08-modify-pack": ["Not yet"],
    "08-ghosts-plain": ["the next get returns 4"],
    "08-ghosts-labkit": ["labkit's server returns 1", "still has [2, 3, 4]"],
    "08-interrupt-labkit": ["labkit's proxy says 1 and gets tea"],
    "08-journal": ["without a journal: 0", "with a journal: 100"],
    "08-outcome": ["OutcomeUnknownError: "],
    "08-outcome-known": ["['tea']"],
    "08-clean-up-run": ["still running: []"],
}


@claim("08-receipt-keeps")
def a_dead_worker_is_noticed_at_once(shown):
    """The order is back within a second of the kill."""
    assert "lent: 1" in shown
    assert shown.numbers("back after")[0] < 1


@claim("08-poison")
def a_poisonous_item_is_given_up(shown):
    """It is tried five times, and then no longer in the way."""
    assert shown.count("'two cups'") == 6
    assert "'3'] and dead letters: ['two cups']" in shown


@claim("08-interrupt")
def a_plain_connection_is_out_of_step(shown):
    """qsize() returns what the interrupted get was sent."""
    assert "interrupted" in shown or sys.platform == "win32"
    assert "a plain proxy says 'tea'" in shown


@claim("08-server-dies")
def a_dead_server_has_several_errors(shown):
    """The call under way ends with EOFError, the last one is refused."""
    assert "EOFError" in shown or "ConnectionResetError" in shown
    assert "ConnectionRefusedError" in shown
    assert "the witness ended with 0" in shown
