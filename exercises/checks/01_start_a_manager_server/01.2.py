"""01.2: the steps of a server stand in an order that works."""

import os
import queue

from labkit.grader.fixtures import ask, client_of, points, shown

KEY_BYTES = 48  # so long that the feedback shows its name in its place
TOLD_LATE = (
    "serve_forever() answers calls until the server ends: what stands below it is not "
    "reached before."
)


def _serve(answer):
    """Call serve() in a thread; return the call, the address it told, and the key."""
    key, told = os.urandom(KEY_BYTES), queue.Queue()
    call = answer.call("serve", key=key, tell=told.put)
    # It never ends when all is well; what it raises shows at once.
    for _ in range(20):
        try:
            return call, told.get(timeout=0.05), key
        except queue.Empty:
            if call.ended_within(0):
                break
    if call.ended_within(0):
        call.returns("", advice="A line uses a name that a later line makes.")
        raise AssertionError(f"{call} ended without a call of tell().")
    raise AssertionError(
        f"{call} has not called tell() after 1 s; expected the address. {TOLD_LATE}"
    )


@points(1, "tells the address that the server has")
def test_address_is_told(answer):
    """Clients are given an address with a real port."""
    call, address, _ = _serve(answer)
    assert isinstance(address, tuple), (
        f"{call} told {shown(address)}; expected the address, a pair of host and port."
    )
    assert address[1] != 0, (
        f"{call} passed on port 0; expected the port that the system chose. A manager keeps "
        "the address that it was given; the server that get_server() returns knows the "
        "real one."
    )


@points(2, "offers one queue to every client")
def test_clients_share_the_orders(answer):
    """One client puts an order, and another one gets it."""
    call, address, key = _serve(answer)
    advice = (
        "Register before get_server(), and make what get_orders() uses before "
        "serve_forever(): that one does not return."
    )
    call.ended_within(0.05)
    client = ask("connect()", lambda: client_of(address, key, "get_orders"), "Serve.")
    orders = ask("get_orders()", client.get_orders, advice)
    orders.put("tea")
    found = client.get_orders().qsize()
    assert found == 1, (
        f"One client put 'tea', and another one found {found} orders; expected 1. Make "
        "the queue once, outside of what the server calls at every get_orders()."
    )
