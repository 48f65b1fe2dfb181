"""06.1: the clock of a measurement stops when the consumer has the last order."""

import math

from labkit.grader.fixtures import points, shown

NO_WAIT = "wait() returns as soon as the consumer has the last order."


class _Scene:
    """A queue, an event and a clock, in a time that goes on only when they are used.

    Parameters
    ----------
    put_s : float
        What each put() takes.
    arrived_s : float
        When the consumer has the last order, counted from the start.
    """

    def __init__(self, put_s, arrived_s):
        self.put_s, self.arrived_s = put_s, arrived_s
        self.now = 0.0
        self.begin = self.last_read = None
        self.used = set()

    def __getattr__(self, name):
        # A queue and an event have more methods than those that count here.
        self.used.add(name)
        return lambda *_args, **_named: None

    def clock(self):
        if self.begin is None:
            self.begin = self.now
        self.last_read = self.now
        return self.now

    def put(self, _order):
        self.now += self.put_s

    def empty(self):
        self.used.add("empty")
        return True

    def qsize(self):
        self.used.add("empty")
        return 0

    def is_set(self):
        self.used.add("is_set")
        self.now += 0.001  # or else a loop around it would have no end
        return self.now >= self.arrived_s

    def wait(self, timeout=None):
        self.used.add("wait" if timeout is None else "short wait")
        left = max(self.arrived_s - self.now, 0)
        self.now += left if timeout is None else min(left, timeout)
        return self.now >= self.arrived_s


def _must_be(answer, scene, wanted):
    """Let the answer measure 200 orders, and compare."""
    orders = [f"order {number}" for number in range(200)]
    call = answer.call(
        "rate", tasks=scene, orders=orders, arrived=scene, clock=scene.clock
    )
    got = call.returns(NO_WAIT)
    assert isinstance(got, int | float), (
        f"{call} returned {shown(got)}; expected a number of orders a second."
    )
    assert math.isclose(got, wanted, rel_tol=0.01), (
        f"{call} returned {got:,.0f} a second; expected {wanted:,.0f}. "
        f"{_likely(scene, got)}"
    )


LIKELY = {
    "wait": "It waits for the consumer, but after it has read the clock: read it when "
    "wait() has returned.",
    "short wait": "wait() with a timeout gave up before the last order was there.",
    "is_set": "is_set() looks once, and does not wait: call arrived.wait().",
    "empty": "empty() and qsize() know nothing of orders that the feeder still holds, "
    "or that are on their way: call arrived.wait().",
}


def _likely(scene, got):
    """Say what the answer most likely did instead."""
    if math.isclose(got, scene.arrived_s, rel_tol=0.01):
        return "These are the seconds: divide the number of orders by them."
    if scene.begin:
        return "The clock has to start before the first put()."
    nothing = (
        "Nothing in it waits for the consumer: call arrived.wait() after the loop."
    )
    return next((LIKELY[used] for used in LIKELY if used in scene.used), nothing)


@points(3, "stops the clock when the last order has arrived")
def test_stops_when_the_last_has_arrived(answer):
    """The puts take 0.2 s; the last order arrives after 2 s."""
    _must_be(answer, _Scene(put_s=0.001, arrived_s=2.0), 100)


@points(1, "counts the time of the puts, too")
def test_slow_puts_count(answer):
    """The puts take 2 s; the last order arrives half a second later."""
    _must_be(answer, _Scene(put_s=0.01, arrived_s=2.5), 80)
