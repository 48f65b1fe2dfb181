"""04.8: consumer.py makes each order, and tells the end from a lost server."""

import contextlib
import queue

from labkit.grader.fixtures import START_METHODS, Plain, points, shown, until

KEY = b"beans"
ORDERS = ["2 teapots", "", 0, "milk"]
WORDS = [f"made {order}" for order in ORDERS]


@points(2, "makes every order, and ends at the None, on every start method")
def test_makes_orders(script, serve):
    """Four orders and a None come, some of them late."""
    server = serve(Plain, ("127.0.0.1", 0), KEY)
    orders = server.manager.get_orders()
    for method in START_METHODS:
        program = script("consumer.py", server.address[1], method)
        for order in (*ORDERS, None):
            with contextlib.suppress(queue.Full):
                orders.put(order, timeout=0.5)
        program.must_end("None says that no order follows.")
        assert program.said().splitlines() == WORDS, (
            f"{program} printed {shown(program.said().splitlines())}; expected "
            f"{WORDS}. Only None isn't an order, and the queue is the server's."
        )


@points(2, "says in a line that the server has gone, and ends with exit code 1")
def test_server_goes(script, serve):
    """The server is killed while the consumer waits."""
    server = serve(Plain, ("127.0.0.1", 0), KEY)
    server.manager.get_orders().put("tea")
    program = script("consumer.py", server.address[1])
    until(lambda: "made tea" in program.said() or not program.process.is_alive())
    server.kill()
    code, said = program.ends(), program.said()
    assert "Traceback" not in said, (
        "When its server was killed, consumer.py printed a traceback; expected one line "
        "that a person understands. Which call fails, and with which errors?"
    )
    assert code is not None, (
        "When its server was killed, consumer.py went on; expected it to end."
    )
    assert code == 1, (
        f"When its server was killed, consumer.py ended with exit code {code}; expected "
        "1, so that others can tell this from a day when all orders were made."
    )
