"""04.2: an empty queue, a lost link and a bug do not look alike."""

import queue

import pytest

from labkit.grader.fixtures import points, shown

ORDERS = ["order 1", "order 2"]
GOES_ON = (
    "It must return when get(timeout=idle_s) says that nothing came, or that the link is "
    "lost. The first argument of get() is block: name the timeout."
)


@points(2, 'works on every order and returns "empty" when no more come')
def test_silence_is_empty(answer, server):
    """Two orders are waiting, and no more come."""
    seen = []
    orders = server.queue(ORDERS)
    call = answer.call("consume", orders=orders, work=seen.append, idle_s=0.2)
    end = call.returns(GOES_ON)
    assert (seen, end) == (ORDERS, "empty"), (
        f"{call} returned {shown(end)} after {', '.join(seen) or 'no order'}; expected "
        "'empty'. The message of queue.Empty is '', and a name that is used but not "
        "imported raises NameError at its first use: who hears of it?"
    )


@points(1, "lets a bug in work() propagate")
def test_bug_comes_out(answer, server):
    """The work divides by zero."""

    def work(order):
        return len(order) / 0

    _must_come_out(answer, server, work, ZeroDivisionError)


@points(1, 'returns "lost" when the server goes while it waits')
def test_server_gone_while_waiting(answer, serve):
    """The server's process is killed while the consumer waits for an order."""
    server = serve()
    orders = server.queue()
    call = answer.call("consume", orders=orders, work=print, idle_s=5)
    call.ended_within(0.1)
    server.kill()
    _must_be_lost(call, "the server went while it waited (EOFError)")


@points(1, 'returns "lost" when the link is broken before it asks')
def test_server_gone_before_asking(answer, serve):
    """The link breaks during the work, and the work was the first to meet it."""
    server = serve()
    orders = server.queue(ORDERS)

    def work(_):
        server.kill()
        with pytest.raises((EOFError, OSError)):
            orders.qsize()

    call = answer.call("consume", orders=orders, work=work, idle_s=5)
    _must_be_lost(call, "the link broke before it asked (a ConnectionError)")


@points(1, "takes an error of work() for what it is, whatever its class")
def test_errors_of_work_are_not_the_queues(answer, server):
    """The work uses a queue and a link of its own, and these fail."""
    for kind in (queue.Empty, EOFError, ConnectionResetError):

        def work(_, kind=kind):
            raise kind("of the work")

        _must_come_out(answer, server, work, kind)


def _must_come_out(answer, server, work, kind):
    orders = server.queue(ORDERS)
    call = answer.call("consume", orders=orders, work=work, idle_s=0.3)
    call.ends(GOES_ON)
    assert isinstance(call.error, kind), (
        f"{call} {call.outcome} when work('order 1') raised {kind.__name__}; expected that error "
        "to propagate. Put the get() alone between try and except, and name the classes."
    )


def _must_be_lost(call, what):
    call.ends(GOES_ON)
    assert call.value == "lost", (
        f"{call} {call.outcome} when {what}; expected 'lost'. "
        "Catch EOFError and ConnectionError around the get()."
    )
