"""02.6: each line is run with a connected manager of a real server, then compared."""

import pickle

from labkit.grader.fixtures import points

PREDICTS = "what_works"
WORDS = ("works", "fails")
GONE = ", the server gone"


def _play(server, line):
    """Run a line as a client of a server, which ends before if the line says so."""
    client = server.client()
    orders = client.get_queue("one queue")
    orders.qsize()
    if line.endswith(GONE):
        server.kill()
    names = {"connected": client, "orders": orders, "pickle": pickle}
    try:
        exec(line.removesuffix(GONE), names)
    except Exception:  # noqa: BLE001 - that it fails is all that counts
        return "fails"
    return "works"


def _compare(prediction, server, reasons):
    for line, why in reasons.items():
        prediction.must_be(line, _play(server, line), why)


@points(2, "knows whose class a QueueManager is, and that a proxy keeps its key")
def test_class_and_pickle(prediction, server):
    """The class that tutorials import; a proxy, written down and read again."""
    reasons = {
        "from multiprocessing.managers import QueueManager": "The class is one that each "
        "program writes for itself, from BaseManager.",
        "pickle.loads(pickle.dumps(orders))": "The pickle has the address and not the "
        "key: a program that reads it uses its own, current_process().authkey.",
    }
    _compare(prediction, server, reasons)


@points(2, "knows who can shut a server down")
def test_end(prediction, server):
    """Two ways to end a server, tried by a client."""
    why = "Only start() gives a manager its shutdown(), for the server that it started."
    more = {"with connected: pass": f"It ends with that. {why}"}
    _compare(prediction, server, {"connected.shutdown()": why, **more})


@points(2, "knows what is left of a proxy without its server")
def test_gone(prediction, serve):
    """A proxy without its server."""
    reasons = {
        "orders.qsize()": "A call is a message, and nobody is there to get it.",
        "str(orders)": "str() asks, catches the error, and says so in its text.",
        "bool(orders)": "It asks nobody, so it misses nobody.",
    }
    for line, why in reasons.items():
        _compare(prediction, serve(), {line + GONE: why})
