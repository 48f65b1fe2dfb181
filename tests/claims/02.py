"""What the cells of lesson 02 must show."""

from tests.claims import claim

SHOWS = {
    "02-copy": ["in stock: ['tea']"],
    "02-race-by-hand": ["it says 8"],
    "02-race-locked": ["counted 400"],
    "02-generator-raises": ["RemoteError: ", "generator"],
    "02-class-raises": ["ModuleNotFoundError: "],
    "02-exposed": ["empty: 0 False", "with tea: 1 True", "offers things: False"],
    "02-live": ["in stock: ['sugar']"],
    "02-gone": ["add raises", "str gives", "failed", "bool raises"],
    "02-clean-up-run": ["still running: []"],
}


@claim("02-race-measured")
def sales_get_lost(shown):
    """Reading and writing are two calls, and other clients come between them."""
    assert shown.numbers("counted")[0] < 400


@claim("02-errors")
def an_error_leaves_its_lines_behind(shown):
    """The exception has its text, and no line of stock.py in its traceback."""
    assert "ValueError('a thing needs a name')" in shown
    assert "managers.py" in shown
    assert "stock.py" not in shown


@claim("02-expressions")
def only_public_methods_are_forwarded(shown):
    """Attributes, len and iteration fail; bool is true; str alone asks."""
    assert shown.count("fails:") == 3
    assert "bool(stock)  True" in shown
    assert "Deep object" in shown
    assert "AutoProxy" in shown


@claim("02-five")
def the_first_answer_takes_five_connections(shown):
    """Connecting, making a proxy and the first call open five connections."""
    assert "connections: 5" in shown
    for name in ("dummy", "create", "incref", "decref", "accept_connection", "add"):
        assert f"{name}(" in shown


@claim("02-sequence")
def a_new_thread_proves_its_key_first(shown):
    """Another thread opens its own connection, with a challenge each way."""
    assert shown.count("challenge") >= 2
    assert "accept_connection" in shown
