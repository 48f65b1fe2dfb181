"""What the cells of lesson 02 must show."""

from tests.claims import claim


@claim("02-copy")
def a_result_is_a_copy(shown):
    """Appending to what a method returned changes nothing in the server."""
    assert "in stock: ['tea']" in shown


@claim("02-race-measured")
def sales_get_lost(shown):
    """Reading and writing are two calls, and other clients come between them."""
    assert shown.numbers("counted")[0] < 400


@claim("02-race-by-hand")
def one_of_two_sales_is_lost(shown):
    """Two clients that read before either writes count one sale."""
    assert "it says 8" in shown


@claim("02-race-locked")
def a_lock_in_the_server_loses_nothing(shown):
    """With a lock that all clients share every sale counts."""
    assert "counted 400" in shown


@claim("02-errors")
def an_error_leaves_its_lines_behind(shown):
    """The exception has its text, and no line of stock.py in its traceback."""
    assert "ValueError('a thing needs a name')" in shown
    assert "managers.py" in shown
    assert "stock.py" not in shown


@claim("02-generator-raises")
def a_generator_cannot_travel(shown):
    """The answer is a RemoteError with the server's traceback."""
    assert shown.error == "RemoteError"
    assert "generator" in shown.message


@claim("02-class-raises")
def an_unknown_class_cannot_be_unpickled(shown):
    """The class of an exception must be importable here."""
    assert shown.error == "ModuleNotFoundError"


@claim("02-expressions")
def only_public_methods_are_forwarded(shown):
    """Attributes, len and iteration fail; bool is true; str alone asks."""
    assert shown.count("fails:") == 3
    assert "bool(stock)  True" in shown
    assert "Deep object" in shown
    assert "AutoProxy" in shown


@claim("02-exposed")
def exposed_replaces_the_automatic_list(shown):
    """With __len__ forwarded, an empty stock is false; things is not offered."""
    assert "empty: 0 False" in shown
    assert "with tea: 1 True" in shown
    assert "offers things: False" in shown


@claim("02-live")
def a_typeid_turns_a_result_into_a_proxy(shown):
    """Appending to the proxied list reaches the server."""
    assert "in stock: ['sugar']" in shown


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


@claim("02-gone")
def a_proxy_can_be_printed_without_its_server(shown):
    """A call and bool fail; str says that it failed."""
    assert "add raises" in shown
    assert "str gives" in shown
    assert "failed" in shown
    assert "bool raises" in shown


@claim("02-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
