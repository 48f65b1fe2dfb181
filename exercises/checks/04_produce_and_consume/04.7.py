"""04.7: producer.py puts ten orders and a None, or says that there is no server."""

from labkit.grader.fixtures import START_METHODS, Plain, points, shown, until

KEY = b"beans"
ORDERS = [*(f"order {number}" for number in range(10)), None]


def _taken(orders, program):
    """Take what the producer puts, until nothing more comes."""
    taken = []
    while len(taken) < len(ORDERS) + 1:
        until(lambda: orders.qsize() or not program.process.is_alive())
        if not orders.qsize():
            break
        taken.append(orders.get())
    return taken


@points(3, "puts ten orders and a None, on every start method")
def test_puts_orders(script, serve):
    """A server with room for three orders is there, and somebody takes them."""
    server = serve(Plain, ("127.0.0.1", 0), KEY)
    for method in START_METHODS:
        program = script("producer.py", server.address[1], method)
        taken = _taken(server.manager.get_orders(), program)
        assert not program.trouble(), program.trouble()
        assert taken, (
            f"Nothing came to the server's queue from {program}; expected ten orders. A "
            "queue that a program makes itself stays inside that program: ask the "
            "manager for the server's."
        )
        assert taken == ORDERS, (
            f"{program} put {shown(taken)}; expected 'order 0' to 'order 9', then None."
        )
        program.must_end("After the None there is nothing left to do.")


@points(1, "says in a line that there is no server, and ends with exit code 1")
def test_no_server(script):
    """Nobody listens at the address."""
    program = script("producer.py")
    code, said = program.ends(), program.said()
    assert "Traceback" not in said, (
        "With no server to connect to, producer.py printed a traceback; expected one "
        "line that a person understands. Which call fails, and with which error?"
    )
    assert code == 1, (
        f"With no server to connect to, producer.py ended with exit code {code}; "
        "expected 1. Other programs look at that number, not at the words."
    )
    assert said, (
        "With no server to connect to, producer.py said nothing; expected one line."
    )
